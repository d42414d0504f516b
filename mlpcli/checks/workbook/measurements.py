"""One image in a network of three layers, and derivatives measured there from values alone."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mlpcli.checks import reference
from mlpcli.checks.problem import Problem, loss
from mlpcli.checks.reference import TINY
from mlpcli.nn import Array, mlp
from mlpcli.nn.mlp import Layer

STEP = 1e-4  # of a central difference, in z3 or a parameter of the last layer


class Scene(NamedTuple):
    """A network of three layers at one image, values without the row axis; and measurements."""

    problem: Problem
    h2: Array  # (256,)
    z3: Array  # (10,)
    h3: Array
    y: Array  # one-hot
    star: int  # y*, the right class
    i: int  # the most active unit of h2
    j: int  # the wrong class with the largest probability
    grad_z3: Array  # measured: d CE / d z3_j, each by its own imaginary step
    grad_W3: Array  # measured: d CE / d W3_ij
    grad_b3: Array  # measured: d CE / d b3_j

    @property
    def S(self) -> Array:
        """The sum of exp(z3_j)."""
        return np.exp(self.z3).sum()


def first_image(problem: Problem) -> Problem:
    """The workbook's loss: one image with a one-hot target, no dropout and no weight decay."""
    y = mlp.one_hot(problem.y[:1].argmax(axis=1), problem.y.shape[1])
    return problem._replace(x=problem.x[:1], y=y, masks=None, weight_decay=0.0)


def scene(problem: Problem) -> Scene:
    """The values of one image, and the gradients of the last layer, measured."""
    z, h = reference.forward(problem)
    h3, y = h[-1][0], problem.y[0]
    return Scene(
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
    """CE(softmax(z3), y) of each row, by the function that training lowers."""
    return -(y * mlp.log_softmax(z3)).sum(axis=-1)


def slope(f: Callable[[Array], Array], x: Array) -> Array:
    """f'(x), from f alone."""
    return f(x + TINY * 1j).imag / TINY


def partials(f: Callable[[Array], Array], at: Array) -> Array:
    """Row i: d f / d at_i, from f alone; f maps rows to rows or to numbers."""
    return f(at + TINY * 1j * np.eye(len(at))).imag / TINY


def by_weight(problem: Problem, f: Callable[[Array], Array]) -> Array:
    """d f(z3) / d W3_ij from one forward pass for each weight: (256, 10), or (256, 10, of f)."""
    (W, b), h2 = problem.params[-1], reference.forward(problem).h[-2]
    every = np.arange(len(W))
    columns = []
    for j in range(W.shape[1]):
        moved = np.tile(W.astype(complex), (len(W), 1, 1))  # one copy of W3 for each i
        moved[every, every, j] += TINY * 1j
        z3 = mlp.forward((Layer(moved, b),), h2).z[0][:, 0]
        columns.append(f(z3).imag / TINY)
    return np.stack(columns, axis=1)


def by_bias(problem: Problem, layer: int) -> Array:
    """d CE / d b_j of params[layer], from one forward pass for each bias."""
    (W, b), h = problem.params[layer], reference.forward(problem).h[layer]

    def moved(b: Array) -> Array:
        rest = (Layer(W, b), *problem.params[layer + 1 :])
        return ce(mlp.forward(rest, h, activation=problem.activation).z[-1], problem.y)

    return partials(moved, b)


def with_loss_moved(s: Scene, i: int, j: int) -> Array:
    """d CE / d W3_ij by a central difference of two plain losses of the whole network."""
    losses = []
    for step in (STEP, -STEP):
        W = s.problem.params[-1].W.copy()
        W[i, j] += step
        losses.append(loss(s.problem, (*s.problem.params[:-1], s.problem.params[-1]._replace(W=W))))
    return (losses[0] - losses[1]) / (2 * STEP)


def without_class(s: Scene) -> Scene:
    """The scene with b3_j so low that softmax gives class j exactly 0, and so grad_z3_j = 0."""
    W, b = s.problem.params[-1]
    low = Layer(W, b - 1000 * np.eye(len(b))[s.j])
    return scene(s.problem._replace(params=(*s.problem.params[:-1], low)))


def z_by_bias(s: Scene) -> Array:
    """d z3_k / d b3_j, in row j."""
    W, h2 = s.problem.params[-1].W, s.h2[None]
    return partials(lambda b: mlp.forward((Layer(W, b),), h2).z[0], s.problem.params[-1].b)


def second_term(s: Scene, star: int) -> Array:
    """The partials of CE + z3_star, were star the right class."""
    y = np.eye(len(s.y))[star]
    return partials(lambda z3: ce(z3, y) + z3[:, star], s.z3)


def central_in_z(s: Scene) -> Array:
    """d CE / d z3_j by a central difference."""
    moves = STEP * np.eye(len(s.z3))
    return (ce(s.z3 + moves, s.y) - ce(s.z3 - moves, s.y)) / (2 * STEP)
