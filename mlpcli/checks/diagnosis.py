"""The diagnosis of a gradient: the first wrong quantity, and the mistake that explains it.

A gradient is read from the last layer down, as it was derived. The grad_z that was used is computed
back from grad_W and grad_b, and each step is checked given its own inputs. A mistake is named only
if it reproduces the wrong numbers to MATCH_TOLERANCE; otherwise only the place is named.

Everywhere here `layer` counts from 0, a grad_z is (n, units of the layer), a grad_W (fan_in,
fan_out) and a grad_b (fan_out,); the result under diagnosis, `got`, may have a wrong shape.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from mlpcli.checks import reference
from mlpcli.checks.matching import MATCH_TOLERANCE, combination, factor, fits, ratio, same
from mlpcli.checks.problem import Problem, row_weights
from mlpcli.nn import Array
from mlpcli.nn.activation import ACTIVATIONS
from mlpcli.nn.mlp import ForwardPass, Layer, Params

Hypothesis = tuple[str, str, Array]  # kind and text of a mistake, and the numbers it would give


class Finding(NamedTuple):
    """One mistake."""

    place: str  # the first wrong quantity, e.g. "grad_z2"
    kind: str  # a stable name for programs; "unknown" where no mistake fits
    text: str  # for people


class GroundTruth(NamedTuple):
    """The right values of a problem."""

    problem: Problem
    run: ForwardPass
    grad_z: list[Array]  # (n, units) for each layer


def ground_truth(problem: Problem) -> GroundTruth:
    """The right values of a problem, from its forward pass."""
    return GroundTruth(problem, reference.forward(problem), reference.grad_z(problem))


def diagnose(truth: GroundTruth, gradient: Params) -> list[Finding]:
    """The mistakes in a gradient, last layer first; none if it is right."""
    findings: list[Finding] = []
    above: Array | None = None  # the grad_z of the layer above that was used
    for layer in reversed(range(len(gradient))):
        grads = gradient[layer]
        expected = truth.grad_z[-1] if above is None else backpropagate(truth, layer, above)
        W_right = fits(grad_W(truth, layer, expected), grads.W)
        b_right = fits(expected.sum(axis=0), grads.b)
        W_wrong = [] if W_right else [diagnose_W(truth, layer, grads.W, expected)]
        implied = None if W_right else _implied_grad_z(truth, layer, grads)
        if b_right and any(finding.kind != "unknown" for finding in W_wrong):
            implied = None  # a mistake in grad_W alone explains it
        if implied is None:
            findings += W_wrong
            findings += [] if b_right else [diagnose_b(truth, layer, grads.b, expected)]
        elif above is None:
            findings.append(diagnose_last_z(truth, implied))
        else:
            findings.append(diagnose_hidden_z(truth, layer, implied, above, gradient[layer + 1].W))
        above = expected if implied is None else implied
    return findings


def backpropagate(truth: GroundTruth, layer: int, above: Array) -> Array:
    """The grad_z of a hidden layer, (n, units), that follows from the grad_z above it."""
    return _grad_z(truth, layer, above @ truth.problem.params[layer + 1].W.T)


def grad_W(truth: GroundTruth, layer: int, grad_z: Array) -> Array:
    """The grad_W, (fan_in, fan_out), that follows from grad_z, (n, fan_out)."""
    problem = truth.problem
    return truth.run.h[layer].T @ grad_z + problem.weight_decay * problem.params[layer].W


def diagnose_last_z(truth: GroundTruth, got: Array) -> Finding:
    """The mistake in the last layer's grad_z = w * (h - y) / n, (n, classes)."""
    place, expected = f"grad_z{len(truth.run.z)}", truth.grad_z[-1]
    return _explain(place, got, expected, [*_last_hypotheses(truth, got)], len(got))


def diagnose_hidden_z(
    truth: GroundTruth, layer: int, got: Array, above: Array, next_W: Array
) -> Finding:
    """The mistake in a hidden grad_z, (n, units).

    above: grad_z of the layer after, (n, its units); next_W: grad_W of that layer.
    """
    expected = backpropagate(truth, layer, above)
    hypotheses = [*_hidden_hypotheses(truth, layer, above)]
    if above.shape[1] == next_W.shape[1]:  # W - lr * grad_W, for the lr that would explain it
        shift = _grad_z(truth, layer, above @ next_W.T)
        if (lr := ratio(shift, expected - got)) is not None and lr:
            text = f"W{layer + 2} was updated (learning rate {lr:.6g}) before it was used"
            hypotheses.append(("updated-weight", text, got))
    return _explain(f"grad_z{layer + 1}", got, expected, hypotheses, len(got))


def diagnose_W(truth: GroundTruth, layer: int, got: Array, grad_z: Array) -> Finding:
    """The mistake in grad_W = h.T @ grad_z + weight_decay * W, given grad_z, (n, fan_out)."""
    problem, (z, h) = truth.problem, truth.run
    W, decay, n = problem.params[layer].W, problem.weight_decay, len(grad_z)
    place, data, penalty = f"grad_W{layer + 1}", h[layer].T @ grad_z, decay * W
    expected = grad_W(truth, layer, grad_z)
    hypotheses: list[Hypothesis] = [("transposed", "is transposed", expected.T)]
    if got.shape != expected.shape:
        return _explain(place, got, expected, hypotheses, n)
    if (pair := combination(data, W, got)) is not None:
        a, c = pair
        if same(a, 1):
            hypotheses.append((*_decay_mistake(c, decay), got))
        elif same(c, decay) and decay:
            kind, text = factor(a, n)
            hypotheses.append((kind, f"h{layer}.T @ grad_z{layer + 1} {text}", got))
    text = "weight decay takes sign(W) in place of W"
    hypotheses.append(("decay-sign", text, data + decay * np.sign(W)))
    past = f"h{layer}"
    inputs: list[Hypothesis] = [  # in place of h
        ("stale-h", f"{past} is shifted by {k} rows of the batch", np.roll(h[layer], k, axis=0))
        for k in range(1, n)
    ]
    if layer:
        z_past = z[layer - 1]
        inputs += [
            ("z-for-h", f"z{layer} stands in place of {past}", z_past),
            ("on-for-h", f"{past} > 0 stands in place of {past}", h[layer] > 0),
            ("dropout-missing", f"{past} lacks its dropout mask", problem.activation.f(z_past)),
        ]
    hypotheses += [(kind, text, used.T @ grad_z + penalty) for kind, text, used in inputs]
    return _explain(place, got, expected, hypotheses, n, common_part=penalty)


def diagnose_b(truth: GroundTruth, layer: int, got: Array, grad_z: Array) -> Finding:
    """The mistake in grad_b = sum of grad_z over the batch, given grad_z, (n, fan_out)."""
    b, expected = truth.problem.params[layer].b, grad_z.sum(axis=0)
    name = f"grad_z{layer + 1}"
    rows, shifts = list(enumerate(grad_z)), range(1, len(expected))
    hypotheses: list[Hypothesis] = [
        ("reversed", "its entries are in reverse order", expected[::-1]),
        *(("one-row", f"only row {k} of {name} is used", row) for k, row in rows),
        *(("row-missing", f"row {k} of {name} is left out", expected - row) for k, row in rows),
        *(("shifted", f"its entries are shifted by {k}", np.roll(expected, k)) for k in shifts),
    ]
    if got.shape == b.shape:
        pair = combination(expected[:, None], b[:, None], got[:, None])
        if pair is not None and same(pair[0], 1) and pair[1]:
            text = f"weight decay ({pair[1]:.6g}) is applied to the bias"
            hypotheses.insert(0, ("decay-on-bias", text, got))
    return _explain(f"grad_b{layer + 1}", got, expected, hypotheses, len(grad_z))


def _last_hypotheses(truth: GroundTruth, got: Array) -> Iterator[Hypothesis]:
    """Mistakes in the last grad_z; got: (n, classes), as each of their numbers."""
    y, p, z, expected = truth.problem.y, truth.run.h[-1], truth.run.z[-1], truth.grad_z[-1]
    n, k = len(y), len(truth.run.z)
    hard = np.eye(y.shape[1])[y.argmax(axis=1)]
    weights = row_weights(truth.problem)
    scale = weights / n
    for shift in range(1, n):
        text = f"the labels are shifted by {shift} {'row' if shift == 1 else 'rows'}"
        yield "shifted", text, scale * (p - np.roll(y, shift, axis=0))
    # the targets that were subtracted; a row of weight 0 tells nothing about its own
    targets = p - np.divide(got, scale, out=np.zeros_like(got), where=scale > 0)
    nearest = np.abs(targets[:, None] - y).max(axis=2).argmin(axis=1)
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
            text = f"the weights of the classes are shifted by {shift} rows of the batch"
            yield "class-weight-shifted", text, np.roll(scale, shift, axis=0) * (p - y)
    yield "smoothing-missing", "label smoothing is left out", scale * (p - hard)
    yield "log-for-softmax", f"log(h{k}) stands in place of h{k}", scale * (np.log(p) - y)
    yield "z-for-softmax", f"z{k} stands in place of h{k}", scale * (z - y)
    yield "target-missing", "y is not subtracted", scale * p
    text = f"has a factor h{k} * (1 - h{k}) too many"
    yield "softmax-twice", text, scale * (p - y) * p * (1 - p)
    yield "softmax-missing", f"is the derivative wrt h{k}; softmax is missing", scale * -y / p


def _hidden_hypotheses(truth: GroundTruth, layer: int, above: Array) -> Iterator[Hypothesis]:
    """Mistakes in a hidden grad_z; their numbers are (n, units), above is (n, units above)."""
    problem, (z, h) = truth.problem, truth.run
    f, W, k = problem.activation, problem.params[layer + 1].W, layer + 1
    slope = reference.derivative(f, z[layer])
    grad_h = above @ W.T
    dropped = _drop(truth, layer, grad_h)
    yield "missing-mask", f"the derivative of h{k} with respect to z{k} is missing", dropped
    if problem.masks is not None and (mask := problem.masks[layer + 1]) is not None:
        yield "dropout-missing", f"the dropout mask of h{k} is missing", grad_h * slope
        yield "dropout-twice", f"the dropout mask of h{k} is applied twice", dropped * mask * slope
        for shift in range(1, len(above)):
            text = f"the dropout mask of h{k} is shifted by {shift} rows"
            yield "dropout-shifted", text, grad_h * np.roll(mask, shift, axis=0) * slope
    for other in range(len(z) - 1):
        if other != layer and z[other].shape == z[layer].shape:
            text = f"the derivative is taken at z{other + 1} in place of z{k}"
            yield "wrong-mask", text, dropped * reference.derivative(f, z[other])
    yield "inverted-mask", "the mask keeps what it should drop", dropped * (1 - slope)
    for shift in range(1, len(above)):
        text = f"the derivative is taken at z{k} shifted by {shift} rows"
        yield "stale-z", text, dropped * np.roll(slope, shift, axis=0)
    text = f"the derivative is taken at h{k} in place of z{k}"
    yield "derivative-at-h", text, dropped * reference.derivative(f, h[layer + 1])
    yield "value-for-derivative", f"h{k} stands in place of its derivative", dropped * f.f(z[layer])
    for name, other_f in ACTIVATIONS.items():
        if other_f is not f:
            text = f"the derivative is that of {name}"
            yield "other-activation", text, dropped * reference.derivative(other_f, z[layer])
    if W.shape[0] == W.shape[1]:
        yield "not-transposed", f"W{k + 1} is not transposed", _grad_z(truth, layer, above @ W)
    if above.shape == z[layer].shape:
        yield "weight-missing", f"W{k + 1} is left out", _grad_z(truth, layer, above)


def _explain(
    place: str,
    got: Array,
    expected: Array,
    hypotheses: list[Hypothesis],
    n: int,
    *,
    common_part: Array | float = 0.0,
) -> Finding:
    """The first mistake that fits, a factor beside it allowed; "unknown" if none does.

    n: rows of the batch. common_part: a term of both got and expected, which would hide a mistake
    in one row, column or entry of the rest.
    """
    if not np.isfinite(got).all():
        return Finding(place, "non-finite", f"{place} has entries that are not finite")
    if not got.any():
        return Finding(place, "zero", f"{place} is zero everywhere")
    for kind, text, candidate in hypotheses:
        if fits(candidate, got):
            return Finding(place, kind, f"{place}: {text}")
    if got.shape == expected.shape and (c := ratio(expected, got)) is not None:
        kind, text = factor(c, n)
        return Finding(place, kind, f"{place} {text}")
    for kind, text, candidate in hypotheses:
        if (c := ratio(candidate, got)) is not None:
            return Finding(place, kind, f"{place}: {text}, and it {factor(c, n)[1]}")
    if got.shape != expected.shape:
        return Finding(place, "shape", f"{place} must have shape {expected.shape}, got {got.shape}")
    return _local_mistake(place, got - common_part, expected - common_part, n) or Finding(
        place, "unknown", f"{place} is the first wrong quantity; no common mistake explains it"
    )


def _local_mistake(place: str, got: Array, expected: Array, n: int) -> Finding | None:
    """A mistake in one row, one column or one entry; got and expected have one shape."""
    wrong = np.abs(got - expected) > MATCH_TOLERANCE * np.abs(expected).max()
    if wrong.sum() == 1:
        at = tuple(int(axis[0]) for axis in np.nonzero(wrong))
        text = f"{place}{list(at)} alone is wrong: {got[at]:.6g} in place of {expected[at]:.6g}"
        return Finding(place, "one-entry", text)
    if wrong.ndim == 1:
        return None
    for axis, name in ((1, "row"), (0, "column")):
        where = np.flatnonzero(wrong.any(axis=axis))
        if len(where) == 1:
            part = got.take(where[0], axis=1 - axis)
            c = ratio(expected.take(where[0], axis=1 - axis), part)
            text = "is wrong" if c is None else factor(c, n)[1]
            return Finding(place, f"one-{name}", f"{name} {where[0]} of {place} {text}")
    return None


def _implied_grad_z(truth: GroundTruth, layer: int, grads: Layer) -> Array | None:
    """The grad_z, (n, units), that gives both grad_W and grad_b, if there is one."""
    problem, h = truth.problem, truth.run.h[layer]
    if grads.W.shape != problem.params[layer].W.shape:
        return None
    inputs = np.vstack([h.T, np.ones(len(h))])  # b is the weight of an input that is always 1
    data = np.vstack([grads.W - problem.weight_decay * problem.params[layer].W, grads.b])
    grad_z: Array = np.linalg.lstsq(inputs, data, rcond=None)[0]
    return grad_z if fits(inputs @ grad_z, data) else None


def _grad_z(truth: GroundTruth, layer: int, grad_h: Array) -> Array:
    """The grad_z of a hidden layer that follows from its grad_h before dropout: (n, units)."""
    slope = reference.derivative(truth.problem.activation, truth.run.z[layer])
    return _drop(truth, layer, grad_h) * slope


def _drop(truth: GroundTruth, layer: int, grad_h: Array) -> Array:
    """grad_h of a hidden layer, (n, units), after its dropout mask."""
    masks = truth.problem.masks
    mask = None if masks is None else masks[layer + 1]
    return grad_h if mask is None else grad_h * mask


def _decay_mistake(c: float, decay: float) -> tuple[str, str]:
    """Kind and text for a weight decay of c in place of decay."""
    if same(c, 0):
        return "decay-missing", "weight decay is missing"
    if not decay:
        return "decay-added", f"holds a weight decay of {c:.6g} where none is set"
    if same(c, 2 * decay):
        return "decay-doubled", "weight decay counts twice"
    return "decay-scaled", f"weight decay is {c:.6g} in place of {decay:.6g}"
