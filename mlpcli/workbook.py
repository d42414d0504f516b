"""The workbooks in Python and in notebooks: hints, answers, and whether yours is right.

>>> from mlpcli.workbook import check, hint
>>> check("W3.13", "h2 outer (h3 - y)")
W3.13: right
>>> check("W3.13", "(h3 - y) outer h2")
W3.13: wrong: transposed: the shape is (10, 256), but that of W3 is (256, 10)
>>> hint("z3.12", 2)
'Which vector is 1 at y* and 0 elsewhere?'
"""

from dataclasses import dataclass
from typing import Any

from mlpcli.api.workbook_session import named
from mlpcli.checks.questions import judging
from mlpcli.checks.questions.notation import plain_text


@dataclass(frozen=True)
class Check:
    """Whether an answer is right; true in a condition if it is."""

    id: str
    right: bool | None  # None: blank, or in words, which is never judged
    reason: str = ""

    def __bool__(self) -> bool:
        return self.right is True

    def __repr__(self) -> str:
        verdict = {True: "right", False: "wrong", None: ""}[self.right]
        return ": ".join(part for part in (self.id, verdict, self.reason) if part)


def check(name: str, answer: Any) -> Check:
    """Whether an answer to a question is right, as `mlp workbook` judges it.

    answer: a formula as text; a shape may be a tuple, and a value a number. Raises ConfigError for
    a name that no question has.
    """
    question = named(name)
    text = "" if answer is None or answer is ... else str(answer)
    if not text.strip():
        return Check(question.id, None, "no answer yet")
    judgement = judging.judge(question, text)
    if judgement.right is None:
        return Check(question.id, None, f"in words, compare with: {plain_text(question.answer)}")
    reason = plain_text(judgement.reason)
    reason = reason if judgement.readable else f"not understood: {reason}"
    return Check(question.id, judgement.right, reason)


def hint(name: str, number: int = 1) -> str:
    """A hint to a question, from 1, a nudge, to 3, nearly the answer."""
    if number not in (1, 2, 3):
        raise ValueError(f"number must be 1, 2 or 3, got {number!r}")
    return plain_text(named(name).hints[number - 1])


def answer(name: str) -> str:
    """The model answer to a question."""
    return plain_text(named(name).answer)
