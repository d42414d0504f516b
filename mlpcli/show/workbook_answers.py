"""Judged answers to the workbooks as text, JSON, and tests for CI and Gradescope."""

from collections.abc import Iterable
from itertools import groupby

from mlpcli.api.workbook_answers import Answer, Answers
from mlpcli.checks.questions.notation import plain_text
from mlpcli.show.format import Block, counted, json_object, pick
from mlpcli.show.gradescope import Test
from mlpcli.show.junit import Case

SHOWN = {
    "right": "right",
    "wrong": "WRONG",
    "unreadable": "NOT UNDERSTOOD",
    "blank": "BLANK",
    "written": "in words",
}


def as_text(result: Answers) -> str:
    """Each answer with its verdict, by section; below a wrong one, what was written and why."""
    lines = []
    for section, answers in groupby(result.answers, key=lambda answer: answer.question.section):
        lines += [section, *_lines(answers), ""]
    return "\n".join([*lines, summary(result)])


def _lines(answers: Iterable[Answer]) -> Iterable[str]:
    for answer in answers:
        yield f"  {answer.question.id:<12} {SHOWN[answer.status]}"
        if answer.status in ("wrong", "unreadable"):
            yield f"    {_one_line(answer.text)}"
            if answer.reason:
                yield f"    {plain_text(answer.reason)}"


def summary(result: Answers) -> str:
    """How many answers are right, with points if there is a rubric."""
    text = f"{result.count('right')} of {counted(len(result.judged), 'judged answer')} right"
    for status, words in (("wrong", "wrong"), ("unreadable", "not understood")):
        if number := sum(answer.status == status for answer in result.answers):
            text += f", {number} {words}"
    if blank := result.count("blank"):
        text += f"; {blank} of {len(result.answers)} blank"
    if written := result.count("written"):
        text += f"; {written} in words, not judged"
    if result.has_rubric:
        text += f"; {_points(result):g} of {_max_points(result):g} points"
    return text


def as_blocks(result: Answers) -> list[Block]:
    """A table of the answers and their verdicts."""
    rows = [[a.question.id, _one_line(a.text), _told(a)] for a in result.answers]
    return [result.file, summary(result), [["question", "answer", "verdict"], *rows]]


def as_json(result: Answers) -> str:
    """Every answer, as one JSON object."""
    return json_object(
        {
            **pick(result, "ok", "file"),
            "right": result.count("right"),
            "judged": len(result.judged),
            "points": _points(result),
            "max_points": _max_points(result),
            "answers": [
                {
                    **pick(answer.question, "id", "workbook", "section", "number", "kind"),
                    "answer": answer.text,
                    **pick(answer, "status", "reason", "points"),
                    "max_points": answer.max_points,
                }
                for answer in result.answers
            ],
        }
    )


def cases(result: Answers) -> list[Case]:
    """A case for each question; one in words is skipped."""
    return [
        Case(
            answer.question.section,
            f"{answer.question.id}: {plain_text(answer.question.prompt)}",
            failure="" if answer.ok else _told(answer),
            skipped="in words, not judged" if answer.status == "written" else "",
            details=answer.text,
        )
        for answer in result.answers
    ]


def tests(result: Answers) -> list[Test]:
    """A test for each question that has points."""
    return [
        Test(answer.question.id, answer.points, answer.max_points, _told(answer))
        for answer in result.answers
        if answer.max_points
    ]


def _told(answer: Answer) -> str:
    text = SHOWN[answer.status].lower()
    return f"{text}: {plain_text(answer.reason)}" if answer.reason else text


def _points(result: Answers) -> float:
    return sum(answer.points for answer in result.answers)


def _max_points(result: Answers) -> float:
    return sum(answer.max_points for answer in result.judged)


def _one_line(text: str) -> str:
    return " ".join(text.split())
