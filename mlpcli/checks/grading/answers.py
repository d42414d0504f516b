"""The results of a learner's functions, parsed into the arrays that were asked for.

The layout of a batch and the shapes of biases are the learner's choice: they are named in the
report and do not count as mistakes.
"""

from typing import Literal, NamedTuple

import numpy as np

from mlpcli.checks.diagnosis import Finding, GroundTruth
from mlpcli.checks.matching import fits
from mlpcli.nn import Array
from mlpcli.nn.mlp import Layer, Params

# The functions a file may define, and the arguments of each.
FUNCTIONS = {
    "grad_z3": ["h3", "y"],
    "grad_W3": ["h2", "grad_z3"],
    "grad_b3": ["grad_z3"],
    "backward": ["params", "h", "y"],
}
FLOAT32_TOLERANCE = 1e-5  # relative distance up to which float32 results agree

Notes = tuple[str, ...]  # conventions, in words
Shape = tuple[int, ...]


class Layout(NamedTuple):
    """A layout of the arguments of the functions."""

    text: str
    examples: Literal["rows", "columns", "vector"]
    single: bool = False  # one image in place of a batch
    transposed: bool = False  # W as (fan_out, fan_in)


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


class Answer(NamedTuple):
    """The outcome of one call."""

    arrays: list[Array]  # the arrays in the result, in order; as the learner shaped them
    names: Notes = ()  # of each array: the keys of the dicts that it was in, "" outside of any
    failure: tuple[str, str] | None = None  # kind and text, where there is no result
    changed: Notes = ()  # names of arguments that the call changed in place
    own_grad_z3: bool = False  # whether the call got the learner's grad_z3, else the right one


Answers = dict[Layout, dict[str, Answer]]  # by layout and function


class ParsedArray(NamedTuple):
    """The single array of an answer."""

    array: Array | None  # in the expected shape; None if it cannot be brought into it
    notes: Notes
    problem: Finding | None  # why it cannot be compared


class ParsedGradient(NamedTuple):
    """A whole gradient, W as (fan_in, fan_out)."""

    params: Params  # with the right values where the learner's cannot be compared
    notes: Notes
    problems: dict[str, Finding]  # why a quantity cannot be compared, by its name


def conventions(layout: Layout, answer: Answer) -> Notes:
    """The learner's conventions that one call shows."""
    notes: Notes = () if layout is LAYOUTS[0] else (layout.text,)
    if any(a.dtype == np.float32 for a in answer.arrays):
        notes += ("float32",)
    return notes + tuple(f"changes {name} in place" for name in answer.changed)


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
    if _is_bias(got, shape):
        array = got.ravel()
    elif got.shape == shape[::-1]:
        array = got.T
    elif layout.single and shape == (1, *got.shape):
        array = got[None, :]
    if array.shape != shape:
        return ParsedArray(None, notes, _shape_problem(name, got, shape))
    if got.shape != shape and layout.examples == "rows":
        notes += (f"{name} as {got.shape}",)
    return ParsedArray(array, notes, _finiteness_problem(name, got))


def parse_gradient(truth: GroundTruth, layout: Layout, arrays: list[Array]) -> ParsedGradient:
    """The gradient that `backward` was asked for.

    Arrays are recognized by their shapes, (fan_in, fan_out) or its transpose and (fan_out,), since
    all layers have different widths: any nesting, any order and any names will do.
    """
    shapes: dict[str, Shape] = {
        f"grad_{field}{i}": array.T.shape if layout.transposed else array.shape
        for i, layer in enumerate(truth.problem.params, start=1)
        for field, array in zip("Wb", layer, strict=True)
    }
    index = _match(shapes, arrays)
    order = [index[place] for place in shapes if place in index and "W" in place]
    notes: Notes = ("last layer first",) if len(order) > 1 and order == sorted(order)[::-1] else ()
    biases = [arrays[i] for place, i in index.items() if "b" in place]
    if layout.examples != "columns" and any(b.ndim == 2 for b in biases):
        notes += ("biases in two dimensions",)
    problems: dict[str, Finding] = {}
    layers: list[Layer] = []
    for i, (h, grad_z) in enumerate(zip(truth.run.h, truth.grad_z, strict=False), start=1):
        pair = []
        for field, expected in zip("Wb", (h.T @ grad_z, grad_z.sum(axis=0)), strict=True):
            place = f"grad_{field}{i}"
            got = arrays[index[place]] if place in index else None
            if problem := _problem(place, got, shapes[place]):
                problems[place], got = problem, expected
            assert got is not None
            if place not in problems:
                got = got.ravel() if field == "b" else got.T if layout.transposed else got
            pair.append(_without_rounding(got, expected, len(grad_z)))
        layers.append(Layer(*pair))
    return ParsedGradient(tuple(layers), notes, problems)


def agrees(expected: Array, got: Array) -> bool:
    """Whether a result is right, to the precision of its dtype; both have one shape."""
    if got.dtype == np.float32:
        tolerance = FLOAT32_TOLERANCE * np.linalg.norm(expected)
        return bool(np.linalg.norm(expected - got) <= tolerance)
    return fits(expected, got)


def _without_rounding(got: Array, expected: Array, n: int) -> Array:
    """A float32 mean or sum over n rows that agrees, as its exact value; others unchanged."""
    if got.dtype == np.float32 and got.shape == expected.shape:
        for c in (1, n):
            if agrees(c * expected, got):
                return c * expected
    return got.astype("float64")


def _problem(place: str, got: Array | None, shape: Shape) -> Finding | None:
    """Why an array cannot be compared; a transposed W has a diagnosis of its own."""
    if got is None:
        return Finding(place, "missing", f"{place} is not returned")
    if got.shape not in (shape, shape[::-1]) and not _is_bias(got, shape):
        return _shape_problem(place, got, shape)
    return _finiteness_problem(place, got)


def _match(shapes: dict[str, Shape], arrays: list[Array]) -> dict[str, int]:
    """The index of the array for each gradient: by shape, by transposed shape, then by position."""
    index: dict[str, int] = {}
    unused = list(range(len(arrays)))
    for transposed in (False, True):
        for place, shape in shapes.items():
            expected = shape[::-1] if transposed else shape
            for i in unused:
                fitting = arrays[i].shape == expected or _is_bias(arrays[i], shape)
                if place not in index and fitting:
                    index[place] = i
                    unused.remove(i)
                    break
    if len(arrays) == len(shapes):
        free = [place for place in shapes if place not in index]
        index |= dict(zip(free, unused, strict=True))
    return index


def _is_bias(got: Array, shape: Shape) -> bool:
    """Whether (width,) is asked for and an array is (width,), (1, width) or (width, 1)."""
    return len(shape) == 1 and got.ndim in (1, 2) and got.size == shape[0] == max(got.shape)


def _finiteness_problem(place: str, got: Array) -> Finding | None:
    """The finding for an array of any shape with entries that are not finite."""
    if np.isfinite(got).all():
        return None
    return Finding(place, "non-finite", f"{place} has entries that are not finite")


def _shape_problem(place: str, got: Array, shape: Shape) -> Finding:
    """The finding for an array that has another shape."""
    text = f"{place} must have shape {shape}, got {got.shape}"
    if len(shape) == 1 and got.ndim == 2 and shape[0] in got.shape:
        return Finding(place, "not-summed", f"{text}; sum over the batch")
    if got.ndim == 0 and shape:
        text += "; does a sum lack its axis?"
    return Finding(place, "shape", text)
