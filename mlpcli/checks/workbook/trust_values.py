"""What workbook 03 is measured on: one weight, a unit at its kink, a batch and a direction."""

from typing import NamedTuple

import numpy as np

from mlpcli.checks import mutants, numeric, reference, step_size
from mlpcli.checks.numeric import CentralDifferences
from mlpcli.checks.problem import Problem, derived_gradient, loss
from mlpcli.checks.step_size import Curve
from mlpcli.checks.workbook.hidden_values import joined, plain
from mlpcli.checks.workbook.measurements import first_image, partials
from mlpcli.nn import Array, mlp
from mlpcli.nn.mlp import Layer, Params

KINK_STEP = 1e-6  # of the difference whose two ends lie on both sides of a kink


class TrustValues(NamedTuple):
    """One image, its batch, and what a check of the gradient meets there."""

    image: Problem  # one image
    batch: Problem  # n images, the first of them this one
    h2: Array  # (256,)
    star: int  # y*, the right class
    i: int  # the most active unit of h2
    gradient: Params  # of the image, as the code returns it
    later: Problem  # layers 2 and 3 as a network of its own, with h1 as its image
    central: list[CentralDifferences]  # of the parameters of `later`
    curves: list[Curve]  # central in float32, central and forward in float64
    kink: int  # the unit of h2 that is put to a kink: the one with the largest grad_z2

    @property
    def slope(self) -> float:
        """d CE / d W3_iy* as the code derives it."""
        return float(self.gradient[2].W[self.i, self.star])

    def ce(self, move: complex, dtype: str = "float64") -> Array:
        """CE with `move` added to W3_iy*, a scalar."""
        W, b = self.image.params[2]
        moved = W.astype(complex if isinstance(move, complex) else dtype)
        moved[self.i, self.star] += move
        one = Problem(
            (Layer(moved, b.astype(dtype)),),
            self.h2[None].astype(dtype),
            self.image.y.astype(dtype),
        )
        return loss(one)

    def forward(self, h: float, dtype: str = "float64") -> Array:
        """The forward difference in this weight."""
        return (self.ce(h, dtype) - self.ce(0.0, dtype)) / h

    def central_in_weight(self, h: float) -> Array:
        """The central difference in this weight."""
        return (self.ce(h) - self.ce(-h)) / (2 * h)

    def at_kink(self, z: float) -> Problem:
        """The image in the network whose bias puts the unit to this z2."""
        first, (W, b), last = self.image.params
        now = reference.forward(self.image).z[1][0, self.kink]
        return self.image._replace(params=(first, Layer(W, b + self._unit(z - now)), last))

    def ce_of_bias(self, problem: Problem, moves: Array) -> Array:
        """CE, (m,), with each of the moves, (m,), added to the unit's bias."""
        first, (W, b), last = problem.params
        ends = [(first, Layer(W, b + self._unit(move)), last) for move in moves]
        return np.array([loss(problem._replace(params=end)) for end in ends])

    def _unit(self, value: complex) -> Array:
        return value * np.eye(256)[self.kink]


def measure(problem: Problem) -> TrustValues:
    """The values of the first image of a problem and of its batch."""
    image, batch = first_image(problem), plain(problem)
    h = reference.forward(image).h
    gradient = derived_gradient(image)
    later = Problem(image.params[1:], h[1], image.y)
    return TrustValues(
        image=image,
        batch=batch,
        h2=h[2][0],
        star=int(image.y[0].argmax()),
        i=int(h[2][0].argmax()),
        gradient=gradient,
        later=later,
        central=numeric.central(later),
        curves=step_size.sweep(batch, rng=np.random.default_rng(0)),
        kink=int(abs(gradient[1].b).argmax()),
    )


def by_unit(s: TrustValues, problem: Problem) -> Array:
    """d CE / d b2 of the unit, (1,), by an imaginary step."""
    return partials(lambda moves: s.ce_of_bias(problem, moves[:, 0]), np.zeros(1))


def mutated(problem: Problem, mistake: str) -> Params:
    """The gradient of the code with a mistake planted in it, by its name in `mutants.py`."""
    (mutant,) = (m for m in mutants.MUTANTS if m.name == mistake)
    return derived_gradient(problem, mutants.mutate(mutant))


def share_of_mutants_that_differ() -> float:
    """Of all planted mistakes, the share that changes the gradient of a small network."""
    rng, differ = np.random.default_rng(0), []
    for mutant in mutants.MUTANTS:
        problem = mutants.make_problem(mutant, rng=rng)
        wrong, right = flat(mutants.gradient(mutant, problem)), flat(reference.gradient(problem))
        differ.append(abs(wrong - right).max() > 1e-9 * abs(right).max())
    return float(np.mean(differ))


def flat(params: Params) -> Array:
    """Every W and b in one vector."""
    return joined([a for layer in params for a in layer])


def direction(params: Params, seed: int) -> Params:
    """A random direction in all parameters."""
    rng = np.random.default_rng(seed)
    return tuple(Layer(*(rng.standard_normal(a.shape) for a in layer)) for layer in params)


def dropout_masks(problem: Problem, seed: int) -> list[Array | None]:
    """Masks that drop half of the hidden units, another half for each seed."""
    rng, n = np.random.default_rng(seed), len(problem.x)
    hidden = mlp.layer_sizes(problem.params)[1:-1]
    return [None, *((rng.random((n, units)) < 0.5) * 2.0 for units in hidden)]
