"""Mutants: the source of `mlp.backward` with one mistake each, and the diagnosis each must get.

A mutant replaces a piece of the real source and runs the result. This tests whether the check
catches a mistake in the very code that it guards. A piece that is no longer in the source raises an
error, so the list cannot go stale.
"""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from mlpcli.checks.problem import Problem
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


# The pieces; `i` counts from 0, so W3 is params[2], and the last pass over the loop makes grad_z1.
DIFFERENCE, MEAN, TOP = "h[-1] - y", "/ len(y)", "(h[-1] - y) / len(y)"
OUTER, WHOLE = "h[i].T @ grad_z", "W=grad_W + weight_decay * params[i].W"
DECAY, BIAS = "weight_decay * params[i].W", "grad_z.sum(axis=0)"
BACK, DROP = "grad_z @ params[i].W.T", "_drop(grad_z @ params[i].W.T, masks, i)"
SLOPE, STEP = "activation.derivative(z[i - 1])", "grad_h * activation.derivative(z[i - 1])"

MUTANTS = (
    # grad_z4 = (h4 - y) / n
    Mutant("y - h", DIFFERENCE, "y - h[-1]", "grad_z4", "sign"),
    Mutant("sum, not mean", MEAN, "", "grad_z4", "factor-n"),
    Mutant("divided by n twice", MEAN, "/ len(y) ** 2", "grad_z4", "factor-1/n"),
    Mutant("divided by n - 1", MEAN, "/ (len(y) - 1)", "grad_z4", "factor"),
    Mutant("gradient of 2 CE", TOP, "2 * (h[-1] - y) / len(y)", "grad_z4", "factor"),
    Mutant(
        "labels of the row before", DIFFERENCE, "h[-1] - np.roll(y, 1, 0)", "grad_z4", "shifted"
    ),
    Mutant("labels in reverse order", DIFFERENCE, "h[-1] - y[::-1]", "grad_z4", "shifted"),
    Mutant("log h", DIFFERENCE, "np.log(h[-1]) - y", "grad_z4", "log-for-softmax"),
    Mutant("z in place of h", DIFFERENCE, "z[-1] - y", "grad_z4", "z-for-softmax"),
    Mutant("y forgotten", DIFFERENCE, "h[-1]", "grad_z4", "target-missing"),
    Mutant("softmax twice", TOP, f"{TOP} * h[-1] * (1 - h[-1])", "grad_z4", "softmax-twice"),
    Mutant("gradient wrt h", DIFFERENCE, "-y / h[-1]", "grad_z4", "softmax-missing"),
    Mutant("no smoothing", DIFFERENCE, "h[-1] - np.round(y)", "grad_z4", "smoothing-missing"),
    Mutant("first row only", TOP, f"{TOP} * np.eye(len(y))[:, :1]", "grad_z4", "only-row"),
    Mutant("a row lost", TOP, f"{TOP} * (1 - np.eye(len(y))[:, 1:2])", "grad_z4", "one-row"),
    Mutant("a class off by 1 %", TOP, f"{TOP} * (1 + np.eye(6)[2] / 100)", "grad_z4", "one-column"),
    Mutant("class in place of h", DIFFERENCE, "np.round(h[-1]) - y", "grad_z4", "unknown"),
    # grad_W = h.T @ grad_z, with weight decay
    Mutant("grad_W doubled", OUTER, f"2 * {OUTER}", "grad_W4", "factor"),
    Mutant("grad_W3 negative", OUTER, f"(1 - 2 * (i == 2)) * {OUTER}", "grad_W3", "sign"),
    Mutant("grad_W summed", OUTER, f"len(y) * {OUTER}", "grad_W4", "factor-n"),
    Mutant("grad_W averaged", OUTER, f"{OUTER} / len(y)", "grad_W4", "factor-1/n"),
    Mutant("grad_W1 lost", OUTER, f"(i > 0) * {OUTER}", "grad_W1", "zero"),
    Mutant("z for h", OUTER, "(z[i - 1] if i else h[0]).T @ grad_z", "grad_W4", "z-for-h"),
    Mutant("h of the row before", OUTER, "np.roll(h[i], 1, 0).T @ grad_z", "grad_W4", "stale-h"),
    Mutant("h > 0 for h", OUTER, "((h[i] > 0) if i else h[0]).T @ grad_z", "grad_W4", "on-for-h"),
    Mutant(
        "h without dropout",
        OUTER,
        "(activation.f(z[i - 1]) if i else h[0]).T @ grad_z",
        "grad_W4",
        "dropout-missing",
    ),
    Mutant(
        "grad_W2, grad_W3 transposed",
        WHOLE,
        f"W=({WHOLE[2:]}).T if 0 < i < 3 else {WHOLE[2:]}",
        "grad_W3",
        "transposed",
    ),
    Mutant(
        "a row of grad_W1 lost",
        OUTER,
        "(h[i] * (np.arange(h[i].shape[1]) != 7 if i == 0 else 1)).T @ grad_z",
        "grad_W1",
        "one-row",
    ),
    Mutant(
        "a column off by 1 %",
        OUTER,
        f"{OUTER} * (1 + np.eye(len(params[i].b))[3] / 100)",
        "grad_W4",
        "one-column",
    ),
    Mutant(
        "an entry off",
        OUTER,
        f"{OUTER} + (0.01 * np.outer(np.eye(12)[4], np.eye(12)[2]) if i == 1 else 0)",
        "grad_W2",
        "one-entry",
    ),
    Mutant("decay forgotten", DECAY, "0", "grad_W4", "decay-missing"),
    Mutant("decay doubled", DECAY, f"2 * {DECAY}", "grad_W4", "decay-doubled"),
    Mutant("decay halved", DECAY, f"{DECAY} / 2", "grad_W4", "decay-scaled"),
    Mutant("decay of the wrong sign", DECAY, f"-{DECAY}", "grad_W4", "decay-scaled"),
    Mutant("decay of |W|", DECAY, "weight_decay * np.sign(params[i].W)", "grad_W4", "decay-sign"),
    # grad_b = grad_z summed over the batch
    Mutant("bias averaged", BIAS, "grad_z.mean(axis=0)", "grad_b4", "factor-1/n"),
    Mutant("bias summed again", BIAS, f"len(y) * {BIAS}", "grad_b4", "factor-n"),
    Mutant("bias of one row", BIAS, "grad_z[0]", "grad_b4", "one-row"),
    Mutant("bias without the last row", BIAS, "grad_z[:-1].sum(axis=0)", "grad_b4", "row-missing"),
    Mutant("bias negative", BIAS, f"-{BIAS}", "grad_b4", "sign"),
    Mutant("bias lost", BIAS, f"0 * {BIAS}", "grad_b4", "zero"),
    Mutant("bias reversed", BIAS, f"{BIAS}[::-1]", "grad_b4", "reversed"),
    Mutant("bias of the unit before", BIAS, f"np.roll({BIAS}, 1)", "grad_b4", "shifted"),
    Mutant(
        "decay on biases", BIAS, f"{BIAS} + weight_decay * params[i].b", "grad_b4", "decay-on-bias"
    ),
    # grad_z = grad_h * f'(z)
    Mutant("no derivative of relu", STEP, "grad_h", "grad_z3", "missing-mask"),
    Mutant(
        "no derivative in layer 2", STEP, f"{STEP} if i != 2 else grad_h", "grad_z2", "missing-mask"
    ),
    Mutant("mask of layer 1", SLOPE, "activation.derivative(z[0])", "grad_z3", "wrong-mask"),
    Mutant("mask inverted", SLOPE, f"(1 - {SLOPE})", "grad_z3", "inverted-mask"),
    Mutant("mask of the row before", SLOPE, f"np.roll({SLOPE}, 1, 0)", "grad_z3", "stale-z"),
    Mutant(
        "derivative at h",
        SLOPE,
        "activation.derivative(h[i])",
        "grad_z3",
        "derivative-at-h",
        "tanh",
    ),
    Mutant(
        "value for derivative",
        SLOPE,
        "activation.f(z[i - 1])",
        "grad_z3",
        "value-for-derivative",
        "sigmoid",
    ),
    Mutant(
        "leaky relu's derivative",
        SLOPE,
        f"np.maximum({SLOPE}, 0.01)",
        "grad_z3",
        "other-activation",
    ),
    Mutant(
        "W not transposed",
        BACK,
        "grad_z @ (params[i].W.T if i == 3 else params[i].W)",
        "grad_z2",
        "not-transposed",
    ),
    Mutant("W left out", BACK, f"({BACK} if i == 3 else grad_z)", "grad_z2", "weight-missing"),
    Mutant(
        "W updated first",
        BACK,
        "grad_z @ (params[i].W - 0.1 * grads[-1].W).T",
        "grad_z3",
        "updated-weight",
    ),
    Mutant("W4 doubled", BACK, f"(1 + (i == 3)) * {BACK}", "grad_z3", "factor"),
    Mutant("dropout forgotten", DROP, BACK, "grad_z3", "dropout-missing"),
    Mutant("dropout twice", DROP, f"_drop({DROP}, masks, i)", "grad_z3", "dropout-twice"),
    Mutant(
        "dropout of the row before",
        DROP,
        "grad_z @ params[i].W.T * np.roll(masks[i], 1, 0)",
        "grad_z3",
        "dropout-shifted",
    ),
    Mutant("absolute value", STEP, f"abs({STEP})", "grad_z3", "unknown"),
)


def make_problem(mutant: Mutant, *, rng: np.random.Generator) -> Problem:
    """A small problem on which every mistake shows: with dropout, weight decay and smoothing."""
    params = tuple(
        layer._replace(b=0.1 * rng.standard_normal(layer.b.shape))
        for layer in mlp.init(SIZES, rng=rng, dtype="float64")
    )
    classes = SIZES[-1]
    labels = rng.permutation(classes)[:BATCH_SIZE]  # all different, so that shifted rows differ
    y = mlp.one_hot(labels, classes, smoothing=0.1)
    masks = [None, *((rng.random((BATCH_SIZE, n)) < 0.8) / 0.8 for n in SIZES[1:-1])]
    x = rng.random((BATCH_SIZE, SIZES[0]))
    return Problem(params, x, y, ACTIVATIONS[mutant.activation], masks, weight_decay=0.05)


def mutate(mutant: Mutant) -> Callable[..., Params]:
    """`mlp.backward` with the mistake; raises ValueError if its piece no longer exists."""
    source = inspect.getsource(mlp.backward)
    if mutant.old not in source:
        raise ValueError(f"mutant {mutant.name!r}: {mutant.old!r} is not in mlp.backward")
    namespace: dict[str, Any] = dict(vars(mlp))
    exec(source.replace(mutant.old, mutant.new), namespace)  # the text comes from this file
    mutated: Callable[..., Params] = namespace["backward"]
    return mutated


def gradient(mutant: Mutant, problem: Problem) -> Params:
    """The gradient that the mutated derivation gives."""
    params, x, y, activation, masks, weight_decay = problem
    run = mlp.forward(params, x, activation=activation, masks=masks)
    return mutate(mutant)(
        params, run, y, activation=activation, masks=masks, weight_decay=weight_decay
    )
