"""The results of a learner's functions, parsed into the arrays that were asked for.

The layout of a batch and the shapes of biases are the learner's choice: they are named in the
report and do not count as mistakes.
"""

from typing import Literal, NamedTuple

import numpy as np

from mlpcli.checks.finding import Finding
from mlpcli.checks.matching import MATCH_TOLERANCE, fits
from mlpcli.nn import Array

LEARNING_RATE = 2.7  # given to `update`: no factor that a mistake would bring
MAX_MAGNITUDE = 1e100  # of an entry that is compared: its square, times any count, is finite
PRECISION = 1e-5  # relative distance up to which results of less precision agree

Notes = tuple[str, ...]  # conventions, in words
Shape = tuple[int, ...]
Bias = Literal["first", "last"]  # which row of a W that includes its bias


def functions(depth: int) -> dict[str, list[str]]:
    """The functions a file may define, and the arguments of each; depth: layers with weights."""
    return {
        f"grad_z{depth}": [f"h{depth}", "y"],
        f"grad_W{depth}": [f"h{depth - 1}", f"grad_z{depth}"],
        f"grad_b{depth}": [f"grad_z{depth}"],
        "backward": ["params", "h", "y"],
        "update": ["params", "x", "y", "lr"],
    }


FUNCTIONS = functions(3)  # of the workbook's network
WHOLE = ("backward", "update")  # those that result in every gradient


class Layout(NamedTuple):
    """A layout of the arguments of the functions."""

    text: str
    examples: Literal["rows", "columns", "vector"]
    single: bool = False  # one image in place of a batch
    transposed: bool = False  # W as (fan_out, fan_in)

    @property
    def form(self) -> str:
        """Its name in a file that states it: `FORM = "columns"`."""
        return self.examples.removesuffix("s") if self.single else self.examples


LAYOUTS = (
    Layout("a batch in rows (n, k)", "rows"),
    Layout("a batch in columns (k, n), W as (out, in)", "columns", transposed=True),
    Layout("a batch in columns (k, n)", "columns"),
    Layout("a batch in rows (n, k), W as (out, in)", "rows", transposed=True),
    Layout("one image as a vector (k,)", "vector", single=True),
    Layout("one image as a vector (k,), W as (out, in)", "vector", single=True, transposed=True),
    Layout("one image as a column (k, 1), W as (out, in)", "columns", single=True, transposed=True),
    Layout("one image as a column (k, 1)", "columns", single=True),
    Layout("one image as a row (1, k)", "rows", single=True),
    Layout("one image as a row (1, k), W as (out, in)", "rows", single=True, transposed=True),
)
FORMS = tuple(dict.fromkeys(layout.form for layout in LAYOUTS))


class Answer(NamedTuple):
    """The outcome of one call."""

    arrays: list[Array]  # the arrays in the result, in order; as the learner shaped them
    names: Notes = ()  # of each array: the keys of the dicts that it was in, "" outside of any
    failure: tuple[str, str] | None = None  # kind and text, where there is no result
    changed: Notes = ()  # names of arguments that the call changed in place
    own_grad_z3: bool = False  # whether the call got the learner's grad_z3, else the right one
    line: int = 0  # of the learner's file, where it failed


Answers = dict[Layout, dict[str, Answer]]  # by layout and function


class ParsedArray(NamedTuple):
    """The single array of an answer."""

    array: Array | None  # in the expected shape; None if it cannot be brought into it
    notes: Notes
    problem: Finding | None  # why it cannot be compared
    digits: int | None = None  # to which it agrees, where that is not to its precision


def conventions(layout: Layout, answer: Answer, *, given: bool = False) -> Notes:
    """The learner's conventions that one call shows; given: its params may be changed in place."""
    notes: Notes = () if layout is LAYOUTS[0] else (layout.text,)
    if any(a.dtype == np.float32 for a in answer.arrays):
        notes += ("float32",)
    changed = [name for name in answer.changed if not (given and name == "params")]
    return notes + tuple(f"changes {name} in place" for name in changed)


def parse_array(name: str, layout: Layout, answer: Answer, shape: Shape) -> ParsedArray:
    """The array that a function was asked for, in the expected shape, e.g. (n, classes)."""
    notes = conventions(layout, answer)
    if answer.failure:
        return ParsedArray(None, notes, Finding(name, *answer.failure))
    if len(answer.arrays) != 1:
        text = f"{name} must be one array, got {len(answer.arrays)}"
        return ParsedArray(None, notes, Finding(name, "shape", text))
    got = answer.arrays[0]
    if got.ndim == 3 and len(got) == 1:  # a matrix alone in a tuple
        got = got[0]
    array = got
    if is_bias(got, shape):
        array = got.ravel()
    elif got.shape == shape[::-1]:
        array = got.T
    elif layout.single and shape == (1, *got.shape):
        array = got[None, :]
    if array.shape != shape:
        return ParsedArray(None, notes, shape_problem(name, got, shape))
    if got.shape != shape and layout.examples == "rows":
        notes += (f"{name} as {got.shape}",)
    return ParsedArray(array, notes, finiteness_problem(name, got))


def can_be_given(grad_z3: Array) -> bool:
    """Whether a learner's grad_z3 is given to the functions after it; from zeros, zero follows."""
    return 0 < float(np.abs(grad_z3).max()) <= MAX_MAGNITUDE


def agrees(expected: Array, got: Array) -> bool:
    """Whether a result is right, to the precision of its dtype; both have one shape."""
    float32 = got.dtype == np.float32
    return fits(expected, got, tolerance=PRECISION if float32 else MATCH_TOLERANCE)


def digits(expected: Array, got: Array) -> int | None:
    """The digits to which a result agrees that is right, but not to its dtype's precision."""
    if agrees(expected, got) or not fits(expected, got, tolerance=PRECISION):
        return None
    error = np.linalg.norm(expected - got) / np.linalg.norm(expected)
    return int(-np.log10(error))


def is_bias(got: Array, shape: Shape) -> bool:
    """Whether (width,) is asked for and an array is (width,), (1, width) or (width, 1)."""
    return len(shape) == 1 and got.ndim in (1, 2) and got.size == shape[0] == max(got.shape)


def finiteness_problem(place: str, got: Array) -> Finding | None:
    """The finding for an array of any shape with entries that are not finite, or too large."""
    if not np.isfinite(got).all():
        return Finding(place, "non-finite", f"{place} has entries that are not finite")
    if float(np.abs(got).max(initial=0)) > MAX_MAGNITUDE:
        text = f"{place} has entries beyond {MAX_MAGNITUDE:g}"
        return Finding(place, "non-finite", text)
    return None


def shape_problem(place: str, got: Array, shape: Shape) -> Finding:
    """The finding for an array that has another shape."""
    text = f"{place} must have shape {shape}, got {got.shape}"
    if len(shape) == 1 and got.ndim == 2 and shape[0] in got.shape:
        return Finding(place, "not-summed", f"{text}; sum over the batch")
    if got.ndim == 0 and shape:
        text += "; does a sum lack its axis?"
    return Finding(place, "shape", text)
