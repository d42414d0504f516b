"""One image through the network and back, step by step, in the order of the workbook.

Every quantity comes with its formula; the arithmetic is that of `mlp.forward` and `mlp.backward`,
bit-identical. An image is one row there; here the row axis is left out, as in the workbook.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np

from mlpcli.checks import reference
from mlpcli.checks.problem import Problem, row_weights
from mlpcli.nn import Array, mlp
from mlpcli.nn.activation import ACTIVATIONS
from mlpcli.nn.mlp import Layer

EXAMPLE_SIZES = (5, 4, 3, 2)  # small enough to show in full
# no number is 0, a unit of each hidden layer is off, the predicted class is wrong
EXAMPLE_SEED = 17507

Kind = Literal[
    "affine", "activation", "softmax", "loss", "error", "outer", "bias", "back", "derivative"
]


class Quantity(NamedTuple):
    """One quantity of the forward or the backward pass."""

    layer: int  # counted from 1
    kind: Kind  # its formula, regardless of the layer
    name: str  # "z2", "grad_W2"
    formula: str  # "h1 @ W2 + b2"
    value: Array  # of one image: (units,), (fan_in, fan_out), or () for CE


class Explanation(NamedTuple):
    """A network, an image and every quantity between them."""

    sizes: tuple[int, ...]  # width of every layer, input first
    activation: str
    weight_decay: float
    # h0 (inputs,), y (classes,), with class weights w (), W1 (fan_in, fan_out), b1 (fan_out,), ...
    given: dict[str, Array]
    steps: list[Quantity]

    @property
    def values(self) -> dict[str, Array]:
        """Every array, given or computed, by its name."""
        return self.given | {step.name: step.value for step in self.steps}


def example() -> Problem:
    """A 5-4-3-2 network and one image, with numbers short enough to follow by hand."""
    rng = np.random.default_rng(EXAMPLE_SEED)
    params = tuple(
        Layer(W.round(1), (0.2 * rng.standard_normal(len(b))).round(1) + 0.0)
        for W, b in mlp.init(EXAMPLE_SIZES, rng=rng, dtype="float64")
    )
    return Problem(params, rng.random((1, EXAMPLE_SIZES[0])).round(1), np.array([[1.0, 0.0]]))


def explain(problem: Problem, *, image: int = 0) -> Explanation:
    """Every step for one row of the problem's batch, without dropout."""
    weights = None if problem.weights is None else problem.weights[[image]]
    x, y = problem.x[[image]], problem.y[[image]]
    problem = problem._replace(x=x, y=y, masks=None, weights=weights)
    given = {"h0": x[0], "y": y[0]} | ({} if weights is None else {"w": weights[0, 0]})
    for i, (W, b) in enumerate(problem.params, 1):
        given |= {f"W{i}": W, f"b{i}": b}
    return Explanation(
        sizes=mlp.layer_sizes(problem.params),
        activation=_name(problem),
        weight_decay=problem.weight_decay,
        given=given,
        steps=[*_forward(problem), *_backward(problem)],
    )


def _forward(problem: Problem) -> Iterator[Quantity]:
    """As in `mlp.forward`, for the one image of the problem."""
    (z, h, *_), last = reference.forward(problem), len(problem.params)
    for i in range(1, last + 1):
        yield Quantity(i, "affine", f"z{i}", f"h{i - 1} @ W{i} + b{i}", z[i - 1][0])
        if i < last:
            yield Quantity(i, "activation", f"h{i}", f"{_name(problem)}(z{i})", h[i][0])
    yield Quantity(last, "softmax", f"h{last}", f"softmax(z{last})", h[-1][0])
    ce = np.asarray(mlp.cross_entropy(z[-1], row_weights(problem) * problem.y))
    formula, weighted = f"-(y * log(h{last})).sum()", problem.weights is not None
    yield Quantity(last, "loss", "CE", f"w * {formula}" if weighted else formula, ce)


def _backward(problem: Problem) -> Iterator[Quantity]:
    """As in `mlp.backward`, with every intermediate quantity, for the one image of the problem."""
    (z, h, *_), last, decay = reference.forward(problem), len(problem.params), problem.weight_decay
    f, relu = problem.activation, _name(problem) == "relu"
    grad_z = row_weights(problem) * (h[-1] - problem.y)
    for i in range(last, 0, -1):
        W = problem.params[i - 1].W
        if i < last:
            grad_h = grad_z @ problem.params[i].W.T
            yield Quantity(i, "back", f"grad_h{i}", f"W{i + 1} @ grad_z{i + 1}", grad_h[0])
            grad_z = grad_h * f.derivative(z[i - 1])
            slope = f"(z{i} > 0)" if relu else f"{_name(problem)}'(z{i})"
            yield Quantity(i, "derivative", f"grad_z{i}", f"grad_h{i} * {slope}", grad_z[0])
        else:
            formula = f"h{i} - y" if problem.weights is None else f"w * (h{i} - y)"
            yield Quantity(i, "error", f"grad_z{i}", formula, grad_z[0])
        grad_W = h[i - 1].T @ grad_z + decay * W
        formula = f"h{i - 1} outer grad_z{i}" + (f" + {decay:g} * W{i}" if decay else "")
        yield Quantity(i, "outer", f"grad_W{i}", formula, grad_W)
        yield Quantity(i, "bias", f"grad_b{i}", f"grad_z{i}", grad_z.sum(axis=0))


def _name(problem: Problem) -> str:
    return next(name for name, f in ACTIVATIONS.items() if f is problem.activation)
