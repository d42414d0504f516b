"""Mutants: the source of `mlp.backward` with one mistake each, and the diagnosis each must get.

A mutant replaces a piece of the real source and runs the result. This tests whether the check
catches a mistake in the very code that it guards. A piece that is no longer in the source raises an
error, so the list cannot go stale.
"""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from mlpcli.checks.mistakes import MISTAKES
from mlpcli.checks.problem import Problem, derived_gradient
from mlpcli.nn import mlp
from mlpcli.nn.activation import ACTIVATIONS
from mlpcli.nn.mlp import Params

SIZES = (20, 12, 12, 12, 6)  # equal widths, so a wrong layer or a missing .T has a valid shape
BATCH_SIZE = 5


class Mutant(NamedTuple):
    """A mistake, with the place and the kind that the diagnosis must name."""

    name: str
    old: str  # a piece of the source of `mlp.backward`
    new: str
    place: str
    kind: str
    activation: str = "relu"


MUTANTS = tuple(
    Mutant(name, piece, new.replace("{}", piece), *diagnosis)
    for piece, mistakes in MISTAKES.items()
    for name, new, *diagnosis in mistakes
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
    return Problem(params, x, y, ACTIVATIONS[mutant.activation], masks, 0.05, weights)


def mutate(mutant: Mutant) -> Callable[..., Params]:
    """`mlp.backward` with the mistake; raises ValueError if its piece no longer exists."""
    source = inspect.getsource(mlp.backward)
    if mutant.old not in source:
        raise ValueError(f"mutant {mutant.name!r}: {mutant.old!r} is not in mlp.backward")
    namespace: dict[str, Any] = dict(vars(mlp))
    exec(source.replace(mutant.old, mutant.new), namespace)  # the text comes from this file
    return namespace["backward"]


def gradient(mutant: Mutant, problem: Problem) -> Params:
    """The gradient that the mutated derivation gives."""
    return derived_gradient(problem, mutate(mutant))
