"""Whether an answer is right: by its value at many points and, where one is asked for, by its form.

A wrong answer gets a reason where one is found: one of the question's own, or a sign, a factor, a
term or an index that would make it right.
"""

import re
from typing import NamedTuple

import numpy as np

from mlpcli.checks.questions import forms
from mlpcli.checks.questions.comparison import agree, expected, tree, values
from mlpcli.checks.questions.misreadings import stray_image
from mlpcli.checks.questions.question import Question
from mlpcli.checks.questions.reasons import reason
from mlpcli.checks.questions.shorthand import unknown_word
from mlpcli.checks.questions.spelling import MAX_LENGTH, UnreadableError, normalized
from mlpcli.checks.questions.values import MisfitError

SIGNS = {
    "positive": r"^\+?1$|\+(ve)?$|\b(pos|positive|plus)\b|> ?0|\b(greater|above)\b.* (0|zero)",
    "negative": r"^-1$|-(ve)?$|\b(neg|negative|minus)\b|< ?0|\b(less|smaller|below)\b.* (0|zero)",
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
    if len(text) > MAX_LENGTH:
        too_long = f"it has {len(text)} characters; at most {MAX_LENGTH} are read"
        return Judgement(False, too_long, readable=False)
    try:
        if question.kind == "sign":
            return _judge_sign(question, text)
        with np.errstate(all="ignore"):  # a formula may overflow, or divide by 0
            return _judge_formula(question, text)
    except MisfitError as err:
        return Judgement(False, str(err))
    except UnreadableError as err:
        return Judgement(False, _explained(question, text) or str(err), readable=False)


def _judge_formula(question: Question, text: str) -> Judgement:
    node = tree(question, text)
    try:
        found = values(question, node)
    except MisfitError as err:
        return Judgement(False, stray_image(question, node) or str(err))
    if not agree(question, expected(question, question.answer), found):
        return Judgement(False, reason(question, node, found))
    complaint = forms.complaint(node, question)
    return Judgement(not complaint, f"the value is right, but {complaint}" if complaint else "")


def _explained(question: Question, text: str) -> str:
    """What is not read, where it is dz3, another name, a function alone or a word; else empty."""
    if gradient := re.search(r"(?<![/\w])(?<!/ )d([zWbh]\d?)(?![\w ]*/)", text):
        return f"write grad_{gradient[1]} instead of {gradient[0]}"
    of_network = not (question.variables or question.batch_norm)  # which has y and h3
    if of_network and (label := re.search(r"\b(one_?hot|labels?|targets?|y_?true)\b", text)):
        return f"write y instead of {label[0]}: it is one-hot"
    if of_network and (guess := re.search(r"\b(y_?hat|y_?pred|probs|probabilities)\b", text)):
        return f"write h3 instead of {guess[0]}"
    plain = normalized(text)
    if re.search(r"(?<![A-Za-z])[d∂] ?[fg]\b", plain):
        return "write f' and g' for the derivatives of f and g"
    if function := re.search(r"(?<![A-Za-z\\])([fg]'?|relu')(?! ?[A-Za-z(∘'])", plain):
        argument = "x" if question.variables else "z2"
        return f"write {function[0]} with its argument, as in {function[0]}({argument})"
    if re.search(r"\b(axis|keepdims)\b|\.sum\(\d", text):
        return "write a sum over an axis with an index, as in sum_k h3_kj"
    word = unknown_word(text)
    return f"the word {word!r:.40} is not understood; write a formula" if word else ""


def _judge_sign(question: Question, text: str) -> Judgement:
    plain = normalized(text).strip().rstrip(".!").lower()
    signs = [sign for sign, pattern in SIGNS.items() if re.search(pattern, plain)]
    if len(signs) != 1 or re.search(r"\bnot?\b", plain):
        return Judgement(False, "answer positive, negative or zero", readable=False)
    right = signs[0] == question.answer
    return Judgement(right, "" if right else f"it is not {signs[0]}")
