"""Workbook 03, second half: how close is close enough, and what a check cannot see."""

import numpy as np

from mlpcli.checks import reference
from mlpcli.checks.gradcheck import MIN_SCALE, TensorVerdict, check_tensor
from mlpcli.checks.numeric import CentralDifferences
from mlpcli.checks.problem import Problem, computed, derived_gradient, engine_gradient, loss
from mlpcli.checks.workbook.hidden_values import DECAY, along, joined, later
from mlpcli.checks.workbook.measurements import slope
from mlpcli.checks.workbook.statement import CENTRAL_TOLERANCE, Sides, statements
from mlpcli.checks.workbook.trust_values import (
    TrustValues,
    direction,
    dropout_masks,
    flat,
    mutated,
    share_of_mutants_that_differ,
)
from mlpcli.nn import Array
from mlpcli.nn.activation import RELU
from mlpcli.nn.mlp import Layer

CLOSENESS, BLIND = "How close is close enough", "What a check cannot see"

NEARLY = 0.01  # the tolerance where a law holds better, the shorter the step


def _verdict(derived: Array, measured: Array) -> TensorVerdict:
    """What the gradient check says of these, (m,)."""
    none = np.zeros(measured.shape, bool)
    return check_tensor("b1", derived, CentralDifferences(measured, none))


def _error_of(derived: float, measured: float) -> float:
    return _verdict(np.array([derived]), np.array([measured])).max_rel_error


def _with_doubled_entry(s: TrustValues) -> tuple[Array, int]:
    """grad_W3, flat, with the entry in the middle of all sizes doubled, and the place of this."""
    wrong = s.gradient[2].W.ravel().copy()
    active = np.flatnonzero(wrong)
    middle = int(active[np.argsort(abs(wrong[active]))[len(active) // 2]])
    wrong[middle] *= 2
    return wrong, middle


def _passes(s: TrustValues, factor: float) -> float:
    """Whether the check passes layers 2 and 3 with the gradient times this factor."""
    tensors = [a for layer in derived_gradient(s.later) for a in layer]
    pairs = zip(tensors, s.central, strict=True)
    return float(all(check_tensor("", factor * a, c).right for a, c in pairs))


def _without_biases(s: TrustValues) -> Problem:
    params = tuple(layer._replace(b=0 * layer.b) for layer in s.batch.params)
    return s.batch._replace(params=params, weight_decay=DECAY)


def _wrong_labels(s: TrustValues) -> Problem:
    return s.batch._replace(y=np.roll(s.batch.y, 1, axis=1))


def _quotient(s: TrustValues, h: float, *seeds: int) -> Array:
    """The central difference in b3_y* of the batch; seeds: of the dropout masks at either end."""
    *first, (W, b) = s.batch.params
    ends = []
    for move, seed in zip((h, -h), seeds, strict=True):
        params = (*first, Layer(W, b + move * np.eye(10)[s.star]))
        masks = dropout_masks(s.batch, seed)
        ends.append(loss(s.batch._replace(params=params, masks=masks)))
    return (ends[0] - ends[1]) / (2 * h)


def _relu6(z: Array) -> Array:
    """Relu that stays at 6 above 6."""
    return np.where(z.real < 6, RELU.f(z), 6.0)


def _hidden_z(s: TrustValues) -> Array:
    return joined(reference.forward(s.image).z[:-1])


def _wrong_at_right_angles(s: TrustValues) -> Array:
    """The gradient, flat, plus an error at right angles to the first direction."""
    d, error = (flat(direction(s.image.params, seed)) for seed in (1, 2))
    return flat(s.gradient) + error - (error @ d) / (d @ d) * d


# by section, then by number and text
_SIDES: dict[str, dict[str, Sides]] = {
    CLOSENESS: {
        "20 off by 2^-30, a derivative of 1/2 is good, and one of 2^-29 is wrong by a third": (
            lambda s: (
                [_error_of(d + 2.0**-30, d) for d in (0.5, 2.0**-29)],
                [2.0**-30 / (0.5 + 2.0**-30), 1 / 3],
            )
        ),
        "21 |a - n| / max(|a|, |n|) is the same for 1000 times the loss": lambda s: (
            _verdict(1000 * s.gradient[2].b, 1001 * s.gradient[2].b).max_rel_error,
            _verdict(s.gradient[2].b, 1.001 * s.gradient[2].b).max_rel_error,
        ),
        "22 next to 0 rounding alone is 100% wrong, so the divisor gets a floor": lambda s: (
            _verdict(np.array([1.0, 1e-17]), np.array([1.0, 0.0])).max_rel_error,
            1e-17 / MIN_SCALE,
        ),
        "23a one entry of grad_W3, doubled, moves the whole by |entry| / |grad_W3|": lambda s: (
            np.linalg.norm(_with_doubled_entry(s)[0] - s.gradient[2].W.ravel())
            / np.linalg.norm(s.gradient[2].W),
            abs(s.gradient[2].W.flat[_with_doubled_entry(s)[1]])
            / np.sqrt((s.gradient[2].W ** 2).sum()),
        ),
        "23b while the largest error of an entry is 1/2": lambda s: (
            _verdict(_with_doubled_entry(s)[0], s.central[2].derivative.ravel()).max_rel_error,
            0.5,
        ),
        "24 a tolerance of 1e-9 passes what is right, and nothing that is off by 1e-8": lambda s: (
            [_passes(s, 1.0), _passes(s, 1 + 1e-8)],
            [1.0, 0.0],
        ),
    },
    BLIND: {
        "25 of grad_W1 only lit pixels times active units are not 0; the rest shows nothing": (
            lambda s: (
                float(np.count_nonzero(s.gradient[0].W)),
                float((s.image.x > 0).sum() * (reference.forward(s.image).z[0] > 0).sum()),
            )
        ),
        "26a with one image a forgotten 1/n changes nothing": lambda s: (
            mutated(s.image, "sum, not mean")[1].W,
            reference.gradient(s.later)[0].W,
        ),
        "26b with n images it makes the gradient n times too large": lambda s: (
            mutated(s.batch, "sum, not mean")[1].W,
            len(s.batch.x) * reference.gradient(later(s.batch, 1))[0].W,
        ),
        "27 with b = 0, a decay of the biases, which is wrong, changes nothing": lambda s: (
            mutated(_without_biases(s), "decay on biases")[1].b,
            reference.gradient(later(_without_biases(s), 1))[0].b,
        ),
        "28 with wrong labels the gradient is right, that of another loss": lambda s: (
            along(_wrong_labels(s), direction(s.image.params, 1)),
            flat(derived_gradient(_wrong_labels(s))) @ flat(direction(s.image.params, 1)),
        ),
        "29a with dropout the masks must be held: then the difference is the derivative": (
            lambda s: (
                _quotient(s, 1e-5, 3, 3),
                derived_gradient(s.batch._replace(masks=dropout_masks(s.batch, 3)))[2].b[s.star],
            )
        ),
        "29b with new masks for the second loss, a tenth of t makes it 10 times as large": (
            lambda s: (_quotient(s, 1e-6, 3, 4) / _quotient(s, 1e-5, 3, 4), 10.0)
        ),
        "30 code for values that do not occur is not checked: relu6' is relu' here": lambda s: (
            slope(_relu6, _hidden_z(s)),
            RELU.derivative(_hidden_z(s)),
        ),
        "31a along one direction d, an error at right angles to d is not seen": lambda s: (
            _wrong_at_right_angles(s) @ flat(direction(s.image.params, 1)),
            along(s.image, direction(s.image.params, 1)),
        ),
        "31b a second direction sees it": lambda s: (
            float(
                abs(
                    _wrong_at_right_angles(s)
                    @ flat(direction(s.image.params, 2))
                    / along(s.image, direction(s.image.params, 2))
                    - 1
                )
                > NEARLY
            ),
            1.0,
        ),
        "32a what trains is another code, the engine: its gradient is right as well": lambda s: (
            engine_gradient(s.batch)[0].W,
            reference.gradient(s.batch)[0].W,
        ),
        "32b and so is the gradient that an update gets": lambda s: (
            computed(s.batch)["step"].gradient[1].W,
            reference.gradient(later(s.batch, 1))[0].W,
        ),
        "33 the check needs a check: every mistake planted on purpose changes the gradient": (
            lambda s: (share_of_mutants_that_differ(), 1.0)
        ),
    },
}


_TOLERANCES = {(BLIND, "29a"): CENTRAL_TOLERANCE, (BLIND, "29b"): NEARLY}
TRUST = statements(3, _SIDES, _TOLERANCES)
