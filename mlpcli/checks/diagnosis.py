"""What is wrong with a gradient: the first wrong quantity, and the mistake that explains it.

A gradient is read from the last layer down, as it was derived. From grad_W and grad_b the grad_z
that must have been in hand is recovered, and each step is judged by what it was given. A mistake
is named only when it reproduces the wrong numbers to FIT; otherwise the place alone is named.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from mlpcli.checks import reference
from mlpcli.checks.matching import FIT, combination, factor, fits, ratio, same
from mlpcli.checks.problem import Problem
from mlpcli.nn import Array
from mlpcli.nn.activation import ACTIVATIONS
from mlpcli.nn.mlp import Layer, Params, ForwardPass

Hypothesis = tuple[str, str, Array]  # kind, what it says, the numbers it would give


class Finding(NamedTuple):
    """One mistake."""

    place: str  # the first wrong quantity, e.g. "grad_z2"
    kind: str  # a stable name for programs; "unknown" where no mistake fits
    text: str  # for people


class Facts(NamedTuple):
    """What is known to be right."""

    problem: Problem
    run: ForwardPass
    grad_z: list[Array]


def facts(problem: Problem) -> Facts:
    """The right values of a problem, from its forward pass."""
    return Facts(problem, reference.forward(problem), reference.grad_z(problem))


def diagnose(known: Facts, claimed: Params) -> list[Finding]:
    """The mistakes in a claimed gradient, last layer first; none when it is right."""
    found: list[Finding] = []
    above: Array | None = None  # grad_z of the layer above, as the claimant had it
    for layer in reversed(range(len(claimed))):
        grads = claimed[layer]
        due = known.grad_z[-1] if above is None else step_back(known, layer, above)
        W_right = fits(grad_W(known, layer, due), grads.W)
        b_right = fits(due.sum(axis=0), grads.b)
        held = None if W_right else _implied(known, layer, grads)
        W_wrong = None if W_right else wrong_W(known, layer, grads.W, due)
        if b_right and W_wrong and W_wrong.kind != "unknown":
            held = None  # a mistake in grad_W alone explains it
        if held is not None and above is None:
            found.append(last_grad_z(known, held))
        elif held is not None and above is not None:
            found.append(hidden_grad_z(known, layer, held, above, claimed[layer + 1].W))
        else:
            found += [W_wrong] if W_wrong else []
            found += [] if b_right else [wrong_b(known, layer, grads.b, due)]
        above = due if held is None else held
    return found


def step_back(known: Facts, layer: int, above: Array) -> Array:
    """The grad_z of a hidden layer that follows from the grad_z above it."""
    grad_h = _dropped(known, layer, above @ known.problem.params[layer + 1].W.T)
    return grad_h * reference.derivative(known.problem.activation, known.run.z[layer])


def grad_W(known: Facts, layer: int, grad_z: Array) -> Array:
    """The grad_W that follows from grad_z."""
    problem = known.problem
    return known.run.h[layer].T @ grad_z + problem.weight_decay * problem.params[layer].W


def last_grad_z(known: Facts, got: Array) -> Finding:
    """The mistake in the last layer's grad_z = (h - y) / n."""
    return _explain(
        f"grad_z{len(known.run.z)}",
        got,
        known.grad_z[-1],
        [*_last_hypotheses(known, got)],
        len(got),
    )


def hidden_grad_z(known: Facts, layer: int, got: Array, above: Array, next_W: Array) -> Finding:
    """The mistake in a hidden grad_z; above and next_W: grad_z and grad_W of the layer after."""
    due = step_back(known, layer, above)
    hypotheses = [*_hidden_hypotheses(known, layer, above)]
    if above.shape[1] == next_W.shape[1]:  # W - lr * grad_W, for the lr that would explain it
        slip = _dropped(known, layer, above @ next_W.T)
        slip = slip * reference.derivative(known.problem.activation, known.run.z[layer])
        if (lr := ratio(slip, due - got)) is not None and lr:
            text = f"W{layer + 2} was updated (learning rate {lr:.6g}) before it was used"
            hypotheses.append(("updated-weight", text, got))
    return _explain(f"grad_z{layer + 1}", got, due, hypotheses, len(got))


def wrong_W(known: Facts, layer: int, got: Array, grad_z: Array) -> Finding:
    """The mistake in grad_W = h.T @ grad_z + weight_decay * W."""
    problem, (z, h) = known.problem, known.run
    W, decay, n = problem.params[layer].W, problem.weight_decay, len(grad_z)
    place, due, data = f"grad_W{layer + 1}", grad_W(known, layer, grad_z), h[layer].T @ grad_z
    if got.shape != due.shape:
        return _explain(place, got, due, [("transposed", "is transposed", due.T)], n)
    hypotheses: list[Hypothesis] = [("transposed", "is transposed", due.T)]
    if (pair := combination(data, W, got)) is not None:
        a, c = pair
        if same(a, 1):
            hypotheses.append((*_decay(c, decay), got))
        elif same(c, decay) and decay:
            kind, text = factor(a, n)
            hypotheses.append((kind, f"h{layer}.T @ grad_z{layer + 1} {text}", got))
    regular = decay * W
    hypotheses += [
        ("decay-sign", "weight decay takes sign(W) in place of W", data + decay * np.sign(W)),
        *(
            (
                "stale-h",
                f"h{layer} is shifted by {k} rows of the batch",
                rolled.T @ grad_z + regular,
            )
            for k in range(1, n)
            for rolled in [np.roll(h[layer], k, axis=0)]
        ),
    ]
    if layer:
        past = f"h{layer}"
        hypotheses += [
            ("z-for-h", f"z{layer} stands in place of {past}", z[layer - 1].T @ grad_z + regular),
            (
                "on-for-h",
                f"{past} > 0 stands in place of {past}",
                (h[layer] > 0).T @ grad_z + regular,
            ),
            (
                "dropout-missing",
                f"{past} lacks its dropout mask",
                problem.activation.f(z[layer - 1]).T @ grad_z + regular,
            ),
        ]
    return _explain(place, got, due, hypotheses, n, known_part=regular)


def wrong_b(known: Facts, layer: int, got: Array, grad_z: Array) -> Finding:
    """The mistake in grad_b = sum of grad_z over the batch."""
    b, due = known.problem.params[layer].b, grad_z.sum(axis=0)
    name = f"grad_z{layer + 1}"
    hypotheses: list[Hypothesis] = [
        ("reversed", "its entries are in reverse order", due[::-1]),
        *(("one-row", f"only row {k} of {name} is used", row) for k, row in enumerate(grad_z)),
        *(
            ("row-missing", f"row {k} of {name} is left out", due - row)
            for k, row in enumerate(grad_z)
        ),
        *(
            ("shifted", f"its entries are shifted by {k}", np.roll(due, k))
            for k in range(1, len(due))
        ),
    ]
    pair = combination(due[:, None], b[:, None], got[:, None]) if got.shape == b.shape else None
    if pair is not None and same(pair[0], 1) and pair[1]:
        text = f"weight decay ({pair[1]:.6g}) is applied to the bias"
        hypotheses.insert(0, ("decay-on-bias", text, got))
    return _explain(f"grad_b{layer + 1}", got, due, hypotheses, len(grad_z))


def _last_hypotheses(known: Facts, got: Array) -> Iterator[Hypothesis]:
    y, p, z, due = known.problem.y, known.run.h[-1], known.run.z[-1], known.grad_z[-1]
    n, k = len(y), len(known.run.z)
    hard = np.eye(y.shape[1])[y.argmax(axis=1)]
    for shift in range(1, n):
        text = f"the labels are shifted by {shift} {'row' if shift == 1 else 'rows'}"
        yield "shifted", text, (p - np.roll(y, shift, axis=0)) / n
    used = p - n * got  # the targets that were subtracted
    near = np.abs(used[:, None] - y).max(axis=2).argmin(axis=1)
    text = f"row i has the label of row {near.tolist()}[i]"
    yield "shifted", text, (p - y[near]) / n
    for row in range(n):
        yield "only-row", f"only row {row} of the batch counts", due * np.eye(n)[:, row : row + 1]
    yield "smoothing-missing", "label smoothing is left out", (p - hard) / n
    yield "log-for-softmax", f"log(h{k}) stands in place of h{k}", (np.log(p) - y) / n
    yield "z-for-softmax", f"z{k} stands in place of h{k}", (z - y) / n
    yield "target-missing", "y is not subtracted", p / n
    yield "softmax-twice", f"has a factor h{k} * (1 - h{k}) too many", (p - y) * p * (1 - p) / n
    yield "softmax-missing", f"is the derivative wrt h{k}; softmax is missing", -y / p / n


def _hidden_hypotheses(known: Facts, layer: int, above: Array) -> Iterator[Hypothesis]:
    problem, (z, h) = known.problem, known.run
    f, W, k = problem.activation, problem.params[layer + 1].W, layer + 1
    slope = reference.derivative(f, z[layer])
    grad_h = above @ W.T
    dropped = _dropped(known, layer, grad_h)
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
        flat = _dropped(known, layer, above @ W)
        yield "not-transposed", f"W{k + 1} is not transposed", flat * slope
    if above.shape == z[layer].shape:
        past = _dropped(known, layer, above)
        yield "weight-missing", f"W{k + 1} is left out", past * slope


def _explain(
    place: str,
    got: Array,
    due: Array,
    hypotheses: list[Hypothesis],
    n: int,
    *,
    known_part: Array | float = 0.0,
) -> Finding:
    """The first mistake that fits, a factor beside it allowed; "unknown" when none does.

    known_part: what is in both got and due, and hides how the rest is wrong.
    """
    if not np.isfinite(got).all():
        return Finding(place, "non-finite", f"{place} has entries that are not finite")
    if not got.any():
        return Finding(place, "zero", f"{place} is zero everywhere")
    for kind, text, candidate in hypotheses:
        if fits(candidate, got):
            return Finding(place, kind, f"{place}: {text}")
    if got.shape == due.shape and (c := ratio(due, got)) is not None:
        kind, text = factor(c, n)
        return Finding(place, kind, f"{place} {text}")
    for kind, text, candidate in hypotheses:
        if (c := ratio(candidate, got)) is not None:
            return Finding(place, kind, f"{place}: {text}, and it {factor(c, n)[1]}")
    if got.shape != due.shape:
        return Finding(place, "shape", f"{place} must have shape {due.shape}, got {got.shape}")
    return _partial(place, got - known_part, due - known_part, n) or Finding(
        place, "unknown", f"{place} is the first wrong quantity; no common mistake explains it"
    )


def _partial(place: str, got: Array, due: Array, n: int) -> Finding | None:
    """A mistake in one row, one column or one entry."""
    wrong = np.abs(got - due) > FIT * np.abs(due).max()
    if wrong.sum() == 1:
        at = tuple(int(axis[0]) for axis in np.nonzero(wrong))
        text = f"{place}{list(at)} alone is wrong: {got[at]:.6g} in place of {due[at]:.6g}"
        return Finding(place, "one-entry", text)
    if wrong.ndim == 1:
        return None
    for axis, name in ((1, "row"), (0, "column")):
        where = np.flatnonzero(wrong.any(axis=axis))
        if len(where) == 1:
            part = got.take(where[0], axis=1 - axis)
            c = ratio(due.take(where[0], axis=1 - axis), part)
            what = "is wrong" if c is None else factor(c, n)[1]
            return Finding(place, f"one-{name}", f"{name} {where[0]} of {place} {what}")
    return None


def _implied(known: Facts, layer: int, grads: Layer) -> Array | None:
    """The grad_z that gives both grad_W and grad_b, if there is one."""
    problem, h = known.problem, known.run.h[layer]
    if grads.W.shape != problem.params[layer].W.shape:
        return None
    inputs = np.vstack([h.T, np.ones(len(h))])  # b is the weight of an input that is always 1
    data = np.vstack([grads.W - problem.weight_decay * problem.params[layer].W, grads.b])
    held: Array = np.linalg.lstsq(inputs, data, rcond=None)[0]
    return held if fits(inputs @ held, data) else None


def _dropped(known: Facts, layer: int, grad_h: Array) -> Array:
    masks = known.problem.masks
    mask = None if masks is None else masks[layer + 1]
    return grad_h if mask is None else grad_h * mask


def _decay(c: float, decay: float) -> tuple[str, str]:
    if same(c, 0):
        return "decay-missing", "weight decay is missing"
    if not decay:
        return "decay-added", f"holds a weight decay of {c:.6g} where none is set"
    if same(c, 2 * decay):
        return "decay-doubled", "weight decay counts twice"
    return "decay-scaled", f"weight decay is {c:.6g} in place of {decay:.6g}"
