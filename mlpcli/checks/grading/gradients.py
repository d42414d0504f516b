"""A learner's whole gradient, in any nesting: its arrays are known by name, shape or place."""

from typing import NamedTuple

import numpy as np

from mlpcli.checks.finding import Finding
from mlpcli.checks.grading import answers, names
from mlpcli.checks.grading.answers import LEARNING_RATE, Answer, Bias, Layout, Notes, Shape
from mlpcli.checks.ground_truth import GroundTruth
from mlpcli.checks.matching import fits
from mlpcli.nn import Array
from mlpcli.nn.mlp import Layer, Params

MAX_SHAPES = 8  # that a message lists


class ParsedGradient(NamedTuple):
    """A whole gradient, W as (fan_in, fan_out)."""

    params: Params  # with the right values where the learner's cannot be compared
    notes: Notes
    problems: dict[str, Finding]  # why a quantity cannot be compared, by its name
    surplus: int  # arrays that are none of the gradients
    digits: dict[str, int]  # to which a right quantity agrees, where that is not to its precision


class _Target(NamedTuple):
    """One gradient that is looked for."""

    place: str  # "grad_W2"
    shape: Shape  # in the learner's layout
    transposed: bool  # whether that is the transpose of what follows
    right: Array  # mean over the batch, (fan_in, fan_out) or (fan_out,)
    param: Array | None  # as right, where the learner returns updated parameters

    def fits(self, got: Array) -> bool:
        """Whether an array has the right shape."""
        return got.shape == self.shape or answers.is_bias(got, self.shape)

    def value(self, got: Array) -> Array:
        """The gradient that an array of the right shape stands for, in the shape of `right`."""
        value = got.T if self.transposed else got
        if answers.is_bias(got, self.shape):
            value = got.ravel()
        if self.param is None:
            return value
        return ((self.param - value) / LEARNING_RATE).astype(got.dtype)

    def agrees(self, got: Array, n: int) -> bool:
        """Whether an array is right as the mean or the sum over a batch of n."""
        if not self.fits(got) or not np.isfinite(got).all():
            return False
        return any(
            fits(c * self.right, self.value(got), tolerance=answers.PRECISION) for c in (1, n)
        )


def parse(
    truth: GroundTruth, layout: Layout, answer: Answer, *, updated: bool, bias: Bias | None = None
) -> ParsedGradient:
    """The gradient that a function returned.

    Arrays are recognized by the names that a dict gives them, else by their shapes, (fan_in,
    fan_out) or its transpose and (fan_out,), then by their order: any nesting will do. updated:
    whether they are updated parameters. bias: where W includes it; default: the one that agrees.
    """
    targets = _targets(truth, layout, updated=updated)
    answer, notes = _split(truth, targets, answer, bias)
    arrays = answer.arrays
    labels = names.labels(answer.names or [""] * len(arrays), len(truth.run.z))
    index = _match(truth, targets, arrays, labels)
    order = [index[place] for place in targets if place in index and "W" in place]
    if len(order) > 1 and order == sorted(order)[::-1]:
        notes += ("last layer first",)
    biases = [arrays[i] for place, i in index.items() if "b" in place]
    if layout.examples != "columns" and any(b.ndim == 2 for b in biases):
        notes += ("biases in two dimensions",)
    problems, digits, values = {}, {}, {}
    for place, target in targets.items():
        got = arrays[index[place]] if place in index else None
        problem = _problem(target, got, arrays)
        if problem is None and target.param is None:
            problem = _ambiguity(truth, target, index, arrays, labels)
        if problem or got is None:
            problems[place], values[place] = problem, target.right
        else:
            value = target.value(got) if target.fits(got) else got.T if target.transposed else got
            values[place], digits[place] = _without_rounding(
                value, target.right, len(truth.problem.y)
            )
    layers = range(1, len(truth.run.z) + 1)
    return ParsedGradient(
        tuple(Layer(values[f"grad_W{i}"], values[f"grad_b{i}"]) for i in layers),
        notes,
        {place: problem for place, problem in problems.items() if problem},
        len(arrays) - len(index),
        {place: d for place, d in digits.items() if d is not None},
    )


def _targets(truth: GroundTruth, layout: Layout, *, updated: bool) -> dict[str, _Target]:
    targets = {}
    for i, (h, grad_z) in enumerate(zip(truth.run.h, truth.grad_z, strict=False), start=1):
        for field, right in (("W", h.T @ grad_z), ("b", grad_z.sum(axis=0))):
            transposed = layout.transposed and field == "W"
            shape = right.shape[::-1] if transposed else right.shape
            param = getattr(truth.problem.params[i - 1], field) if updated else None
            place = f"grad_{field}{i}"
            targets[place] = _Target(place, shape, transposed, right, param)
    return targets


def _split(
    truth: GroundTruth, targets: dict[str, _Target], answer: Answer, bias: Bias | None
) -> tuple[Answer, Notes]:
    """The answer with each W that includes its bias taken apart, and a note on where that was."""
    arrays, keys, n = [], [], len(truth.problem.y)
    notes: dict[str, None] = {}
    ends: dict[Bias, int] = {"first": 0, "last": -1}
    labels = answer.names or ("",) * len(answer.arrays)
    shapes = {target.shape for target in targets.values()}
    for array, key in zip(answer.arrays, labels, strict=True):
        parts = [(array, key)]
        for i in range(1, len(truth.run.z) + 1):
            W, b = targets[f"grad_W{i}"], targets[f"grad_b{i}"]
            axis = int(W.transposed)
            wide = tuple(size + (k == axis) for k, size in enumerate(W.shape))
            if array.shape == wide and array.shape not in shapes:
                agreeing = (e for e, at in ends.items() if b.agrees(array.take(at, axis), n))
                where = bias or next(agreeing, None) or "last"
                parts = [(np.delete(array, ends[where], axis), f"W{i}")]
                parts += [(array.take(ends[where], axis), f"b{i}")]
                notes[f"biases in the {where} {'column' if axis else 'row'} of W"] = None
        arrays += [part for part, _ in parts]
        keys += [key for _, key in parts]
    return answer._replace(arrays=arrays, names=tuple(keys)), tuple(notes)


def _match(
    truth: GroundTruth, targets: dict[str, _Target], arrays: list[Array], labels: list[str]
) -> dict[str, int]:
    """The index of the array for each gradient.

    By its whole name; by shape, by transposed shape, then by position, as far as its name allows.
    """
    n = len(truth.problem.y)
    index = {f"grad_{label}": i for i, label in reversed(list(enumerate(labels)))}
    index = {place: index[place] for place in targets if place in index}
    unused = [i for i in range(len(arrays)) if i not in index.values()]
    for transposed in (False, True):
        for place, target in targets.items():
            if place in index:
                continue
            shape = target.shape[::-1] if transposed else target.shape
            found = [
                i
                for i in unused
                if (arrays[i].shape == shape or answers.is_bias(arrays[i], target.shape))
                and _may_be(labels[i], place)
            ]
            if len(found) > 1:  # the one that agrees, rather than what its author kept beside it
                found.sort(key=lambda i: not target.agrees(arrays[i], n))
                found.sort(key=lambda i: _is_intermediate(truth, arrays[i]))
            if found:
                index[place] = found[0]
                unused.remove(found[0])
    if len(arrays) == len(targets):
        free = [place for place in targets if place not in index]
        pairs = zip(free, unused, strict=True)
        index |= {place: i for place, i in pairs if _may_be(labels[i], place)}
    return index


def _may_be(label: str, place: str) -> bool:
    """Whether an array with a label, such as "W2", "b" or "", can be the gradient."""
    return place.removeprefix("grad_").startswith(label)


def _problem(target: _Target, got: Array | None, arrays: list[Array]) -> Finding | None:
    """Why an array cannot be compared; a transposed W has a diagnosis of its own."""
    place, shape = target.place, target.shape
    if got is None:
        shapes = dict.fromkeys(str(array.shape) for array in arrays)
        some = ", ".join([*shapes][:MAX_SHAPES]) + (", ..." if len(shapes) > MAX_SHAPES else "")
        text = f"{place} is not returned; got {f'arrays of {some}' if some else 'no array'}"
        return Finding(place, "missing", text)
    if target.fits(got) or (got.shape == shape[::-1] and target.param is None):
        return answers.finiteness_problem(place, got)
    return answers.shape_problem(place, got, shape)


def _ambiguity(
    truth: GroundTruth,
    target: _Target,
    index: dict[str, int],
    arrays: list[Array],
    labels: list[str],
) -> Finding | None:
    """The finding for a gradient where an array left over could be it just as well."""
    place, shape = target.place, target.shape
    chosen = index[place]
    for i in set(range(len(arrays))) - set(index.values()):
        fitting = target.fits(arrays[i]) or arrays[i].shape == shape[::-1]
        as_good = _may_be(labels[i], place) and len(labels[i]) >= len(labels[chosen])
        other = fitting and as_good and not np.array_equal(arrays[i], arrays[chosen])
        if other and not _is_intermediate(truth, arrays[i]):
            text = "several arrays could be it; return the gradients alone, or name them in a dict"
            return Finding(place, "ambiguous", f"{place}: {text}")
    return None


def _is_intermediate(truth: GroundTruth, array: Array) -> bool:
    """Whether an array is a right z, h, grad_z or grad_h, summed or not, as rows or columns."""
    n, params = len(truth.problem.y), truth.problem.params
    grad_h = [g @ layer.W.T for g, layer in zip(truth.grad_z, params, strict=True)]
    for right in (*truth.run.z, *truth.run.h, *truth.grad_z, *grad_h):
        for got in (array, array.T):
            if n == 1 and got.size == right.size:
                got = got.reshape(right.shape)
            fitting = got.shape == right.shape and np.isfinite(got).all()
            if fitting and any(fits(c * right, got, tolerance=answers.PRECISION) for c in (1, n)):
                return True
    return False


def _without_rounding(got: Array, expected: Array, n: int) -> tuple[Array, int | None]:
    """A mean or sum over n rows that agrees, as its exact value, and the digits if they are few.

    Others are unchanged.
    """
    if got.shape == expected.shape:
        for c in (1, n):
            digits = answers.digits(c * expected, got)
            if digits is not None or (
                got.dtype == np.float32 and answers.agrees(c * expected, got)
            ):
                return c * expected, digits
    return got.astype("float64"), None
