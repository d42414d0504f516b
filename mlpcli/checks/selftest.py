"""Can the check be trusted? It must catch every mutant and raise no false alarm."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from mlpcli.checks import gradcheck, mutants, numeric
from mlpcli.checks.finding import Finding
from mlpcli.checks.gradcheck import COMPLEX_TOLERANCE
from mlpcli.checks.mutants import Mutant
from mlpcli.checks.problem import Computed, Problem
from mlpcli.nn import mlp
from mlpcli.nn.activation import ACTIVATIONS

NETWORKS = 1000  # correct ones, of random shape, that must raise no alarm
MIN_WIDTH, BATCH_SIZES = 1, (1, 5)
# With few images, or behind a layer of one or two units, batch normalization cancels nearly all of
# the gradient below it, as in question 4.19 of the workbook; what is left shows the rounding.
BATCH_NORM_MIN_WIDTH, BATCH_NORM_BATCH_SIZES = 3, (6, 12)


class Trial(NamedTuple):
    """The check of one mutant."""

    mutant: Mutant
    by_central: bool  # caught by central differences of every parameter
    by_complex_step: bool  # caught by the complex step along random directions
    place: str  # of the first finding, "" if there is none
    kind: str
    text: str

    @property
    def killed(self) -> bool:
        """Whether each method alone catches it."""
        return self.by_central and self.by_complex_step

    @property
    def diagnosed(self) -> bool:
        """Whether place and mistake are named correctly."""
        return (self.place, self.kind) == (self.mutant.place, self.mutant.kind)


def trials(*, rng: np.random.Generator) -> Iterator[Trial]:
    """Every mutant, checked like any gradient."""
    for mutant in mutants.MUTANTS:
        problem = mutants.make_problem(mutant, rng=rng)
        gradient, central = mutants.gradient(mutant, problem), numeric.central(problem)
        verdict = gradcheck.check_gradient(mutant.name, problem, Computed(gradient), central, rng)
        by_central = not all(t.right for t in verdict.tensors)
        by_complex_step = any(d.error > COMPLEX_TOLERANCE for d in verdict.complex_step)
        first = verdict.findings[0] if verdict.findings else Finding("", "", "")
        yield Trial(mutant, by_central, by_complex_step, *first)


def check_networks(count: int, *, rng: np.random.Generator) -> Iterator[gradcheck.Verdict]:
    """Verdicts on the unchanged gradients of `count` random networks; each must be right.

    Every second one has batch normalization.
    """
    for i in range(count):
        problem, text = random_problem(rng, batch_norm=i % 2 == 1)
        yield gradcheck.check(problem, point=f"network {i}: {text}", rng=rng, cross_checks=12)


def random_problem(rng: np.random.Generator, *, batch_norm: bool = False) -> tuple[Problem, str]:
    """A problem of random depth, widths, batch, activation and options, and its description."""
    width, (low, high) = MIN_WIDTH, BATCH_SIZES
    if batch_norm:
        width, (low, high) = BATCH_NORM_MIN_WIDTH, BATCH_NORM_BATCH_SIZES
    depth = int(rng.integers(1, 6))
    sizes = [*rng.integers(width, 17, depth), rng.integers(2, 9)]
    n, name = int(rng.integers(low, high + 1)), str(rng.choice(list(ACTIVATIONS)))
    params = tuple(
        layer._replace(b=0.1 * rng.standard_normal(layer.b.shape))
        for layer in mlp.init(sizes, rng=rng, dtype="float64")
    )
    smoothing, decay = (float(rng.choice([0.0, 0.1])) for _ in range(2))
    labels = rng.integers(0, sizes[-1], n)
    masks = None
    if rng.random() < 0.5:
        masks = [(rng.random((n, size)) < 0.7) / 0.7 for size in sizes[:-1]]
    x = rng.random((n, sizes[0])) * (rng.random((n, sizes[0])) < 0.8)
    y = mlp.one_hot(labels, int(sizes[-1]), smoothing=smoothing)
    weights = rng.choice([0.0, 0.5, 2.0], (n, 1)) if rng.random() < 0.5 else None
    problem = Problem(params, x, y, ACTIVATIONS[name], masks, decay, weights, batch_norm)
    options = [
        "-".join(map(str, sizes)),
        f"batch {n}",
        name,
        f"decay {decay}",
        f"smoothing {smoothing}",
        "dropout" if masks else "no dropout",
        "no weights" if weights is None else f"weights {weights.ravel().tolist()}",
        "batch normalization" if batch_norm else "no batch normalization",
    ]
    return problem, ", ".join(options)
