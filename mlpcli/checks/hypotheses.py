"""The mistakes that a wrong quantity is compared with, each with the numbers that it would give.

Those that need the quantity's own values alone are in the tables of `common_mistakes.py`. `layer`
counts from 0.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from mlpcli.checks import reference
from mlpcli.checks.batch_norm_mistakes import NORMALIZED, Batch
from mlpcli.checks.common_mistakes import (
    HIDDEN,
    INPUTS,
    LAST,
    TRANSFORMS,
    WEIGHTS,
    Hidden,
    Last,
    Table,
)
from mlpcli.checks.ground_truth import (
    GroundTruth,
    after_dropout,
    backpropagate,
    is_normalized,
    through_activation,
    through_normalization,
)
from mlpcli.checks.matching import same
from mlpcli.checks.problem import row_weights
from mlpcli.nn import Array, batch_norm
from mlpcli.nn.activation import ACTIVATIONS

Hypothesis = tuple[str, str, Array]  # kind and text of a mistake, and the numbers it would give


def of_last_z(truth: GroundTruth, got: Array) -> Iterator[Hypothesis]:
    """Mistakes in the last grad_z; got: (n, classes), as each of their numbers."""
    y, p, z, expected = truth.problem.y, truth.run.h[-1], truth.run.z[-1], truth.grad_z[-1]
    n = len(y)
    weights = row_weights(truth.problem)
    scale = weights / n
    for shift in range(1, n):
        text = f"the labels are shifted by {shift} {'row' if shift == 1 else 'rows'}"
        yield "shifted", text, scale * (p - np.roll(y, shift, axis=0))
    # the targets that were subtracted; a row of weight 0 tells nothing about its own
    targets = p - np.divide(got, scale, out=np.zeros_like(got), where=scale > 0)
    nearest = np.abs(targets[:, None] - y).max(axis=2).argmin(axis=1)
    if not np.array_equal(y[nearest], y):
        text = f"row i has the label of row {nearest.tolist()}[i]"
        yield "shifted", text, scale * (p - y[nearest])
    for row in range(n):
        only_row = expected * np.eye(n)[:, row : row + 1]
        yield "only-row", f"only row {row} of the batch counts", only_row
    if truth.problem.weights is not None:
        yield "class-weight-missing", "the weights of the classes are left out", (p - y) / n
        text = "the weights of the classes multiply y alone"
        yield "class-weight-on-y", text, (p - weights * y) / n
        for shift in range(1, n):
            text = f"the weights of the classes are {_shifted(shift)} of the batch"
            yield "class-weight-shifted", text, np.roll(scale, shift, axis=0) * (p - y)
    parts = Last(y, p, z)
    yield from _rows(LAST, parts, len(truth.run.z), lambda numbers: scale * numbers)
    yield _batch_summed(expected)


def of_u(truth: GroundTruth, layer: int, grad_z: Array) -> Iterator[Hypothesis]:
    """Mistakes in grad_u, given grad_z, of a layer with batch normalization; all (n, units)."""
    k, right = layer + 1, through_normalization(truth, layer, grad_z)
    for other, normalized in enumerate(truth.run.normalized):
        if other != layer and normalized.u_hat.shape == grad_z.shape:
            text = f"u_hat and sigma of layer {other + 1} stand in place of those of layer {k}"
            yield "other-layer", text, batch_norm.backward(grad_z, normalized)
    yield from _rows(NORMALIZED, Batch(grad_z, right, *truth.run.normalized[layer]), k)


def with_other_sigma(grad_z: Array, right: Array, got: Array) -> Iterator[Hypothesis]:
    """Mistakes that give each unit a factor of its own; grad_z, the right and got: (n, units)."""
    for kind, text, numbers in (
        ("statistics-held", "mean and variance are constants, and those of another batch", grad_z),
        ("other-sigma", "is divided by another number than sigma in each unit", right),
    ):
        square = (numbers * numbers).sum(axis=0)
        alive = square > 0
        factors = np.ones(len(square))
        factors[alive] = (numbers * got).sum(axis=0)[alive] / square[alive]
        if alive.any() and not same(factors[alive].min(), factors[alive].max()):
            yield kind, text, numbers * factors  # one factor for all units is another mistake


def of_hidden_z(truth: GroundTruth, layer: int, used: dict[int, Array]) -> Iterator[Hypothesis]:
    """Mistakes in a hidden grad_z; their numbers are (n, units), used is (n, units above)."""
    problem, (z, h, *_), above = truth.problem, truth.run, used[layer + 1]
    f, W, k = problem.activation, problem.params[layer + 1].W, layer + 1
    slope, grad_h = reference.derivative(f, z[layer]), above @ W.T
    dropped = after_dropout(truth, layer, grad_h)
    if problem.masks is not None and (mask := problem.masks[layer + 1]) is not None:
        yield "dropout-missing", f"the dropout mask of h{k} is missing", grad_h * slope
        yield "dropout-twice", f"the dropout mask of h{k} is applied twice", dropped * mask * slope
        for shift in range(1, len(above)):
            text = f"the dropout mask of h{k} is {_shifted(shift)}"
            yield "dropout-shifted", text, grad_h * np.roll(mask, shift, axis=0) * slope
    for other in range(len(z) - 1):
        if other != layer and z[other].shape == z[layer].shape:
            text = f"the derivative is taken at z{other + 1} in place of z{k}"
            yield "wrong-mask", text, dropped * reference.derivative(f, z[other])
    for shift in range(1, len(above)):
        text = f"the derivative is taken at z{k} {_shifted(shift)}"
        yield "stale-z", text, dropped * np.roll(slope, shift, axis=0)
    yield from _rows(HIDDEN, Hidden(z[layer], h[k], slope, grad_h, dropped, f), k)
    for name, other_f in ACTIVATIONS.items():
        if other_f is not f:
            text = f"the derivative is that of {name}"
            yield "other-activation", text, dropped * reference.derivative(other_f, z[layer])
    yield _batch_summed(dropped * slope)
    if layer + 2 in used:
        unmasked = after_dropout(truth, k, used[layer + 2] @ problem.params[layer + 2].W.T)
        unmasked = through_normalization(truth, k, unmasked)
        text = f"is derived from grad_h{k + 1}, before the derivative of h{k + 1}"
        yield "mask-not-carried", text, through_activation(truth, layer, unmasked @ W.T)
    if is_normalized(truth, k):
        text = f"is derived from grad_z{k + 1} in place of grad_u{k + 1}"
        past = backpropagate(truth, k, used[layer + 2])
        yield "normalization-skipped", text, backpropagate(truth, layer, past)
    for other, layer_params in enumerate(problem.params):
        if other != k and layer_params.W.shape == W.shape:
            text = f"W{other + 1} is used instead of W{k + 1}"
            yield "wrong-weight", text, through_activation(truth, layer, above @ layer_params.W.T)
    for kind, text, used_W in _rows(WEIGHTS, W, k):
        yield kind, text, through_activation(truth, layer, above @ used_W.T)
    if W.shape[0] == W.shape[1]:
        yield (
            "not-transposed",
            f"W{k + 1} is not transposed",
            through_activation(truth, layer, above @ W),
        )
    if above.shape == z[layer].shape:
        yield "weight-missing", f"W{k + 1} is left out", through_activation(truth, layer, above)


def of_input(truth: GroundTruth, layer: int) -> Iterator[Hypothesis]:
    """What may stand in place of the input h of a layer: (n, fan_in)."""
    (z, h, *_), problem = truth.run, truth.problem
    for k in range(1, len(problem.y)):
        text = f"h{layer} is {_shifted(k)} of the batch"
        yield "stale-h", text, np.roll(h[layer], k, axis=0)
    if layer:
        past, before = f"h{layer}", z[layer - 1]
        yield "z-for-h", f"z{layer} is used instead of {past}", before
        yield "on-for-h", f"{past} > 0 is used instead of {past}", h[layer] > 0
        yield "dropout-missing", f"{past} lacks its dropout mask", problem.activation.f(before)
    for other, array in enumerate(h):
        if other != layer and array.shape == h[layer].shape:
            yield "layer-before", f"h{other} is used instead of h{layer}", array
    yield from _rows(INPUTS, h[layer], layer + 1)


def of_any(right: Array, got: Array) -> Iterator[Hypothesis]:
    """Mistakes that may happen to any quantity; both of one shape."""
    yield from _rows(TRANSFORMS, right, 0)
    bound = float(np.abs(got).max(initial=0))
    yield "clipped", f"is clipped to [-{bound:.6g}, {bound:.6g}]", np.clip(right, -bound, bound)


def _batch_summed(right: Array) -> Hypothesis:
    text = "the batch is summed before it is used"
    return "batch-summed", text, np.broadcast_to(right.sum(axis=0), right.shape)


def _rows(
    table: Table, truth: Any, layer: int, then: Callable[[Array], Array] = lambda numbers: numbers
) -> Iterator[Hypothesis]:
    for kind, text, numbers in table:
        yield kind, text.format(i=layer + 1, j=layer - 1, k=layer), then(numbers(truth))


def _shifted(shift: int) -> str:
    return f"shifted by {shift} row{'s' * (shift > 1)}"
