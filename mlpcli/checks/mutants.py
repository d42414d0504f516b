"""Mutants: the source of `mlp.backward` with one mistake each, and the diagnosis each must get.

A mutant replaces a piece of the real source and runs the result. This tests whether the check
catches a mistake in the very code that it guards. A piece that is no longer in the source raises an
error, so the list cannot go stale.
"""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

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


# Mistakes in each piece of `mlp.backward`: name, what replaces the piece (again as {}), place, kind
# and an activation other than relu. `i` counts from 0, so W3 is params[2], and the last pass over
# the loop makes grad_z1.
_MISTAKES: dict[str, tuple[tuple[str, ...], ...]] = {
    # grad_z4 = w * (h4 - y) / n
    "h[-1] - y": (
        ("y - h", "y - h[-1]", "grad_z4", "sign"),
        ("labels of the row before", "h[-1] - np.roll(y, 1, 0)", "grad_z4", "shifted"),
        ("labels in reverse order", "{}[::-1]", "grad_z4", "shifted"),
        ("log h", "np.log(h[-1]) - y", "grad_z4", "log-for-softmax"),
        ("z in place of h", "z[-1] - y", "grad_z4", "z-for-softmax"),
        ("y forgotten", "h[-1]", "grad_z4", "target-missing"),
        ("gradient wrt h", "-y / h[-1]", "grad_z4", "softmax-missing"),
        ("no smoothing", "h[-1] - np.round(y)", "grad_z4", "smoothing-missing"),
        ("class for h", "np.eye(6)[h[-1].argmax(1)] - y", "grad_z4", "prediction"),
    ),
    "/ len(y)": (
        ("sum, not mean", "", "grad_z4", "factor-n"),
        ("divided by n twice", "{} ** 2", "grad_z4", "factor-1/n"),
        ("divided by n - 1", "/ (len(y) - 1)", "grad_z4", "factor"),
    ),
    "(h[-1] - y) / len(y)": (
        ("gradient of 2 CE", "2 * {}", "grad_z4", "factor"),
        ("softmax twice", "{} * h[-1] * (1 - h[-1])", "grad_z4", "softmax-twice"),
        ("first row only", "{} * np.eye(len(y))[:, :1]", "grad_z4", "only-row"),
        ("a row lost", "{} * (1 - np.eye(len(y))[:, 1:2])", "grad_z4", "one-row"),
        ("a class off by 1 %", "{} * (1 + np.eye(6)[2] / 100)", "grad_z4", "one-column"),
    ),
    "weights * (h[-1] - y)": (
        ("weight forgotten", "(h[-1] - y)", "grad_z4", "class-weight-missing"),
        ("weight of y alone", "(h[-1] - weights * y)", "grad_z4", "class-weight-on-y"),
        (
            "weight of the row before",
            "np.roll(weights, 1, 0) * (h[-1] - y)",
            "grad_z4",
            "class-weight-shifted",
        ),
        ("weight squared", "weights * {}", "grad_z4", "unknown"),
    ),
    # grad_W = h.T @ grad_z, with weight decay
    "h[i].T @ grad_z": (
        ("grad_W doubled", "2 * {}", "grad_W4", "factor"),
        ("grad_W3 negative", "(1 - 2 * (i == 2)) * {}", "grad_W3", "sign"),
        ("grad_W summed", "len(y) * {}", "grad_W4", "factor-n"),
        ("grad_W averaged", "{} / len(y)", "grad_W4", "factor-1/n"),
        ("grad_W1 lost", "(i > 0) * {}", "grad_W1", "zero"),
        (
            "a column off by 1 %",
            "{} * (1 + np.eye(len(grad_z.T))[3] / 100)",
            "grad_W4",
            "one-column",
        ),
        (
            "an entry off",
            "{} + (0.01 * np.outer(np.eye(12)[4], np.eye(12)[2]) if i == 1 else 0)",
            "grad_W2",
            "one-entry",
        ),
    ),
    "h[i].T": (
        ("z for h", "[h[0], *z][i].T", "grad_W4", "z-for-h"),
        ("h of the row before", "np.roll(h[i], 1, 0).T", "grad_W4", "stale-h"),
        ("h > 0 for h", "((h[i] > 0) if i else h[0]).T", "grad_W4", "on-for-h"),
        ("h without dropout", "[h[0], *map(activation.f, z)][i].T", "grad_W4", "dropout-missing"),
        ("a row of grad_W1 lost", "(h[i] * (i > 0 or np.arange(20) != 7)).T", "grad_W1", "one-row"),
    ),
    "grad_W + weight_decay * params[i].W": (
        ("grad_W2, grad_W3 transposed", "({}).T if 0 < i < 3 else {}", "grad_W3", "transposed"),
    ),
    "weight_decay * params[i].W": (
        ("decay forgotten", "0", "grad_W4", "decay-missing"),
        ("decay doubled", "2 * {}", "grad_W4", "decay-doubled"),
        ("decay halved", "{} / 2", "grad_W4", "decay-scaled"),
        ("decay of the wrong sign", "-{}", "grad_W4", "decay-scaled"),
        ("decay of |W|", "weight_decay * np.sign(params[i].W)", "grad_W4", "decay-sign"),
    ),
    # grad_b = grad_z summed over the batch
    "grad_z.sum(axis=0)": (
        ("bias averaged", "grad_z.mean(axis=0)", "grad_b4", "factor-1/n"),
        ("bias summed again", "len(y) * {}", "grad_b4", "factor-n"),
        ("bias of one row", "grad_z[0]", "grad_b4", "one-row"),
        ("bias without the last row", "grad_z[:-1].sum(axis=0)", "grad_b4", "row-missing"),
        ("bias negative", "-{}", "grad_b4", "sign"),
        ("bias lost", "0 * {}", "grad_b4", "zero"),
        ("bias reversed", "{}[::-1]", "grad_b4", "reversed"),
        ("bias of the unit before", "np.roll({}, 1)", "grad_b4", "shifted"),
        ("decay on biases", "{} + weight_decay * params[i].b", "grad_b4", "decay-on-bias"),
    ),
    # grad_z = grad_h * f'(z)
    "grad_h * activation.derivative(z[i - 1])": (
        ("no derivative of relu", "grad_h", "grad_z3", "missing-mask"),
        ("no derivative in layer 2", "{} if i != 2 else grad_h", "grad_z2", "missing-mask"),
        ("absolute value", "abs({})", "grad_z3", "signs-lost"),
    ),
    "activation.derivative(z[i - 1])": (
        ("mask of layer 1", "activation.derivative(z[0])", "grad_z3", "wrong-mask"),
        ("mask inverted", "(1 - {})", "grad_z3", "inverted-mask"),
        ("mask of the row before", "np.roll({}, 1, 0)", "grad_z3", "stale-z"),
        ("derivative at h", "activation.derivative(h[i])", "grad_z3", "derivative-at-h", "tanh"),
        ("leaky relu's derivative", "np.maximum({}, 0.01)", "grad_z3", "other-activation"),
    ),
    "activation.derivative": (
        ("value for derivative", "activation.f", "grad_z3", "value-for-derivative", "sigmoid"),
    ),
    # grad_h = grad_z @ W.T, and its dropout
    "params[i].W.T": (
        ("W not transposed", "({} if i == 3 else params[i].W)", "grad_z2", "not-transposed"),
        ("W updated first", "(params[i].W - 0.1 * grads[-1].W).T", "grad_z3", "updated-weight"),
    ),
    "grad_z @ params[i].W.T": (
        ("W left out", "({} if i == 3 else grad_z)", "grad_z2", "weight-missing"),
        ("W4 doubled", "(1 + (i == 3)) * {}", "grad_z3", "factor"),
    ),
    "masks, i": (
        ("dropout forgotten", "None, i", "grad_z3", "dropout-missing"),
        ("dropout twice", "[masks[i] ** 2], 0", "grad_z3", "dropout-twice"),
        ("dropout of the row before", "[np.roll(masks[i], 1, 0)], 0", "grad_z3", "dropout-shifted"),
    ),
}

MUTANTS = tuple(
    Mutant(name, piece, new.replace("{}", piece), *diagnosis)
    for piece, mistakes in _MISTAKES.items()
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
