"""The diagnosis of a gradient: the first wrong quantity, and the mistake that explains it.

A gradient is read from the last layer down, as it was derived. The grad_u that was used, of
u = h @ W, is computed back from grad_W and grad_b, and each step is checked given its own inputs.
It is grad_z but where batch normalization stands between u and z. A mistake is named only if it
reproduces the wrong numbers to MATCH_TOLERANCE; otherwise only the place is named.

Everywhere here `layer` counts from 0, a grad_z or grad_u is (n, units of the layer), a grad_W
(fan_in, fan_out) and a grad_b (fan_out,); the result under diagnosis, `got`, may have a wrong
shape.
"""

from functools import partial

import numpy as np

from mlpcli.checks import hypotheses
from mlpcli.checks.finding import Finding, explain
from mlpcli.checks.ground_truth import (
    GroundTruth,
    backpropagate,
    grad_W,
    is_normalized,
    through_activation,
    through_normalization,
)
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


def diagnose(truth: GroundTruth, gradient: Params, *, scale: float = 1.0) -> list[Finding]:
    """The mistakes in a gradient, last layer first; none if it is right.

    scale: what its author's gradient was divided by, which a learning rate refers to.
    """
    findings: list[Finding] = []
    used: dict[int, Array] = {}  # the grad_u of each layer that was used
    for layer in reversed(range(len(gradient))):
        grads, above = gradient[layer], used.get(layer + 1)
        expected = truth.grad_z[-1] if above is None else backpropagate(truth, layer, above)
        grad_u = through_normalization(truth, layer, expected)
        W_right = fits(grad_W(truth, layer, grad_u), grads.W)
        b_right = fits(expected.sum(axis=0), grads.b)
        W_wrong = [] if W_right else [diagnose_W(truth, layer, grads.W, grad_u)]
        implied = None if W_right else _implied_grad_u(truth, layer, grads)
        in_W = b_right and _is_right_below(truth, layer, grad_u, gradient)
        if in_W and any(finding.kind != "unknown" for finding in W_wrong):
            implied = None  # a mistake in grad_W alone explains it
        if implied is None:
            findings += W_wrong
            findings += [] if b_right else [diagnose_b(truth, layer, grads.b, expected)]
        elif above is None:
            findings.append(diagnose_last_z(truth, implied))
        elif b_right and is_normalized(truth, layer):
            finding = diagnose_u(truth, layer, implied, expected)
            if in_W and layer:
                place, implied = f"grad_W{layer + 1}", None
                text = f"{finding.text}; this is so in {place} alone"
                finding = Finding(place, finding.kind, text)
            findings.append(finding)
        else:
            next_W = gradient[layer + 1].W * scale
            got = Layer(implied, grads.b)
            findings.append(diagnose_hidden_z(truth, layer, got, used, next_W))
        used[layer] = grad_u if implied is None else implied
    return findings


def diagnose_last_z(truth: GroundTruth, got: Array) -> Finding:
    """The mistake in the last layer's grad_z = w * (h - y) / n, (n, classes)."""
    place, expected = f"grad_z{len(truth.run.z)}", truth.grad_z[-1]
    return explain(truth, place, got, expected, hypotheses.of_last_z(truth, got))


def diagnose_hidden_z(
    truth: GroundTruth, layer: int, got: Layer, used: dict[int, Array], next_W: Array
) -> Finding:
    """The mistake in a hidden grad_z, found from grad_u, (n, units), and grad_b.

    used: grad_u of the layers after, (n, its units); next_W: grad_W of the next, as it was used.
    """
    above = used[layer + 1]

    def effect(grad_z: Array) -> Array:  # linear, so that factors stay what they are
        if not is_normalized(truth, layer):
            return grad_z
        grad_u = through_normalization(truth, layer, grad_z)
        return np.vstack([_shown_by_W(truth, layer, grad_u), grad_z.sum(axis=0)])

    seen = np.vstack(got) if is_normalized(truth, layer) else got.W
    expected = effect(backpropagate(truth, layer, above))
    mistakes = hypotheses.of_hidden_z(truth, layer, used)
    tried = [(kind, text, effect(grad_z)) for kind, text, grad_z in mistakes]
    if above.shape[1] == next_W.shape[1]:  # W - lr * grad_W, for the lr that would explain it
        shift = effect(through_activation(truth, layer, above @ next_W.T))
        if (lr := ratio(shift, expected - seen)) is not None and lr:
            text = f"W{layer + 2} was updated (learning rate {lr:.6g}) before it was used"
            tried.append(("updated-weight", text, seen))
    return explain(truth, f"grad_z{layer + 1}", seen, expected, tried)


def diagnose_u(truth: GroundTruth, layer: int, got: Array, grad_z: Array) -> Finding:
    """The mistake in grad_u, (n, units), of a layer with batch normalization, given its grad_z."""
    shown = partial(_shown_by_W, truth, layer)
    expected = through_normalization(truth, layer, grad_z)
    tried = [(kind, text, shown(g)) for kind, text, g in hypotheses.of_u(truth, layer, grad_z)]
    tried += hypotheses.with_other_sigma(shown(grad_z), shown(expected), got)
    return explain(truth, f"grad_u{layer + 1}", got, shown(expected), tried)


def diagnose_W(truth: GroundTruth, layer: int, got: Array, grad_u: Array) -> Finding:
    """The mistake in grad_W = h.T @ grad_u + weight_decay * W, given grad_u, (n, fan_out)."""
    problem, h = truth.problem, truth.run.h[layer]
    W, decay, n = problem.params[layer].W, problem.weight_decay, len(grad_u)
    place, data, penalty = f"grad_W{layer + 1}", h.T @ grad_u, decay * W
    expected = grad_W(truth, layer, grad_u)
    tried: list[Hypothesis] = [("transposed", "is transposed", expected.T)]
    if got.shape != expected.shape:
        return explain(truth, place, got, expected, tried)
    if (pair := combination(data, W, got)) is not None:
        a, c = pair
        if same(a, 1):
            tried.append((*_decay_mistake(c, decay), got))
        elif a < 0 and not same(a, 0) and same(c, 1 + a * decay):
            text = f"is W{layer + 1} - {-a:.6g} * its gradient: the updated W"
            tried.append(("updated-params", text, got))
        elif same(c, decay) and decay:
            kind, text = factor(a, n)
            name = "grad_u" if is_normalized(truth, layer) else "grad_z"
            tried.append((kind, f"h{layer}.T @ {name}{layer + 1} {text}", got))
    tried.append(("params-for-gradient", f"is W{layer + 1} itself", W))
    text = "weight decay takes sign(W) in place of W"
    tried.append(("decay-sign", text, data + decay * np.sign(W)))
    probe = np.random.default_rng(0).standard_normal(len(W.T))  # in place of whole matrices
    part, got_part, more = grad_u @ probe, got @ probe, penalty @ probe
    for kind, text, other in hypotheses.of_input(truth, layer):
        if ratio(other.T @ part + more, got_part, tolerance=PROBE_TOLERANCE) is not None:
            tried.append((kind, text, other.T @ grad_u + penalty))
    finding = explain(truth, place, got, expected, tried, common_part=penalty)
    if finding.kind == "unknown" and _has_other_input(h, got - penalty):
        text = f"h{layer} in it is not the h{layer} that you were given"
        return Finding(place, "other-h", f"{place}: {text}; does your own forward pass differ?")
    return finding


def diagnose_b(truth: GroundTruth, layer: int, got: Array, grad_z: Array) -> Finding:
    """The mistake in grad_b = sum of grad_z over the batch, given grad_z, (n, fan_out)."""
    (W, b), expected = truth.problem.params[layer], grad_z.sum(axis=0)
    name, place = f"grad_z{layer + 1}", f"grad_b{layer + 1}"
    rows, shifts = list(enumerate(grad_z)), range(1, len(expected))
    grad_u, total = through_normalization(truth, layer, grad_z), np.full(b.shape, grad_z.sum())
    whole = grad_W(truth, layer, grad_u)
    if got.shape == b.shape and not got.any() and layer == len(truth.run.z) - 1:
        return Finding(place, "zero", f"{place} is zero everywhere, as a sum without its axis is")
    if is_normalized(truth, layer) and got.shape == b.shape:
        tiny = MATCH_TOLERANCE * np.abs(grad_u).sum()  # grad_u adds up to 0, up to rounding
        if np.abs(got).max() <= tiny:
            text = f"is the sum of grad_u{layer + 1}, which is 0; b stands behind the normalization"
            return Finding(place, "bias-before-normalization", f"{place} {text}")
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
    return explain(truth, place, got, expected, tried)


def _implied_grad_u(truth: GroundTruth, layer: int, grads: Layer) -> Array | None:
    """The grad_u, (n, units), that gives grad_W, and grad_b if u is z, if there is one."""
    problem, inputs = truth.problem, truth.run.h[layer].T
    if grads.W.shape != problem.params[layer].W.shape:
        return None
    data = grads.W - problem.weight_decay * problem.params[layer].W
    if not is_normalized(truth, layer):  # b is the weight of an input that is always 1
        inputs = np.vstack([inputs, np.ones(inputs.shape[1])])
        data = np.vstack([data, grads.b])
    grad_u: Array = np.linalg.lstsq(inputs, data, rcond=None)[0]
    return grad_u if fits(inputs @ grad_u, data) else None


def _shown_by_W(truth: GroundTruth, layer: int, grad_u: Array) -> Array:
    """The part of grad_u, (n, units), that grad_W tells: not that of an image whose h is 0."""
    h = truth.run.h[layer]
    shown: Array = np.linalg.lstsq(h.T, h.T @ grad_u, rcond=None)[0]
    return shown


def _is_right_below(truth: GroundTruth, layer: int, grad_u: Array, gradient: Params) -> bool:
    """Whether grad_b of the layer below follows from this grad_u, (n, units).

    It is asked where grad_b tells nothing of grad_u, in a layer with batch normalization.
    """
    if not layer or not is_normalized(truth, layer):
        return True
    return fits(backpropagate(truth, layer - 1, grad_u).sum(axis=0), gradient[layer - 1].b)


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
