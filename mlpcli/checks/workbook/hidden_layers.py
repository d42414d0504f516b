"""Workbook 02, "Backprop to the hidden layers", statement by statement: down to layer 1.

It begins where workbook 01 ends, at grad_z3 = h3 - y. The left side is measured or returned by the
code, the right side is the answer. Questions count through the workbook: 2.1, 2.2, ...
`learning.py` has the second half, what is done with the gradient.
"""

import numpy as np

from mlpcli.checks.problem import loss
from mlpcli.checks.workbook.hidden_values import (
    PIXEL_STRIDE,
    HiddenValues,
    central_in_entry,
    z_by_entry,
)
from mlpcli.checks.workbook.measurements import CENTRAL_STEP, by_bias, ce, partials, slope
from mlpcli.checks.workbook.statement import CENTRAL_TOLERANCE, Sides, statements
from mlpcli.nn import Array, mlp
from mlpcli.nn.activation import RELU

TO_H2, THROUGH_RELU = "Backprop to h2", "Through relu"
TO_W2, TO_LAYER_1 = "Backprop to W2 and b2", "The same for layer 1"
BY_CENTRAL_DIFFERENCE = (
    (TO_H2, "1b"),
    (TO_H2, "5"),
    (TO_W2, "20"),
    (TO_W2, "21a"),
    (TO_LAYER_1, "27b"),
)

Z = np.array([0.01, 0.1, 0.5, 1.0, 3.0])  # points at which relu is tested
U = np.cos(np.arange(256))  # a direction in h2
NUDGE = 2.0**-10  # a power of two, so that quotients at 0 are exact


def _central_in_h2(s: HiddenValues) -> Array:
    """d CE / d h2_i by a central difference, (256,)."""
    moves = CENTRAL_STEP * np.eye(len(s.h2))
    return (s.ce_of_h2(s.h2 + moves) - s.ce_of_h2(s.h2 - moves)) / (2 * CENTRAL_STEP)


def _z3_by_h2(s: HiddenValues) -> Array:
    """d z3_j / d h2_i in row i, column j: (256, 10)."""
    return partials(lambda h2: mlp.forward(s.image.params[2:], h2).z[0], s.h2)


def _along_h2(s: HiddenValues, u: Array) -> Array:
    """The derivative of CE along u, (256,), a scalar."""
    return slope(lambda t: s.ce_of_h2(s.h2 + t * u), np.zeros((1, 1)))[0]


def _ce_with_moved_silent_units(s: HiddenValues) -> Array:
    """CE with every negative entry of z2 brought half the way to 0."""
    z2 = np.where(s.z2 < 0, s.z2 / 2, s.z2)
    return s.ce_of_h2(RELU.f(z2)[None])[0]


def _most_active(h: Array) -> int:
    return int(h.argmax())


def _strongest(grad: Array) -> int:
    return int(abs(grad).argmax())


def _ce_without_black_pixels(s: HiddenValues) -> Array:
    """The loss with 1 for every weight of a pixel that is 0."""
    (W1, b1), *later = s.image.params
    W1 = np.where((s.x == 0)[:, None], 1.0, W1)
    return loss(s.image._replace(params=(mlp.Layer(W1, b1), *later)))


def _by_pixel(s: HiddenValues) -> Array:
    """d CE / d x_i of every PIXEL_STRIDE-th pixel."""

    def ce_of(moved: Array) -> Array:
        x = np.tile(s.x.astype(complex), (len(moved), 1))
        x[:, ::PIXEL_STRIDE] = moved
        return ce(mlp.forward(s.image.params, x).z[-1], s.y)

    return partials(ce_of, s.x[::PIXEL_STRIDE])


# by section, then by number and text
_SIDES: dict[str, dict[str, Sides]] = {
    TO_H2: {
        "1a grad_h2 has shape (256,)": lambda s: (s.code["grad_h2"].shape, (256,)),
        "1b its entry i is d CE / d h2_i": lambda s: (_central_in_h2(s), s.code["grad_h2"]),
        "2 h2_i changes all ten z3_j": lambda s: (
            (_z3_by_h2(s) != 0).sum(axis=1) * 1.0,
            np.full(256, 10.0),
        ),
        "3 d z3_j / d h2_i = W3_ij": lambda s: (_z3_by_h2(s), s.W3),
        "4 the ten paths add up: d CE / d h2_i = sum_j d z3_j / d h2_i * d CE / d z3_j": (
            lambda s: (s.grad_h2, (_z3_by_h2(s) * s.grad_z3).sum(axis=1))
        ),
        "5 d CE / d h2_i = sum_j W3_ij (h3 - y)_j": lambda s: (
            _central_in_h2(s)[_most_active(s.h2)],
            sum(W * error for W, error in zip(s.W3[_most_active(s.h2)], s.h3 - s.y, strict=True)),
        ),
        "6a grad_h2 = W3 grad_z3": lambda s: (s.grad_h2, s.W3 @ (s.h3 - s.y)),
        "6b of rows, as in the code: grad_h2 = grad_z3 W3^T": lambda s: (
            s.grad_h2[None],
            (s.h3 - s.y)[None] @ s.W3.T,
        ),
        "7 moving h2 along any u changes CE by (u W3) . grad_z3 = u . (W3 grad_z3)": lambda s: (
            [_along_h2(s, U)] * 2,
            [U @ s.W3 @ s.grad_z3, U @ s.grad_h2],
        ),
        "8 where grad_h2_i < 0, a more active unit i raises h3_y*": lambda s: (
            np.sign(
                partials(lambda h2: mlp.forward(s.image.params[2:], h2).h[-1][:, s.star], s.h2)
            ),
            -np.sign(s.code["grad_h2"]),
        ),
    },
    THROUGH_RELU: {
        "9a relu'(z) = 1 for z > 0": lambda s: (slope(RELU.f, Z), np.ones(5)),
        "9b relu'(z) = 0 for z < 0": lambda s: (slope(RELU.f, -Z), np.zeros(5)),
        "10 z2_i may move below 0 without any change of CE": lambda s: (
            _ce_with_moved_silent_units(s),
            loss(s.image),
        ),
        "11a at z = 0 the slope of relu is 1 to the right and 0 to the left": lambda s: (
            [RELU.f(np.array(NUDGE)) / NUDGE, -RELU.f(np.array(-NUDGE)) / NUDGE],
            [1.0, 0.0],
        ),
        "11b the code takes 0 there": lambda s: (RELU.derivative(np.zeros(1)), np.zeros(1)),
        "12 relu'(z2_i) can be read off h2: it is 1 where h2_i > 0": lambda s: (
            RELU.derivative(s.z2),
            (s.h2 > 0) * 1.0,
        ),
        "13a z2_i changes h2_i, by relu'(z2_i), and no other h2": lambda s: (
            partials(RELU.f, s.z2),
            np.diag(s.on2),
        ),
        "13b so the matrix of these partials multiplies entry by entry": lambda s: (
            partials(RELU.f, s.z2) @ s.grad_h2,
            s.on2 * s.grad_h2,
        ),
        "14a grad_z2 has shape (256,)": lambda s: (s.code["grad_z2"].shape, (256,)),
        "14b d CE / d z2_i = d h2_i / d z2_i * d CE / d h2_i": lambda s: (
            s.grad_z2,
            slope(RELU.f, s.z2) * s.grad_h2,
        ),
        "15 grad_z2 = (W3 (h3 - y)) * relu'(z2)": lambda s: (
            s.grad_z2,
            s.W3 @ (s.h3 - s.y) * s.on2,
        ),
        "16 grad_z2_i is 0 for the silent units, h2_i = 0, and only for them": lambda s: (
            (s.grad_z2 == 0) * 1.0,
            (s.h2 == 0) * 1.0,
        ),
        "17 without relu two layers are one: W = W2 W3, b = b2 W3 + b3": lambda s: (
            mlp.forward(s.image.params[2:], mlp.forward(s.image.params[1:2], s.h1[None]).z[0]).z[0],
            s.h1[None] @ (s.W2 @ s.W3) + s.image.params[1].b @ s.W3 + s.image.params[2].b,
        ),
    },
    TO_W2: {
        "18a grad_W2 has shape (512, 256)": lambda s: (s.code["grad_W2"].shape, (512, 256)),
        "18b grad_b2 has shape (256,)": lambda s: (s.code["grad_b2"].shape, (256,)),
        "19 W2_ij changes z2_j, by h1_i, and no other z2": lambda s: (
            z_by_entry(s.image, 1, _most_active(s.h1), _most_active(s.h2)),
            s.h1.max() * np.eye(256)[_most_active(s.h2)],
        ),
        "20 d CE / d W2_ij = d z2_j / d W2_ij * d CE / d z2_j = h1_i grad_z2_j": lambda s: (
            central_in_entry(s.image, 1, _most_active(s.h1), _strongest(s.grad_z2)),
            s.h1.max() * s.grad_z2[_strongest(s.grad_z2)],
        ),
        "21a grad_W2 = h1 outer grad_z2": lambda s: (
            s.central[2].derivative,
            np.outer(s.h1, s.W3 @ (s.h3 - s.y) * s.on2),
        ),
        "21b the code's grad_W2 is that": lambda s: (s.code["grad_W2"], np.outer(s.h1, s.grad_z2)),
        "22 grad_W2_ij is 0 unless units i and j are both active, and only then": lambda s: (
            (s.code["grad_W2"] != 0) * 1.0,
            np.outer(s.h1 > 0, s.h2 > 0) * 1.0,
        ),
        "23 grad_b2 = grad_z2": lambda s: (by_bias(s.image, 1), s.W3 @ (s.h3 - s.y) * s.on2),
    },
    TO_LAYER_1: {
        "24a grad_h1 has shape (512,)": lambda s: (s.code["grad_h1"].shape, (512,)),
        "24b grad_h1 = W2 grad_z2": lambda s: (s.grad_h1, s.W2 @ s.grad_z2),
        "25 grad_z1 = grad_h1 * relu'(z1)": lambda s: (s.grad_z1, s.grad_h1 * s.on1),
        "26 in full, grad_z1 = (W2 ((W3 (h3 - y)) * relu'(z2))) * relu'(z1)": lambda s: (
            s.grad_z1,
            s.W2 @ (s.W3 @ (s.h3 - s.y) * s.on2) * s.on1,
        ),
        "27a grad_W1 has shape (1024, 512)": lambda s: (s.code["grad_W1"].shape, (1024, 512)),
        "27b grad_W1 = x outer grad_z1": lambda s: (
            s.central[0].derivative,
            np.outer(s.x, s.W2 @ (s.W3 @ (s.h3 - s.y) * s.on2) * s.on1),
        ),
        "28 grad_b1 = grad_z1": lambda s: (
            by_bias(s.image, 0),
            s.W2 @ (s.W3 @ (s.h3 - s.y) * s.on2) * s.on1,
        ),
        "29a where pixel x_i is 0, its weights may be anything: CE stays": lambda s: (
            _ce_without_black_pixels(s),
            loss(s.image),
        ),
        "29b so row i of grad_W1 is 0, and only there": lambda s: (
            (s.code["grad_W1"] == 0).all(axis=1) * 1.0,
            (s.x == 0) * 1.0,
        ),
        "30 the image has a gradient too, grad_x = W1 grad_z1": lambda s: (
            _by_pixel(s),
            (s.W1 @ s.grad_z1)[::PIXEL_STRIDE],
        ),
    },
}


HIDDEN_LAYERS = statements(2, _SIDES, dict.fromkeys(BY_CENTRAL_DIFFERENCE, CENTRAL_TOLERANCE))
