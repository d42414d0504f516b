"""Planted faults: the source of `mlp.backward` with one mistake each, and what must be said of it.

A fault replaces a piece of the real source by another and runs the result, so what is tested is
whether the check catches a mistake in the very code that it guards. A piece that no longer stands
in the source is an error, so the list cannot go stale.
"""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from mlpcli.checks.problem import Problem
from mlpcli.nn import mlp
from mlpcli.nn.activation import ACTIVATIONS
from mlpcli.nn.mlp import Params

SIZES, ROWS = (20, 12, 12, 12, 6), 5  # equal widths, so that a wrong layer or a missing .T can pass


class Fault(NamedTuple):
    """A mistake, where the diagnosis must see it, and what it must say."""

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

FAULTS = (
    # grad_z4 = (h4 - y) / n
    Fault("y - h", DIFFERENCE, "y - h[-1]", "grad_z4", "sign"),
    Fault("sum, not mean", MEAN, "", "grad_z4", "factor-n"),
    Fault("divided by n twice", MEAN, "/ len(y) ** 2", "grad_z4", "factor-1/n"),
    Fault("divided by n - 1", MEAN, "/ (len(y) - 1)", "grad_z4", "factor"),
    Fault("gradient of 2 CE", TOP, "2 * (h[-1] - y) / len(y)", "grad_z4", "factor"),
    Fault("labels of the row before", DIFFERENCE, "h[-1] - np.roll(y, 1, 0)", "grad_z4", "shifted"),
    Fault("labels in reverse order", DIFFERENCE, "h[-1] - y[::-1]", "grad_z4", "shifted"),
    Fault("log h", DIFFERENCE, "np.log(h[-1]) - y", "grad_z4", "log-for-softmax"),
    Fault("z in place of h", DIFFERENCE, "z[-1] - y", "grad_z4", "z-for-softmax"),
    Fault("y forgotten", DIFFERENCE, "h[-1]", "grad_z4", "target-missing"),
    Fault("softmax twice", TOP, f"{TOP} * h[-1] * (1 - h[-1])", "grad_z4", "softmax-twice"),
    Fault("gradient wrt h", DIFFERENCE, "-y / h[-1]", "grad_z4", "softmax-missing"),
    Fault("no smoothing", DIFFERENCE, "h[-1] - np.round(y)", "grad_z4", "smoothing-missing"),
    Fault("first row only", TOP, f"{TOP} * np.eye(len(y))[:, :1]", "grad_z4", "only-row"),
    Fault("a row lost", TOP, f"{TOP} * (1 - np.eye(len(y))[:, 1:2])", "grad_z4", "one-row"),
    Fault("a class off by 1 %", TOP, f"{TOP} * (1 + np.eye(6)[2] / 100)", "grad_z4", "one-column"),
    Fault("class in place of h", DIFFERENCE, "np.round(h[-1]) - y", "grad_z4", "unknown"),
    # grad_W = h.T @ grad_z, with weight decay
    Fault("grad_W doubled", OUTER, f"2 * {OUTER}", "grad_W4", "factor"),
    Fault("grad_W3 negative", OUTER, f"(1 - 2 * (i == 2)) * {OUTER}", "grad_W3", "sign"),
    Fault("grad_W summed", OUTER, f"len(y) * {OUTER}", "grad_W4", "factor-n"),
    Fault("grad_W averaged", OUTER, f"{OUTER} / len(y)", "grad_W4", "factor-1/n"),
    Fault("grad_W1 lost", OUTER, f"(i > 0) * {OUTER}", "grad_W1", "zero"),
    Fault("z for h", OUTER, "(z[i - 1] if i else h[0]).T @ grad_z", "grad_W4", "z-for-h"),
    Fault("h of the row before", OUTER, "np.roll(h[i], 1, 0).T @ grad_z", "grad_W4", "stale-h"),
    Fault("h > 0 for h", OUTER, "((h[i] > 0) if i else h[0]).T @ grad_z", "grad_W4", "on-for-h"),
    Fault(
        "h without dropout",
        OUTER,
        "(activation.f(z[i - 1]) if i else h[0]).T @ grad_z",
        "grad_W4",
        "dropout-missing",
    ),
    Fault(
        "grad_W2, grad_W3 transposed",
        WHOLE,
        f"W=({WHOLE[2:]}).T if 0 < i < 3 else {WHOLE[2:]}",
        "grad_W3",
        "transposed",
    ),
    Fault(
        "a row of grad_W1 lost",
        OUTER,
        "(h[i] * (np.arange(h[i].shape[1]) != 7 if i == 0 else 1)).T @ grad_z",
        "grad_W1",
        "one-row",
    ),
    Fault(
        "a column off by 1 %",
        OUTER,
        f"{OUTER} * (1 + np.eye(len(params[i].b))[3] / 100)",
        "grad_W4",
        "one-column",
    ),
    Fault(
        "an entry off",
        OUTER,
        f"{OUTER} + (0.01 * np.outer(np.eye(12)[4], np.eye(12)[2]) if i == 1 else 0)",
        "grad_W2",
        "one-entry",
    ),
    Fault("decay forgotten", DECAY, "0", "grad_W4", "decay-missing"),
    Fault("decay doubled", DECAY, f"2 * {DECAY}", "grad_W4", "decay-doubled"),
    Fault("decay halved", DECAY, f"{DECAY} / 2", "grad_W4", "decay-scaled"),
    Fault("decay of the wrong sign", DECAY, f"-{DECAY}", "grad_W4", "decay-scaled"),
    Fault("decay of |W|", DECAY, "weight_decay * np.sign(params[i].W)", "grad_W4", "decay-sign"),
    # grad_b = grad_z summed over the batch
    Fault("bias averaged", BIAS, "grad_z.mean(axis=0)", "grad_b4", "factor-1/n"),
    Fault("bias summed again", BIAS, f"len(y) * {BIAS}", "grad_b4", "factor-n"),
    Fault("bias of one row", BIAS, "grad_z[0]", "grad_b4", "one-row"),
    Fault("bias without the last row", BIAS, "grad_z[:-1].sum(axis=0)", "grad_b4", "row-missing"),
    Fault("bias negative", BIAS, f"-{BIAS}", "grad_b4", "sign"),
    Fault("bias lost", BIAS, f"0 * {BIAS}", "grad_b4", "zero"),
    Fault("bias reversed", BIAS, f"{BIAS}[::-1]", "grad_b4", "reversed"),
    Fault("bias of the unit before", BIAS, f"np.roll({BIAS}, 1)", "grad_b4", "shifted"),
    Fault(
        "decay on biases", BIAS, f"{BIAS} + weight_decay * params[i].b", "grad_b4", "decay-on-bias"
    ),
    # grad_z = grad_h * f'(z)
    Fault("no derivative of relu", STEP, "grad_h", "grad_z3", "missing-mask"),
    Fault(
        "no derivative in layer 2", STEP, f"{STEP} if i != 2 else grad_h", "grad_z2", "missing-mask"
    ),
    Fault("mask of layer 1", SLOPE, "activation.derivative(z[0])", "grad_z3", "wrong-mask"),
    Fault("mask inverted", SLOPE, f"(1 - {SLOPE})", "grad_z3", "inverted-mask"),
    Fault("mask of the row before", SLOPE, f"np.roll({SLOPE}, 1, 0)", "grad_z3", "stale-z"),
    Fault(
        "derivative at h",
        SLOPE,
        "activation.derivative(h[i])",
        "grad_z3",
        "derivative-at-h",
        "tanh",
    ),
    Fault(
        "value for derivative",
        SLOPE,
        "activation.f(z[i - 1])",
        "grad_z3",
        "value-for-derivative",
        "sigmoid",
    ),
    Fault(
        "leaky relu's derivative",
        SLOPE,
        f"np.maximum({SLOPE}, 0.01)",
        "grad_z3",
        "other-activation",
    ),
    Fault(
        "W not transposed",
        BACK,
        "grad_z @ (params[i].W.T if i == 3 else params[i].W)",
        "grad_z2",
        "not-transposed",
    ),
    Fault("W left out", BACK, f"({BACK} if i == 3 else grad_z)", "grad_z2", "weight-missing"),
    Fault(
        "W updated first",
        BACK,
        "grad_z @ (params[i].W - 0.1 * grads[-1].W).T",
        "grad_z3",
        "updated-weight",
    ),
    Fault("W4 doubled", BACK, f"(1 + (i == 3)) * {BACK}", "grad_z3", "factor"),
    Fault("dropout forgotten", DROP, BACK, "grad_z3", "dropout-missing"),
    Fault("dropout twice", DROP, f"_drop({DROP}, masks, i)", "grad_z3", "dropout-twice"),
    Fault(
        "dropout of the row before",
        DROP,
        "grad_z @ params[i].W.T * np.roll(masks[i], 1, 0)",
        "grad_z3",
        "dropout-shifted",
    ),
    Fault("absolute value", STEP, f"abs({STEP})", "grad_z3", "unknown"),
)


def problem(fault: Fault, *, rng: np.random.Generator) -> Problem:
    """A small problem on which every fault shows: dropout, decay and smoothing are switched on."""
    params = tuple(
        layer._replace(b=0.1 * rng.standard_normal(layer.b.shape))
        for layer in mlp.init(SIZES, rng=rng, dtype="float64")
    )
    classes = SIZES[-1]
    labels = rng.permutation(classes)[:ROWS]  # all different, so that shifted rows differ
    y = mlp.one_hot(labels, classes, smoothing=0.1)
    masks = [None, *((rng.random((ROWS, n)) < 0.8) / 0.8 for n in SIZES[1:-1])]
    x = rng.random((ROWS, SIZES[0]))
    return Problem(params, x, y, ACTIVATIONS[fault.activation], masks, weight_decay=0.05)


def plant(fault: Fault) -> Callable[..., Params]:
    """`mlp.backward` with the fault in it; raises ValueError when its piece no longer exists."""
    source = inspect.getsource(mlp.backward)
    if fault.old not in source:
        raise ValueError(f"fault {fault.name!r}: {fault.old!r} does not stand in mlp.backward")
    namespace: dict[str, Any] = dict(vars(mlp))
    exec(source.replace(fault.old, fault.new), namespace)  # our own text, written above
    planted: Callable[..., Params] = namespace["backward"]
    return planted


def claimed(fault: Fault, about: Problem) -> Params:
    """The gradient that the faulty derivation gives."""
    params, x, y, activation, masks, weight_decay = about
    run = mlp.forward(params, x, activation=activation, masks=masks)
    return plant(fault)(
        params, run, y, activation=activation, masks=masks, weight_decay=weight_decay
    )
