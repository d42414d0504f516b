"""One image in a network of three layers, and derivatives measured there from values alone.

All arrays are of that one image, without the row axis: h2 (256,), z3 (10,), W3 (256, 10).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mlpcli.checks import reference
from mlpcli.checks.problem import Problem, derived_gradient, loss
from mlpcli.checks.reference import COMPLEX_STEP
from mlpcli.nn import Array, mlp
from mlpcli.nn.mlp import Layer

CENTRAL_STEP = 1e-4  # of a central difference, in z3 or a parameter of the last layer


class Measurements(NamedTuple):
    """The values of one image in a network of three layers, and the last layer's gradients."""

    problem: Problem
    h2: Array  # (256,)
    z3: Array  # (10,)
    h3: Array  # (10,)
    y: Array  # (10,), one-hot
    star: int  # y*, the right class
    i: int  # the most active unit of h2
    j: int  # the wrong class with the largest probability
    grad_z3: Array  # (10,), d CE / d z3_j, each by its own imaginary step
    grad_W3: Array  # (256, 10), d CE / d W3_ij
    grad_b3: Array  # (10,), d CE / d b3_j

    @property
    def S(self) -> Array:
        """The sum of exp(z3_j), a scalar."""
        return np.exp(self.z3).sum()

    @property
    def derived(self) -> Layer:
        """grad_W3 and grad_b3 as the code returns them."""
        return derived_gradient(self.problem)[-1]

    def central_in_z(self) -> Array:
        """d CE / d z3_j by a central difference, (10,)."""
        moves = CENTRAL_STEP * np.eye(len(self.z3))
        return (ce(self.z3 + moves, self.y) - ce(self.z3 - moves, self.y)) / (2 * CENTRAL_STEP)

    def central_in_weight(self, i: int, j: int) -> Array:
        """d CE / d W3_ij, a scalar, by a central difference of losses of the whole network."""
        (*first, (W, b)), step = self.problem.params, np.zeros_like(self.grad_W3)
        step[i, j] = CENTRAL_STEP
        ends = [(*first, Layer(W + move, b)) for move in (step, -step)]
        up, down = (loss(self.problem._replace(params=end)) for end in ends)
        return (up - down) / (2 * CENTRAL_STEP)

    def second_term(self, star: int) -> Array:
        """The partials of CE + z3_star, (10,), if star were the right class."""
        y = np.eye(len(self.y))[star]
        return partials(lambda z3: ce(z3, y) + z3[:, star], self.z3)

    def z_by_bias(self) -> Array:
        """d z3_k / d b3_j in row j, column k: (10, 10)."""
        W, b = self.problem.params[-1]
        return partials(lambda b: mlp.forward((Layer(W, b),), self.h2[None]).z[0], b)

    def without_class(self) -> "Measurements":
        """The same with b3_j so low that softmax gives class j exactly 0, and so grad_z3_j = 0."""
        *first, (W, b) = self.problem.params
        low = Layer(W, b - 1000 * np.eye(len(b))[self.j])
        return measure(self.problem._replace(params=(*first, low)))


def first_image(problem: Problem) -> Problem:
    """The workbook's loss: one image with a one-hot target, no dropout, weights or decay."""
    y = mlp.one_hot(problem.y[:1].argmax(axis=1), problem.y.shape[1])
    return problem._replace(x=problem.x[:1], y=y, masks=None, weight_decay=0.0, weights=None)


def measure(problem: Problem) -> Measurements:
    """The values and measured gradients of a problem with one image."""
    z, h, *_ = reference.forward(problem)
    h3, y = h[-1][0], problem.y[0]
    return Measurements(
        problem=problem,
        h2=h[-2][0],
        z3=z[-1][0],
        h3=h3,
        y=y,
        star=int(y.argmax()),
        i=int(h[-2][0].argmax()),
        j=int((h3 * (1 - y)).argmax()),
        grad_z3=partials(lambda z3: ce(z3, y), z[-1][0]),
        grad_W3=by_weight(problem, lambda z3: ce(z3, y)),
        grad_b3=by_bias(problem, 2),
    )


def ce(z3: Array, y: Array) -> Array:
    """CE(softmax(z3), y) of each row, (m,), as in the training loss; z3: (m, 10), y: (10,)."""
    return -(y * mlp.log_softmax(z3)).sum(axis=-1)


def slope(f: Callable[[Array], Array], x: Array) -> Array:
    """f'(x), from f alone, in the shape of x."""
    return f(x + COMPLEX_STEP * 1j).imag / COMPLEX_STEP


def partials(f: Callable[[Array], Array], at: Array) -> Array:
    """Row i: d f / d at_i, from f alone; at: (k,); f maps (k, k) to k rows or k numbers."""
    return f(at + COMPLEX_STEP * 1j * np.eye(len(at))).imag / COMPLEX_STEP


def by_weight(problem: Problem, f: Callable[[Array], Array]) -> Array:
    """d f(z3) / d W3_ij from one forward pass for each weight.

    f maps (256, 10), a z3 for each i, to (256,) or (256, k); returns (256, 10) or (256, 10, k).
    """
    (W, b), h2 = problem.params[-1], reference.forward(problem).h[-2]
    rows = np.arange(len(W))
    columns = []
    for j in range(W.shape[1]):
        moved = np.tile(W.astype(complex), (len(W), 1, 1))  # one copy of W3 for each i
        moved[rows, rows, j] += COMPLEX_STEP * 1j
        z3 = mlp.forward((Layer(moved, b),), h2).z[0][:, 0]
        columns.append(f(z3).imag / COMPLEX_STEP)
    return np.stack(columns, axis=1)


def by_bias(problem: Problem, layer: int) -> Array:
    """d CE / d b_j of params[layer], in the shape of b, from one forward pass for each bias."""
    (W, b), h = problem.params[layer], reference.forward(problem).h[layer]

    def ce_of(b: Array) -> Array:
        """CE, (m,), for each row of b, (m, units)."""
        layers = (Layer(W, b), *problem.params[layer + 1 :])
        return ce(mlp.forward(layers, h, activation=problem.activation).z[-1], problem.y)

    return partials(ce_of, b)
