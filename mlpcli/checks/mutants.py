"""Mutants: `mlp.backward` with one mistake in its source each, and the diagnosis each must get.

A mutant replaces a piece of the real source, which may be that of batch normalization, and runs the
result. This tests whether the check catches a mistake in the very code that it guards. A piece that
is no longer in the source raises an error, so the list cannot go stale.
"""

import inspect
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from mlpcli.checks.batch_norm_mistakes import PLANTED
from mlpcli.checks.mistakes import MISTAKES
from mlpcli.checks.problem import Problem, derived_gradient
from mlpcli.nn import batch_norm, mlp
from mlpcli.nn.activation import ACTIVATIONS
from mlpcli.nn.mlp import Params

SIZES = (20, 12, 12, 12, 6)  # equal widths, so a wrong layer or a missing .T has a valid shape
BATCH_SIZE = 5


class Mutant(NamedTuple):
    """A mistake, with the place and the kind that the diagnosis must name."""

    name: str
    old: str  # a piece of the source of `mlp.backward` or `batch_norm.backward`
    new: str
    place: str
    kind: str
    activation: str
    batch_norm: bool  # whether the network has it


MUTANTS = tuple(
    Mutant(name, piece, new.replace("{}", piece), place, kind, activation, table is PLANTED)
    for table in (MISTAKES, PLANTED)
    for piece, mistakes in table.items()
    for name, new, place, kind, activation in [(*mistake, "relu")[:5] for mistake in mistakes]
)


def make_problem(mutant: Mutant, *, rng: np.random.Generator) -> Problem:
    """A small problem on which every mistake shows: it has every option of the loss."""
    params = tuple(
        layer._replace(b=0.1 * rng.standard_normal(layer.b.shape))
        for layer in mlp.init(SIZES, rng=rng, dtype="float64")
    )
    classes = SIZES[-1]
    labels = rng.permutation(classes)[:BATCH_SIZE]  # all different, so that shifted rows differ
    y = mlp.one_hot(labels, classes, smoothing=0.1)
    masks = [None, *((rng.random((BATCH_SIZE, n)) < 0.8) / 0.8 for n in SIZES[1:-1])]
    x = rng.random((BATCH_SIZE, SIZES[0]))
    weights = rng.uniform(0.5, 2, (BATCH_SIZE, 1))
    activation = ACTIVATIONS[mutant.activation]
    return Problem(params, x, y, activation, masks, 0.05, weights, mutant.batch_norm)


def mutate(mutant: Mutant) -> Callable[..., Params]:
    """`mlp.backward` with the mistake; raises ValueError if its piece no longer exists."""
    for module in (mlp, batch_norm):
        source = inspect.getsource(module.backward)
        if mutant.old in source:
            backward = _defined(source.replace(mutant.old, mutant.new), vars(module))
            if module is mlp:
                return backward
            changed = {**vars(mlp), "batch_norm": SimpleNamespace(backward=backward)}
            return _defined(inspect.getsource(mlp.backward), changed)
    raise ValueError(f"mutant {mutant.name!r}: {mutant.old!r} is not in mlp.backward")


def _defined(source: str, names: Mapping[str, Any]) -> Callable[..., Any]:
    """The function `backward` that a source, which comes from this program, defines."""
    namespace = dict(names)
    exec(source, namespace)
    return namespace["backward"]


def gradient(mutant: Mutant, problem: Problem) -> Params:
    """The gradient that the mutated derivation gives."""
    return derived_gradient(problem, mutate(mutant))
