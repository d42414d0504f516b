"""Answers to the workbooks, hostile, garbled or cut: each is judged, and no code in them runs."""

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mlpcli.checks.questions.comparison import tree
from mlpcli.checks.questions.judging import judge
from mlpcli.checks.questions.notation import typed
from mlpcli.checks.questions.question import QUESTIONS
from tests.faults.table import Fault

MAX_REASON = 200  # characters
JUDGED = [question for question in QUESTIONS if question.judged]
PIECES = (
    *("(", ")", "[", "]", "{", "}", "_", "^", "**", "'", "=", "\\", "\\frac{", "}{", "\\\\", "$"),
    *("_i", "_j", "_{i,j}", "_y*", "[i]", "[:, None]", "^T", "^{(3)}", ".T", ".sum()", "²", "ᵢ"),
    *(" outer ", "⊗", "·", "@", "/", "-", "+", ",", "∂/∂z3_i ", "d/dx ", "∂CE/∂W1_ij", "∇_W2 "),
    *("u_hat_k", "\\hat{u}", "u\u0302", "sigma", "mean(", ".mean()", "∂u_hat_i/∂u_k ", "grad_u"),
    *("sum_i ", "sum_j ", "sum_{k=0}^{9} ", "log ", "exp(", "softmax(", "np.outer(", "e^", "f'("),
    *(
        "W1",
        "W2",
        "h1",
        "x",
        "z3",
        "y",
        "1e308",
        "0",
        "9" * 15,
        "1e-999",
        "\x00",
        "\ud800",
        "\u202e",
    ),
    *(
        "__import__('os').system('touch x')",
        "().__class__",
        "lambda: 0",
        "exec('1')",
        "; import os",
    ),
    *(
        "(" * 60,
        "x+" * 300,
        "-" * 400,
        "\n",
        "\r",
        "\t",
        "\U0001d465",
        "∑",
        "😀",
        "{{7*7}}",
        "%s%n",
    ),
)
FORBIDDEN = ("exec", "compile", "open", "os.", "subprocess.", "socket.", "ctypes.", "import")


class _Watch:
    """What a judgement does that it must not, as Python's audit events tell."""

    is_on = False
    events: list[str] = []  # noqa: RUF012  # of this process

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if self.is_on and event.startswith(FORBIDDEN):
            self.events.append(f"{event}{args!r:.80}")


WATCH = _Watch()


def mutated(n: int, rng: np.random.Generator, place: Path) -> Iterator[str]:
    """A changed answer is judged, with a short reason; a right one in any spelling."""
    sys.addaudithook(WATCH)
    for question in JUDGED:
        judge(question, question.answer)  # what is imported and cached at first
    pool = [text for q in JUDGED for text in (q.answer, q.written, *(w.answer for w in q.wrong))]
    for i in range(n):
        question = JUDGED[rng.integers(len(JUDGED))]
        start = question.answer if rng.integers(2) else pool[rng.integers(len(pool))]
        text = _changed(start, rng)
        WATCH.events.clear()
        WATCH.is_on = True
        try:
            with warnings.catch_warnings(action="error"):
                found = judge(question, text)
        except Exception as err:  # what a learner would see as a traceback
            yield f"trial {i}: {question.id}, {text!r:.200}: {err!r:.200}"
            continue
        finally:
            WATCH.is_on = False
        yield _complaint(f"trial {i}: {question.id}, {text!r:.200}", question, text, found)


def _complaint(told: str, question: Any, text: str, found: Any) -> str:
    if WATCH.events:
        return f"{told}: {WATCH.events[:3]}"
    if len(found.reason) > MAX_REASON:
        return f"{told}: a reason of {len(found.reason)} characters"
    if found.right and question.kind not in ("sign", "shape"):
        again = typed(tree(question, text))
        if not judge(question, again).right:
            return f"{told}: right, but {again!r:.100} is not"
    return ""


def _changed(text: str, rng: np.random.Generator) -> str:
    """A text with pieces put in, left out, doubled or swapped."""
    for _ in range(rng.integers(1, 4)):
        i, j = sorted(rng.integers(0, len(text) + 1, 2).tolist())
        piece = PIECES[rng.integers(len(PIECES))]
        changes = [text[:i] + piece + text[i:], text[:i] + text[j:], text[:j] + text[i:]]
        changes += [text[:i] + piece + text[j:], text[j:] + text[:i]]
        text = changes[rng.integers(len(changes))][:3000]
    return text


FAULTS = (Fault("answer that is garbled or hostile", mutated, few=100, many=10_000),)
