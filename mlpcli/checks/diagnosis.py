"""The diagnosis of a gradient: the first wrong quantity, and the mistake that explains it.

A gradient is read from the last layer down, as it was derived. The grad_z that was used is computed
back from grad_W and grad_b, and each step is checked given its own inputs. A mistake is named only
if it reproduces the wrong numbers to MATCH_TOLERANCE; otherwise only the place is named.

Everywhere here `layer` counts from 0, a grad_z is (n, units of the layer), a grad_W (fan_in,
fan_out) and a grad_b (fan_out,); the result under diagnosis, `got`, may have a wrong shape.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from mlpcli.checks import hypotheses, reference
from mlpcli.checks.hypotheses import Hidden, Hypothesis, Last
from mlpcli.checks.matching import (
    MATCH_TOLERANCE,
    PROBE_TOLERANCE,
    combination,
    factor,
    fits,
    ratio,
    same,
)
from mlpcli.checks.problem import Problem, row_weights
from mlpcli.nn import Array
from mlpcli.nn.mlp import ForwardPass, Layer, Params


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


def diagnose(truth: GroundTruth, gradient: Params, *, scale: float = 1.0) -> list[Finding]:
    """The mistakes in a gradient, last layer first; none if it is right.

    scale: what its author's gradient was divided by, which a learning rate refers to.
    """
    findings: list[Finding] = []
    used: dict[int, Array] = {}  # the grad_z of each layer that was used
    for layer in reversed(range(len(gradient))):
        grads, above = gradient[layer], used.get(layer + 1)
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
            next_W = gradient[layer + 1].W * scale
            findings.append(diagnose_hidden_z(truth, layer, implied, used, next_W))
        used[layer] = expected if implied is None else implied
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
    return _explain(truth, place, got, expected, _last_hypotheses(truth, got))


def diagnose_hidden_z(
    truth: GroundTruth, layer: int, got: Array, used: dict[int, Array], next_W: Array
) -> Finding:
    """The mistake in a hidden grad_z, (n, units).

    used: grad_z of the layers after, (n, its units); next_W: grad_W of the next, as it was used.
    """
    above = used[layer + 1]
    expected = backpropagate(truth, layer, above)
    tried = [*_hidden_hypotheses(truth, layer, used)]
    if above.shape[1] == next_W.shape[1]:  # W - lr * grad_W, for the lr that would explain it
        shift = _grad_z(truth, layer, above @ next_W.T)
        if (lr := ratio(shift, expected - got)) is not None and lr:
            text = f"W{layer + 2} was updated (learning rate {lr:.6g}) before it was used"
            tried.append(("updated-weight", text, got))
    return _explain(truth, f"grad_z{layer + 1}", got, expected, tried)


def diagnose_W(truth: GroundTruth, layer: int, got: Array, grad_z: Array) -> Finding:
    """The mistake in grad_W = h.T @ grad_z + weight_decay * W, given grad_z, (n, fan_out)."""
    problem, h = truth.problem, truth.run.h[layer]
    W, decay, n = problem.params[layer].W, problem.weight_decay, len(grad_z)
    place, data, penalty = f"grad_W{layer + 1}", h.T @ grad_z, decay * W
    expected = grad_W(truth, layer, grad_z)
    tried: list[Hypothesis] = [("transposed", "is transposed", expected.T)]
    if got.shape != expected.shape:
        return _explain(truth, place, got, expected, tried)
    if (pair := combination(data, W, got)) is not None:
        a, c = pair
        if same(a, 1):
            tried.append((*_decay_mistake(c, decay), got))
        elif a < 0 and not same(a, 0) and same(c, 1 + a * decay):
            text = f"is W{layer + 1} - {-a:.6g} * its gradient: the updated W"
            tried.append(("updated-params", text, got))
        elif same(c, decay) and decay:
            kind, text = factor(a, n)
            tried.append((kind, f"h{layer}.T @ grad_z{layer + 1} {text}", got))
    tried.append(("params-for-gradient", f"is W{layer + 1} itself", W))
    text = "weight decay takes sign(W) in place of W"
    tried.append(("decay-sign", text, data + decay * np.sign(W)))
    probe = np.random.default_rng(0).standard_normal(len(W.T))  # in place of whole matrices
    part, got_part, more = grad_z @ probe, got @ probe, penalty @ probe
    for kind, text, other in hypotheses.inputs(problem, truth.run, layer, grad_z):
        if ratio(other.T @ part + more, got_part, tolerance=PROBE_TOLERANCE) is not None:
            tried.append((kind, text, other.T @ grad_z + penalty))
    finding = _explain(truth, place, got, expected, tried, common_part=penalty)
    if finding.kind == "unknown" and _has_other_input(h, got - penalty):
        text = f"h{layer} in it is not the h{layer} that you were given"
        return Finding(place, "other-h", f"{place}: {text}; does your own forward pass differ?")
    return finding


def diagnose_b(truth: GroundTruth, layer: int, got: Array, grad_z: Array) -> Finding:
    """The mistake in grad_b = sum of grad_z over the batch, given grad_z, (n, fan_out)."""
    (W, b), expected = truth.problem.params[layer], grad_z.sum(axis=0)
    name, place = f"grad_z{layer + 1}", f"grad_b{layer + 1}"
    rows, shifts = list(enumerate(grad_z)), range(1, len(expected))
    whole, total = grad_W(truth, layer, grad_z), np.full(expected.shape, grad_z.sum())
    if got.shape == b.shape and not got.any() and layer == len(truth.run.z) - 1:
        return Finding(place, "zero", f"{place} is zero everywhere, as a sum without its axis is")
    lone = "is one number, the sum over everything; a sum lacks its axis"
    near = MATCH_TOLERANCE * np.abs(grad_z).sum()  # over all classes, the sum itself is nearly 0
    if got.shape == b.shape and got.any() and np.ptp(got) == 0 and abs(got - total).max() <= near:
        return Finding(place, "sum-axis", f"{place} {lone}")
    tried: list[Hypothesis] = [
        ("sum-axis", lone, total),
        ("reversed", "its entries are in reverse order", expected[::-1]),
        *(("one-row", f"only row {k} of {name} is used", row) for k, row in rows),
        *(("row-missing", f"row {k} of {name} is left out", expected - row) for k, row in rows),
        *(("shifted", f"its entries are shifted by {k}", np.roll(expected, k)) for k in shifts),
        ("from-W", f"is the sum of the rows of grad_W{layer + 1}", whole.sum(axis=0)),
        (
            "from-W",
            f"is the sum of the rows of h{layer}.T @ {name}",
            (whole - truth.problem.weight_decay * W).sum(axis=0),
        ),
        ("largest", f"is the largest entry of each column of {name}", grad_z.max(axis=0)),
    ]
    if got.shape == b.shape:
        tried.append(("times-b", f"is multiplied by b{layer + 1}", expected * b))
        tried.append(("params-for-gradient", f"is b{layer + 1} itself", b))
        pair = combination(expected[:, None], b[:, None], got[:, None])
        if pair is not None and same(pair[0], 1) and pair[1]:
            text = f"weight decay ({pair[1]:.6g}) is applied to the bias"
            tried.insert(0, ("decay-on-bias", text, got))
    return _explain(truth, place, got, expected, tried)


def _last_hypotheses(truth: GroundTruth, got: Array) -> Iterator[Hypothesis]:
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
            text = f"the weights of the classes are shifted by {shift} rows of the batch"
            yield "class-weight-shifted", text, np.roll(scale, shift, axis=0) * (p - y)
    yield from hypotheses.last(Last(y, p, z, scale, expected), len(truth.run.z))


def _hidden_hypotheses(
    truth: GroundTruth, layer: int, used: dict[int, Array]
) -> Iterator[Hypothesis]:
    """Mistakes in a hidden grad_z; their numbers are (n, units), used is (n, units above)."""
    problem, (z, h), above = truth.problem, truth.run, used[layer + 1]
    f, W, k = problem.activation, problem.params[layer + 1].W, layer + 1
    slope, grad_h = reference.derivative(f, z[layer]), above @ W.T
    dropped = _drop(truth, layer, grad_h)
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
    for shift in range(1, len(above)):
        text = f"the derivative is taken at z{k} shifted by {shift} rows"
        yield "stale-z", text, dropped * np.roll(slope, shift, axis=0)
    right = dropped * slope
    yield from hypotheses.hidden(Hidden(z[layer], h[k], slope, grad_h, dropped, f, right), k)
    if layer + 2 in used:
        unmasked = _drop(truth, k, used[layer + 2] @ problem.params[layer + 2].W.T)
        text = f"is derived from grad_h{k + 1}, before the derivative of h{k + 1}"
        yield "mask-not-carried", text, _grad_z(truth, layer, unmasked @ W.T)
    for other, layer_params in enumerate(problem.params):
        if other != k and layer_params.W.shape == W.shape:
            text = f"W{other + 1} stands in place of W{k + 1}"
            yield "wrong-weight", text, _grad_z(truth, layer, above @ layer_params.W.T)
    for kind, text, used_W in hypotheses.weights(W, k):
        yield kind, text, _grad_z(truth, layer, above @ used_W.T)
    if W.shape[0] == W.shape[1]:
        yield "not-transposed", f"W{k + 1} is not transposed", _grad_z(truth, layer, above @ W)
    if above.shape == z[layer].shape:
        yield "weight-missing", f"W{k + 1} is left out", _grad_z(truth, layer, above)


def _explain(
    truth: GroundTruth,
    place: str,
    got: Array,
    expected: Array,
    tried: Iterable[Hypothesis],
    *,
    common_part: Array | float = 0.0,
) -> Finding:
    """The first mistake that fits, a factor beside it allowed; "unknown" if none does.

    common_part: a term of both got and expected, which would hide a mistake in one row, column or
    entry of the rest.
    """
    n, classes = truth.problem.y.shape
    tried = [*tried]
    if not np.isfinite(got).all():
        return Finding(place, "non-finite", f"{place} has entries that are not finite")
    if not got.any():
        return Finding(place, "zero", f"{place} is zero everywhere")
    for kind, text, candidate in tried:
        if fits(candidate, got):
            return Finding(place, kind, f"{place}: {text}")
    if got.shape == expected.shape and (c := ratio(expected, got)) is not None:
        kind, text = factor(c, n, classes)
        return Finding(place, kind, f"{place} {text}")
    for kind, text, candidate in tried:
        if (c := ratio(candidate, got)) is not None and not same(c, 0):
            return Finding(place, kind, f"{place}: {text}, and it {factor(c, n, classes)[1]}")
    if got.shape != expected.shape:
        return Finding(place, "shape", f"{place} must have shape {expected.shape}, got {got.shape}")
    local = _local_mistake(place, got - common_part, expected - common_part, n)
    if local:
        return local
    for kind, text, candidate in hypotheses.transforms(expected, got):
        if fits(candidate, got):
            return Finding(place, kind, f"{place} {text}")
    text = f"{place} is the first wrong quantity; no common mistake explains it"
    return Finding(place, "unknown", text)


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


def _has_other_input(h: Array, product: Array) -> bool:
    """Whether product, (fan_in, fan_out), is A.T @ B for A, B of n rows as h, but not with h."""
    n = len(h)
    if n >= min(product.shape):
        return False
    part = product @ np.random.default_rng(0).standard_normal((product.shape[1], n + 1))
    sizes = np.linalg.svd(part, compute_uv=False)
    with_h = h.T @ np.linalg.lstsq(h.T, part, rcond=None)[0]
    return bool(sizes[n] <= MATCH_TOLERANCE * sizes[0]) and not fits(with_h, part)


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
