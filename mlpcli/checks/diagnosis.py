"""The diagnosis of a gradient: the first wrong quantity, and the mistake that explains it.

A gradient is read from the last layer down, as it was derived. The grad_z that was used is computed
back from grad_W and grad_b, and each step is checked given its own inputs. A mistake is named only
if it reproduces the wrong numbers to MATCH_TOLERANCE; otherwise only the place is named.

Everywhere here `layer` counts from 0, a grad_z is (n, units of the layer), a grad_W (fan_in,
fan_out) and a grad_b (fan_out,); the result under diagnosis, `got`, may have a wrong shape.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from mlpcli.checks import hypotheses
from mlpcli.checks.ground_truth import GroundTruth, backpropagate, grad_W, through_activation
from mlpcli.checks.hypotheses import Hypothesis
from mlpcli.checks.matching import (
    MATCH_TOLERANCE,
    PROBE_TOLERANCE,
    combination,
    factor,
    fits,
    ratio,
    same,
)
from mlpcli.nn import Array
from mlpcli.nn.mlp import Layer, Params


class Finding(NamedTuple):
    """One mistake."""

    place: str  # the first wrong quantity, e.g. "grad_z2"
    kind: str  # a stable name for programs; "unknown" where no mistake fits
    text: str  # for people


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


def diagnose_last_z(truth: GroundTruth, got: Array) -> Finding:
    """The mistake in the last layer's grad_z = w * (h - y) / n, (n, classes)."""
    place, expected = f"grad_z{len(truth.run.z)}", truth.grad_z[-1]
    return _explain(truth, place, got, expected, hypotheses.of_last_z(truth, got))


def diagnose_hidden_z(
    truth: GroundTruth, layer: int, got: Array, used: dict[int, Array], next_W: Array
) -> Finding:
    """The mistake in a hidden grad_z, (n, units).

    used: grad_z of the layers after, (n, its units); next_W: grad_W of the next, as it was used.
    """
    above = used[layer + 1]
    expected = backpropagate(truth, layer, above)
    tried = [*hypotheses.of_hidden_z(truth, layer, used)]
    if above.shape[1] == next_W.shape[1]:  # W - lr * grad_W, for the lr that would explain it
        shift = through_activation(truth, layer, above @ next_W.T)
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
    for kind, text, other in hypotheses.of_input(truth, layer):
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
    for kind, text, candidate in hypotheses.of_any(expected, got):
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


def _decay_mistake(c: float, decay: float) -> tuple[str, str]:
    """Kind and text for a weight decay of c in place of decay."""
    if same(c, 0):
        return "decay-missing", "weight decay is missing"
    if not decay:
        return "decay-added", f"holds a weight decay of {c:.6g} where none is set"
    if same(c, 2 * decay):
        return "decay-doubled", "weight decay counts twice"
    return "decay-scaled", f"weight decay is {c:.6g} in place of {decay:.6g}"
