"""What a learner's functions return, read as the arrays that were asked for.

How the learner lays out a batch and which shapes biases have is a choice: it is named, not judged.
"""

from typing import Literal, NamedTuple

import numpy as np

from mlpcli.checks.diagnosis import Facts, Finding
from mlpcli.checks.matching import fits
from mlpcli.nn import Array
from mlpcli.nn.mlp import Layer, Params

# What a file may define, and what each function is given.
FUNCTIONS = {
    "grad_z3": ["h3", "y"],
    "grad_W3": ["h2", "grad_z3"],
    "grad_b3": ["grad_z3"],
    "backward": ["params", "h", "y"],
}
COARSE = 1e-5  # relative distance at which float32 results agree

Notes = tuple[str, ...]  # conventions, in words


class Form(NamedTuple):
    """A way to lay out what the functions are given."""

    text: str
    layout: Literal["rows", "columns", "vector"]
    one: bool = False  # one image in place of a batch
    transposed: bool = False  # W as (fan_out, fan_in)


FORMS = (
    Form("a batch in rows (n, k)", "rows"),
    Form("a batch in columns (k, n), W as (out, in)", "columns", transposed=True),
    Form("a batch in columns (k, n)", "columns"),
    Form("a batch in rows (n, k), W as (out, in)", "rows", transposed=True),
    Form("one image as a vector (k,)", "vector", one=True),
    Form("one image as a vector (k,), W as (out, in)", "vector", one=True, transposed=True),
    Form("one image as a column (k, 1), W as (out, in)", "columns", one=True, transposed=True),
    Form("one image as a column (k, 1)", "columns", one=True),
    Form("one image as a row (1, k)", "rows", one=True),
    Form("one image as a row (1, k), W as (out, in)", "rows", one=True, transposed=True),
)


class Answer(NamedTuple):
    """What came of one call."""

    arrays: list[Array]  # the arrays in the result, in order; as the learner shaped them
    failure: tuple[str, str] | None = None  # kind and text, where there is no result
    changed: Notes = ()  # arguments that are no longer as they were
    given: bool = False  # whether grad_z3 was the learner's; the right one otherwise


Answers = dict[Form, dict[str, Answer]]  # by form and function


class One(NamedTuple):
    """The single array of an answer."""

    array: Array | None  # in the wanted shape; None where it cannot be
    notes: Notes
    finding: Finding | None  # what keeps it from being judged


class Whole(NamedTuple):
    """A whole gradient, W as (fan_in, fan_out)."""

    params: Params  # the right values stand where the learner's cannot be judged
    notes: Notes
    amiss: dict[str, Finding]  # by quantity


def chosen(form: Form, answer: Answer) -> Notes:
    """What the learner chose, as far as one call shows it."""
    notes: Notes = () if form is FORMS[0] else (form.text,)
    if any(a.dtype == np.float32 for a in answer.arrays):
        notes += ("float32",)
    return notes + tuple(f"changes {name} in place" for name in answer.changed)


def one(name: str, form: Form, answer: Answer, shape: tuple[int, ...]) -> One:
    """The array that a function was asked for."""
    notes = chosen(form, answer)
    if answer.failure:
        return One(None, notes, Finding(name, *answer.failure))
    if len(answer.arrays) != 1:
        text = f"{name} must be one array, got {len(answer.arrays)}"
        return One(None, notes, Finding(name, "shape", text))
    got = answer.arrays[0]
    if got.ndim == 3 and len(got) == 1:  # a matrix alone in a tuple
        got = got[0]
    array = got
    if len(shape) == 1 and _is_bias(got, shape[0]):
        array = got.ravel()
    elif got.shape == shape[::-1]:
        array = got.T
    elif form.one and shape == (1, *got.shape):
        array = got[None, :]
    if array.shape != shape:
        return One(None, notes, _misshapen(name, got, shape))
    if got.shape != shape and form.layout == "rows":
        notes += (f"{name} as {got.shape}",)
    return One(array, notes, _not_finite(name, got))


def whole(known: Facts, form: Form, arrays: list[Array]) -> Whole:
    """The gradient that `backward` was asked for.

    Arrays are told apart by their shapes, since all layers have different widths: any nesting, any
    order and any names will do.
    """
    slots = {
        f"grad_{field}{i}": array.T.shape if form.transposed else array.shape
        for i, layer in enumerate(known.problem.params, start=1)
        for field, array in zip("Wb", layer, strict=True)
    }
    taken = _assigned(slots, arrays)
    order = [taken[place] for place in slots if place in taken and "W" in place]
    notes: Notes = ("last layer first",) if len(order) > 1 and order == sorted(order)[::-1] else ()
    if form.layout != "columns" and any(arrays[i].ndim == 2 for p, i in taken.items() if "b" in p):
        notes += ("biases in two dimensions",)
    amiss: dict[str, Finding] = {}
    layers: list[Layer] = []
    for i, (h, grad_z) in enumerate(zip(known.run.h, known.grad_z, strict=False), start=1):
        pair = []
        for field, due in zip("Wb", (h.T @ grad_z, grad_z.sum(axis=0)), strict=True):
            place = f"grad_{field}{i}"
            got = arrays[taken[place]] if place in taken else None
            if finding := _amiss(place, got, slots[place]):
                amiss[place], got = finding, due
            assert got is not None
            if place not in amiss:
                got = got.ravel() if field == "b" else got.T if form.transposed else got
            pair.append(_exact(got, due, len(grad_z)))
        layers.append(Layer(*pair))
    return Whole(tuple(layers), notes, amiss)


def agrees(due: Array, got: Array) -> bool:
    """Whether a result is right, to the precision it was computed in."""
    if got.dtype == np.float32:
        return bool(np.linalg.norm(due - got) <= COARSE * np.linalg.norm(due))
    return fits(due, got)


def _exact(got: Array, due: Array, n: int) -> Array:
    """A float32 result that agrees, as a mean or a sum, without its rounding; others untouched."""
    if got.dtype == np.float32 and got.shape == due.shape:
        for c in (1, n):
            if agrees(c * due, got):
                return c * due
    return got.astype("float64")


def _amiss(place: str, got: Array | None, shape: tuple[int, ...]) -> Finding | None:
    """What keeps an array from being judged; a transposed W has a diagnosis of its own."""
    if got is None:
        return Finding(place, "missing", f"{place} is not returned")
    if got.shape not in (shape, shape[::-1]) and not (len(shape) == 1 and _is_bias(got, *shape)):
        return _misshapen(place, got, shape)
    return _not_finite(place, got)


def _assigned(slots: dict[str, tuple[int, ...]], arrays: list[Array]) -> dict[str, int]:
    """Which array is which gradient: by shape, by transposed shape, then by position."""
    taken: dict[str, int] = {}
    left = list(range(len(arrays)))
    for turned in (False, True):
        for place, shape in slots.items():
            wanted = shape[::-1] if turned else shape
            for i in left:
                bias = len(shape) == 1 and _is_bias(arrays[i], *shape)
                if place not in taken and (arrays[i].shape == wanted or bias):
                    taken[place] = i
                    left.remove(i)
                    break
    if len(arrays) == len(slots):
        free = [place for place in slots if place not in taken]
        taken |= dict(zip(free, left, strict=True))
    return taken


def _is_bias(got: Array, width: int) -> bool:
    return got.ndim in (1, 2) and got.size == width == max(got.shape)


def _not_finite(place: str, got: Array) -> Finding | None:
    if np.isfinite(got).all():
        return None
    return Finding(place, "non-finite", f"{place} has entries that are not finite")


def _misshapen(place: str, got: Array, shape: tuple[int, ...]) -> Finding:
    text = f"{place} must have shape {shape}, got {got.shape}"
    if len(shape) == 1 and got.ndim == 2 and shape[0] in got.shape:
        return Finding(place, "not-summed", f"{text}; sum over the batch")
    if got.ndim == 0 and shape:
        text += "; does a sum lack its axis?"
    return Finding(place, "shape", text)
