"""Workbook 01, "Backprop to Output Layer", statement by statement.

The left side is measured, by an imaginary step or a central difference of the loss, or returned by
the code; the right side is the workbook's formula. The numbers are the workbook's; a letter
separates several statements under one number. Questions that ask why are checked by a consequence
of their answer. The two forces of W3 6, an open question there, are answered here.
"""

import numpy as np

from mlpcli.checks import reference
from mlpcli.checks.problem import loss
from mlpcli.checks.workbook.measurements import Measurements, by_bias, by_weight, partials, slope
from mlpcli.checks.workbook.statement import CENTRAL_TOLERANCE, Sides, statements
from mlpcli.nn import Array, mlp

CALCULUS, CONCEPT = "Calculus", "Backpropagation: The Concept"
TO_Z3, TO_W3, TO_B3 = "Backpropagation to z3", "Backprop to W3", "Backprop to b3"
BY_CENTRAL_DIFFERENCE = ((CONCEPT, "1b"), (TO_Z3, "1b"), (TO_W3, "9"), (TO_W3, "10"))

X = np.array([0.1, 0.5, 1.0, 1.7, 3.0])  # points at which the rules of calculus are tested
B = X[::-1] + 0.3  # a second number for each


def _grad_b_and_z(s: Measurements, layer: int) -> tuple[Array, Array]:
    """grad_b and grad_z of a layer, (units,): by moving each bias, and each entry of z."""
    return by_bias(s.problem, layer), reference.grad_z(s.problem)[layer][0]


def _zero_columns(s: Measurements) -> tuple[Array, Array]:
    """Where a column of grad_W3 is 0, and where grad_z3 is, with one class switched off: (10,)."""
    low = s.without_class()
    return (low.grad_W3 == 0).all(axis=0) * 1.0, (low.h3 - low.y == 0) * 1.0


# by section, then by number and text
_SIDES: dict[str, dict[str, Sides]] = {
    CALCULUS: {
        "1 d/dx log x = 1/x": lambda s: (slope(np.log, X), 1 / X),
        "2 d/dx e^x = e^x": lambda s: (slope(np.exp, X), np.exp(X)),
        "3 d/dx e^(x^2) = 2x e^(x^2)": lambda s: (
            slope(lambda x: np.exp(x**2), X),
            2 * X * np.exp(X**2),
        ),
        "4 d/dx log(x^2) = 1/x^2 * 2x = 2/x, by the chain rule": lambda s: (
            slope(lambda x: np.log(x**2), X),
            2 / X,
        ),
        "5a log(x^2) = 2 log x: log pulls down exponents": lambda s: (np.log(X**2), 2 * np.log(X)),
        "5b d/dx 2 log x = 2 * 1/x, the same 2/x": lambda s: (
            slope(lambda x: 2 * np.log(x), X),
            2 * (1 / X),
        ),
        "6a log ab = log a + log b": lambda s: (np.log(X * B), np.log(X) + np.log(B)),
        "6b log a^b = b log a": lambda s: (np.log(X**B), B * np.log(X)),
        "6c log a/b = log a - log b": lambda s: (np.log(X / B), np.log(X) - np.log(B)),
        "7 (f o g)'(x) = f'(g(x)) g'(x), with f = sin and g = exp": lambda s: (
            slope(lambda x: np.sin(np.exp(x)), X),
            slope(np.sin, np.exp(X)) * slope(np.exp, X),
        ),
    },
    CONCEPT: {
        "0 the gradient of f = x1 x2 is the vector of its partials (x2, x1)": lambda s: (
            partials(lambda x: x[:, 0] * x[:, 1], X[1:3]),
            X[2:0:-1],
        ),
        "1a grad_W3 has shape (256, 10)": lambda s: (s.derived.W.shape, (256, 10)),
        "1b its entry (i, j) is how CE changes with W3_ij": lambda s: (
            s.central_in_weight(s.i, s.star),
            s.derived.W[s.i, s.star],
        ),
        "2a W3_ij changes z3_j and no other z3": lambda s: (
            by_weight(s.problem, lambda z: z)[s.i, s.j],
            s.h2[s.i] * np.eye(10)[s.j],
        ),
        "2b z3_j changes all of h3: d h3_k / d W3_ij = h2_i h3_k (1[k = j] - h3_j)": lambda s: (
            by_weight(s.problem, mlp.softmax)[s.i, s.j],
            s.h2[s.i] * s.h3 * (np.eye(10)[s.j] - s.h3[s.j]),
        ),
        "2c h3_y* changes CE: d CE / d W3_ij = -1/h3_y* * d h3_y* / d W3_ij": lambda s: (
            s.grad_W3,
            -1 / s.h3[s.star] * by_weight(s.problem, lambda z: mlp.softmax(z)[:, s.star]),
        ),
    },
    TO_Z3: {
        "1a grad_z3 has shape (10,)": lambda s: (reference.grad_z(s.problem)[-1][0].shape, (10,)),
        "1b its entry i is d CE / d z3_i": lambda s: (
            s.central_in_z(),
            reference.grad_z(s.problem)[-1][0],
        ),
        "1c CE = -log sum_i y_i exp(z3_i) / sum_j exp(z3_j)": lambda s: (
            mlp.cross_entropy(s.z3[None], s.y[None]),
            -np.log(s.y @ np.exp(s.z3) / s.S),
        ),
        "2 only i = y* matters: CE = -log(exp(z3_y*) / sum_j exp(z3_j))": lambda s: (
            loss(s.problem),
            -np.log(np.exp(s.z3[s.star]) / s.S),
        ),
        "3a all ten z3_i are still in the formula: each changes CE": lambda s: (
            (s.grad_z3 != 0) * 1.0,
            np.ones(10),
        ),
        "3b they are odds relative to each other: h3_i / h3_y* = exp(z3_i - z3_y*)": lambda s: (
            s.h3 / s.h3[s.star],
            np.exp(s.z3 - s.z3[s.star]),
        ),
        "4 CE = -z3_y* + log sum_j exp(z3_j)": lambda s: (
            loss(s.problem),
            -s.z3[s.star] + np.log(s.S),
        ),
        "5a the partial of -z3_y* is 0 for i != y*": lambda s: (
            np.delete(partials(lambda z: -z[:, s.star], s.z3), s.star),
            np.zeros(9),
        ),
        "5b the partial of -z3_y* is -1 for i = y*": lambda s: (
            partials(lambda z: -z[:, s.star], s.z3)[s.star],
            -1.0,
        ),
        "6a a wrong class leaves the numerator exp(z3_y*) as it is; y* changes it": lambda s: (
            partials(lambda z: np.exp(z[:, s.star]), s.z3),
            s.y * np.exp(s.z3[s.star]),
        ),
        "6b z3_y* raises h3_y* and so lowers CE": lambda s: (
            np.sign([partials(mlp.softmax, s.z3)[s.star, s.star], s.grad_z3[s.star]]),
            [1.0, -1.0],
        ),
        "7 d/dz3_i log S = 1/S * d S / d z3_i, where S = sum_j exp(z3_j)": lambda s: (
            partials(lambda z: np.log(np.exp(z).sum(axis=1)), s.z3),
            1 / s.S * partials(lambda z: np.exp(z).sum(axis=1), s.z3),
        ),
        "8 d S / d z3_i / S = exp(z3_i) / S: one term of the sum remains": lambda s: (
            partials(lambda z: np.exp(z).sum(axis=1), s.z3) / s.S,
            np.exp(s.z3) / s.S,
        ),
        "9 exp(z3_i) / S = h3_i": lambda s: (np.exp(s.z3) / s.S, s.h3),
        "10 the partial of log S is h3_i, whichever class y* is": lambda s: (
            [s.second_term(k) for k in range(10)],
            [s.h3] * 10,
        ),
        "11a d CE / d z3_i = h3_i for i != y*": lambda s: (
            np.delete(s.grad_z3, s.star),
            np.delete(s.h3, s.star),
        ),
        "11b d CE / d z3_i = h3_i - 1 for i = y*": lambda s: (s.grad_z3[s.star], s.h3[s.star] - 1),
        "12 grad_z3 = h3 - y": lambda s: (s.grad_z3, s.h3 - s.y),
        "13a every entry but y* is positive: a wrong class raises CE": lambda s: (
            np.sign(np.delete(s.grad_z3, s.star)),
            np.ones(9),
        ),
        "13b the entry of y* is negative: the right class lowers CE": lambda s: (
            np.sign(s.grad_z3[s.star]),
            -1.0,
        ),
    },
    TO_W3: {
        "1 grad_W3 has shape (256, 10)": lambda s: (s.derived.W.shape, (256, 10)),
        "2 each entry of grad_W3 is the partial of CE wrt that entry of W3": lambda s: (
            s.grad_W3,
            reference.gradient(s.problem)[-1].W,
        ),
        "3 W3_ij connects h2_i with z3_j: d z3_j / d h2_i = W3_ij": lambda s: (
            partials(lambda h2: mlp.forward(s.problem.params[-1:], h2).z[0], s.h2),
            s.problem.params[-1].W,
        ),
        "4 where grad_z3_j = 0, column j of grad_W3 is 0, and only there": _zero_columns,
        "5 where h2_i = 0, row i of grad_W3 is 0, and only there": lambda s: (
            (s.grad_W3 == 0).all(axis=1) * 1.0,
            (s.h2 == 0) * 1.0,
        ),
        "6a first force, unanswered in the workbook: how strongly h2_i is active": lambda s: (
            s.grad_W3 / s.grad_z3,
            np.outer(s.h2, np.ones(10)),
        ),
        "6b second force, unanswered in the workbook: how strongly z3_j moves the loss": lambda s: (
            s.grad_W3[s.h2 > 0] / s.h2[s.h2 > 0, None],
            np.outer(np.ones((s.h2 > 0).sum()), s.grad_z3),
        ),
        "7 d CE / d W3_ij = d z3_j / d W3_ij * d CE / d z3_j": lambda s: (
            s.grad_W3,
            by_weight(s.problem, lambda z: z.sum(axis=1)) * s.grad_z3,
        ),
        "8 d z3_j / d W3_ij = h2_i": lambda s: (
            np.einsum("ijj->ij", by_weight(s.problem, lambda z: z)),
            np.outer(s.h2, np.ones(10)),
        ),
        "9 d CE / d z3_j = (h3 - y)_j": lambda s: (s.central_in_z(), s.h3 - s.y),
        "10 d CE / d W3_ij = h2_i (h3 - y)_j": lambda s: (
            s.central_in_weight(s.i, s.star),
            s.h2[s.i] * (s.h3 - s.y)[s.star],
        ),
        "11a the first factor of every entry in row i is h2_i": lambda s: (
            s.grad_W3 @ s.grad_z3 / (s.grad_z3 @ s.grad_z3),
            s.h2,
        ),
        "11b the second factor of every entry in column j is (h3 - y)_j": lambda s: (
            s.h2 @ s.grad_W3 / (s.h2 @ s.h2),
            s.h3 - s.y,
        ),
        "12a u outer v is a column u times a row v": lambda s: (
            np.outer(s.h2, s.z3),
            s.h2[:, None] @ s.z3[None, :],
        ),
        "12b the shape of u outer v is (a, b)": lambda s: (np.outer(s.h2, s.z3).shape, (256, 10)),
        "13 grad_W3 = h2 outer (h3 - y)": lambda s: (s.grad_W3, np.outer(s.h2, s.h3 - s.y)),
        "14 backpropagated: the code's own grad_W3 is the measured one": lambda s: (
            s.derived.W,
            s.grad_W3,
        ),
    },
    TO_B3: {
        "1 grad_b3 has shape (10,)": lambda s: (s.derived.b.shape, (10,)),
        "2 d CE / d b3_j = d z3_j / d b3_j * d CE / d z3_j": lambda s: (
            s.grad_b3,
            np.diag(s.z_by_bias()) * s.grad_z3,
        ),
        "3 d z3_j / d b3_j = 1, and b3_j changes no other z3": lambda s: (
            s.z_by_bias(),
            np.eye(10),
        ),
        "4 d CE / d b3_j = (h3 - y)_j": lambda s: (s.grad_b3[s.star], s.h3[s.star] - 1),
        "5 grad_b3 = h3 - y": lambda s: (s.grad_b3, s.h3 - s.y),
        "6a grad_b1 = grad_z1": lambda s: _grad_b_and_z(s, 0),
        "6b grad_b2 = grad_z2": lambda s: _grad_b_and_z(s, 1),
        "6c grad_b3 = grad_z3": lambda s: _grad_b_and_z(s, 2),
    },
}


OUTPUT_LAYER = statements(1, _SIDES, dict.fromkeys(BY_CENTRAL_DIFFERENCE, CENTRAL_TOLERANCE))
