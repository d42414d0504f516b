"""Whether an answer is right: by its value at many points and, where one is asked for, by its form.

A wrong answer gets a reason where one is found: one of the question's own, or a sign, a factor, a
term or an index that would make it right.
"""

import re
from typing import NamedTuple

import numpy as np

from mlpcli.checks.questions import forms
from mlpcli.checks.questions.comparison import agree, expected, tree, values
from mlpcli.checks.questions.question import Question
from mlpcli.checks.questions.reasons import reason
from mlpcli.checks.questions.spelling import UnreadableError, normalized
from mlpcli.checks.questions.values import MisfitError

SIGNS = {
    "positive": r"^\+$|\b(pos|positive|plus)\b|> ?0|(greater|larger) than (0|zero)|above (0|zero)",
    "negative": r"^-$|\b(neg|negative|minus)\b|< ?0|(less|smaller) than (0|zero)|below (0|zero)",
    "zero": r"^(0|zero)$",
}


class Judgement(NamedTuple):
    """What is to be said about an answer."""

    right: bool | None  # None: not judged, since the answer is in words
    reason: str = ""  # why it is wrong, if that is known
    readable: bool = True  # whether it could be read at all


def judge(question: Question, text: str) -> Judgement:
    """Whether the text answers the question; never raises, whatever the text is."""
    if not question.judged:
        return Judgement(None)
    try:
        if question.kind == "sign":
            return _judge_sign(question, text)
        with np.errstate(all="ignore"):  # a formula may overflow, or divide by 0
            return _judge_formula(question, text)
    except MisfitError as err:
        return Judgement(False, str(err))
    except UnreadableError as err:
        return Judgement(False, str(err), readable=False)


def _judge_formula(question: Question, text: str) -> Judgement:
    node = tree(question, text)
    found = values(question, node)
    if not agree(question, expected(question, question.answer), found):
        return Judgement(False, reason(question, node, found))
    complaint = forms.complaint(node, question)
    return Judgement(not complaint, f"the value is right, but {complaint}" if complaint else "")


def _judge_sign(question: Question, text: str) -> Judgement:
    plain = normalized(text).strip().rstrip(".!").lower()
    signs = [sign for sign, pattern in SIGNS.items() if re.search(pattern, plain)]
    if len(signs) != 1 or re.search(r"\bnot?\b", plain):
        return Judgement(False, "answer positive, negative or zero", readable=False)
    right = signs[0] == question.answer
    return Judgement(right, "" if right else f"it is not {signs[0]}")
