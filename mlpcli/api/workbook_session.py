"""A session with the workbooks: one question after the other, hints, judgements."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from mlpcli.api import workbook_progress
from mlpcli.api.workbook_progress import MAX_ANSWER_LENGTH, Entry, Progress, Status
from mlpcli.checks.questions.judging import judge
from mlpcli.checks.questions.question import QUESTIONS, Question, find
from mlpcli.errors import ConfigError, nearest

Questions = Sequence[Question]
YES, NO = ("y", "yes"), ("n", "no")

Kind = Literal[
    "blank", "help", "hint", "no hint", "answer", "right", "wrong", "unreadable", "compare",
    "yes or no", "noted", "skipped",
]  # fmt: skip  # in the order in which they may come


class Reply(NamedTuple):
    """What there is to say about a line that a learner typed."""

    kind: Kind
    text: str = ""  # a hint, a reason, a model answer
    number: int = 0  # of the hint


@dataclass
class Session:
    """The questions that are asked, and where it stands; `reply` moves it on."""

    chosen: Questions
    questions: Questions  # of the chosen ones, those that are asked
    progress: Progress
    position: int = 0
    hints: int = 0  # that were given to the current question
    answer: str | None = None  # one in words that waits for its writer's judgement

    @property
    def question(self) -> Question | None:
        """The question that is asked; None at the end."""
        return self.questions[self.position] if self.position < len(self.questions) else None

    def reply(self, line: str) -> Reply:
        """Mutates the session by a line, and keeps what is to be kept in the file of progress."""
        question, word = self.question, line.strip().lower()
        assert question
        if self.answer is not None:
            return self._compared(question, word)
        if word == "hint":
            return self._hint(question)
        if word == "answer":
            self._keep(question, "shown")
            self._next()
            return Reply("answer", question.answer)
        if word == "skip":
            self._next()
            return Reply("skipped")
        if word in ("help", "?", ""):
            return Reply("help" if word else "blank")
        return self._judged(question, line.strip())

    def _hint(self, question: Question) -> Reply:
        if self.hints == len(question.hints):
            return Reply("no hint")
        self.hints += 1
        return Reply("hint", question.hints[self.hints - 1], self.hints)

    def _judged(self, question: Question, answer: str) -> Reply:
        if not question.judged:
            self.answer = answer
            return Reply("compare", question.answer)
        judgement = judge(question, answer)
        if not judgement.readable:
            return Reply("unreadable", judgement.reason)
        self._keep(question, "right" if judgement.right else "wrong", answer)
        if judgement.right:
            self._next()
            return Reply("right")
        return Reply("wrong", judgement.reason)

    def _compared(self, question: Question, word: str) -> Reply:
        if word not in YES + NO:
            return Reply("yes or no")
        self._keep(question, "matched" if word in YES else "differed", self.answer or "")
        self._next()
        return Reply("noted")

    def _keep(self, question: Question, status: Status, answer: str = "") -> None:
        before = self.progress.questions.get(question.id)
        tries = (before.tries if before else 0) + (status in ("right", "wrong"))
        hints = max(self.hints, before.hints if before else 0)
        entry = Entry(status=status, answer=answer[:MAX_ANSWER_LENGTH], tries=tries, hints=hints)
        self.progress.questions[question.id] = entry
        workbook_progress.save({question.id: entry})

    def _next(self) -> None:
        self.position, self.hints, self.answer = self.position + 1, 0, None


def is_unfinished(text: str) -> bool:
    r"""Whether an answer continues on the next line, as pasted LaTeX does.

    >>> is_unfinished(r"\\begin{align} CE &= "), is_unfinished("h3 - y"), is_unfinished("exp(")
    (True, False, False)
    """
    opened, ended = (len(re.findall(rf"\\{each}\b", text)) for each in ("begin", "end"))
    displayed, closed = (len(re.findall(each, text)) for each in (r"\\\[", r"\\\]"))
    is_open = text.count("{") > text.count("}")
    return opened > ended or displayed > closed or is_open or text.rstrip().endswith(("=", "\\"))


def begin(questions: Questions, *, again: bool) -> Session:
    """A session with the questions that are not done yet; again: with all."""
    progress = workbook_progress.load()
    left = [question for question in questions if again or not progress.is_done(question)]
    return Session(questions, left, progress)


def select(section: str | None, name: str | None) -> Questions:
    """All questions, those of a section or workbook, or one; raises ConfigError for another."""
    if section and name:
        raise ConfigError("--question: names one question; leave out --section")
    if name:
        return [named(name)]
    if section is None:
        return QUESTIONS
    wanted = section.strip().lower()
    found = [q for q in QUESTIONS if wanted in (q.code.lower(), q.section.lower())]
    if not found and wanted.isdecimal():
        found = [q for q in QUESTIONS if q.workbook == int(wanted)]
    found = found or [q for q in QUESTIONS if wanted in q.section.lower()]
    if not found:
        near = nearest(
            section, dict.fromkeys([*(q.code for q in QUESTIONS), *(q.section for q in QUESTIONS)])
        )
        raise ConfigError(f"--section: no such section {section!r}; {_hint(near)}")
    return found


def named(name: str) -> Question:
    """The question with an id; raises ConfigError with the nearest one."""
    if question := find(name):
        return question
    near = nearest(name, [question.id for question in QUESTIONS])
    raise ConfigError(f"no such question {name!r:.60}; {_hint(near)}")


def _hint(near: str | None) -> str:
    return f"did you mean {near!r}?" if near else "`mlp workbook --list` shows all"
