"""A file of answers to the workbooks: a template to fill in, and its judgement."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from mlpcli import files
from mlpcli.api import rubric as rubrics
from mlpcli.api.workbook_session import named
from mlpcli.checks.questions.judging import judge
from mlpcli.checks.questions.notation import plain_text
from mlpcli.checks.questions.question import Question
from mlpcli.config import yaml_source
from mlpcli.config.yaml_source import Tree
from mlpcli.errors import ConfigError

MAX_FILE_SIZE = 4_000_000  # bytes
WIDTH = 98  # columns of a template
HEAD = """\
# Answers to the questions of the workbooks, each between the quotes: '2x e^(x^2)'. A quote in an
# answer is written twice: 'f''(g(x))'. Answers in words are not judged. To check the file:
#     {command}
"""

# unreadable: not understood, and so wrong; written: an answer in words
Status = Literal["right", "wrong", "unreadable", "blank", "written"]


class Answer(NamedTuple):
    """The answer to one question, judged."""

    question: Question
    text: str
    status: Status
    reason: str = ""
    max_points: float = 1.0

    @property
    def points(self) -> float:
        """All points, or none."""
        return self.max_points if self.status == "right" else 0.0

    @property
    def ok(self) -> bool:
        """Whether nothing is left to do."""
        return self.status in ("right", "written")


class Answers(NamedTuple):
    """A file of answers, judged."""

    file: str
    answers: list[Answer]
    has_rubric: bool

    @property
    def ok(self) -> bool:
        """Whether no answer is wrong or blank."""
        return all(answer.ok for answer in self.answers)

    @property
    def judged(self) -> list[Answer]:
        """Those that are not in words."""
        return [answer for answer in self.answers if answer.question.judged]

    def count(self, *statuses: Status) -> int:
        """How many answers have one of these statuses."""
        return sum(answer.status in statuses for answer in self.answers)


def template(questions: Iterable[Question], *, command: str) -> str:
    """A YAML file with every question as a comment and a blank for its answer.

    command: one line, which judges the file; its head shows it.
    """
    from textwrap import wrap

    lines, section = [HEAD.format(command=command)], ""
    for question in questions:
        if question.section != section:
            section = question.section
            lines.append(f"# Workbook {question.workbook:02}: {section}\n")
        text = plain_text(question.prompt) + ("" if question.judged else " (in words)")
        lines += [f"# {line}" for line in wrap(text, WIDTH, break_long_words=False)]
        key = f"'{question.id}'" if question.id[0].isdecimal() else question.id  # 2.3 is a number
        lines.append(f"{key}: ''\n")
    return "\n".join(lines).rstrip("\n") + "\n"


def judge_file(path: Path, questions: Sequence[Question], *, rubric: Path | None) -> Answers:
    """The judgement of the answers in a file to these questions; what it lacks is blank.

    rubric: a YAML file of points by question; without one, each has a point. Raises ConfigError
    for a file that is no YAML, or has keys that name no question.
    """
    names = [question.id for question in questions if question.judged]
    points = rubrics.read(rubric, names, kind="question") if rubric else dict.fromkeys(names, 1.0)
    texts = _read(path)
    return Answers(
        str(path),
        [_judged(q, texts.get(q.id, ""), points.get(q.id, 0.0)) for q in questions],
        has_rubric=rubric is not None,
    )


def _judged(question: Question, text: str, points: float) -> Answer:
    if not text.strip():
        return Answer(question, "", "blank", max_points=points)
    if not question.judged:
        return Answer(question, text, "written", max_points=0.0)
    judgement = judge(question, text)
    status: Status = "right" if judgement.right else "wrong"
    if not judgement.readable:
        status = "unreadable"
    return Answer(question, text, status, judgement.reason, points)


def _read(path: Path) -> dict[str, str]:
    """The answers in a file as text, by question."""
    try:
        text = files.read(path, limit=MAX_FILE_SIZE, allow_special=True).decode()
    except OSError as err:
        raise ConfigError(f"{path}: cannot be read: {err.strerror}") from err
    except UnicodeDecodeError as err:
        raise ConfigError(f"{path}: is not UTF-8 text") from err
    tree = yaml_source.parse(text, str(path))
    return {_id(tree, key): _text(tree, key) for key in tree.values}


def _id(tree: Tree, key: str) -> str:
    try:
        return named(key).id
    except ConfigError as err:
        raise ConfigError(f"{tree.place((key,))}: {err}") from err


def _text(tree: Tree, key: str) -> str:
    """An answer as text: (256, 10) may also be a YAML list, and 0 a number."""
    value: Any = tree.values[key]
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(each, int) for each in value):
        return str(tuple(value))
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    raise ConfigError(f"{tree.place((key,))}: {key} must be text, got {value!r:.60}")
