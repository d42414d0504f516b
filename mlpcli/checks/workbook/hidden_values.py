"""What workbook 02 is measured on: one image in a network of three layers, and a batch.

Arrays without a row axis are of the one image: h1 (512,), z2 (256,), W2 (512, 256).
"""

from typing import NamedTuple

import numpy as np

from mlpcli.checks import numeric, reference
from mlpcli.checks.explain import explain
from mlpcli.checks.numeric import CentralDifferences
from mlpcli.checks.problem import Problem, derived_gradient, loss
from mlpcli.checks.reference import COMPLEX_STEP
from mlpcli.checks.workbook.measurements import CENTRAL_STEP, ce, first_image, partials
from mlpcli.nn import Array, mlp, optim
from mlpcli.nn.activation import ACTIVATIONS
from mlpcli.nn.engine import Engine
from mlpcli.nn.mlp import Layer, Params

LR, DECAY = 0.1, 0.01  # of the updates
PIXEL_STRIDE = 16  # of the pixels whose partial is measured
DEEP_SIZES = (20, 16, 14, 12, 10, 8, 5)  # six layers, for the recursion
EQUAL_WEIGHT = 1e-3  # of every entry of W, where all are equal


class HiddenValues(NamedTuple):
    """The values of one image, the gradients measured on it, and the batch that it is from."""

    image: Problem  # one image
    batch: Problem  # n images, the first of them this one
    x: Array  # (1024,)
    z1: Array  # (512,)
    h1: Array
    z2: Array  # (256,)
    h2: Array
    z3: Array  # (10,)
    h3: Array
    y: Array  # (10,), one-hot
    star: int  # y*, the right class
    grad_z1: Array  # (512,), each entry by its own imaginary step, as all that follow
    grad_h1: Array
    grad_z2: Array  # (256,)
    grad_h2: Array
    grad_z3: Array  # (10,)
    central: list[CentralDifferences]  # of W1, b1, W2, ..., one parameter at a time
    code: dict[str, Array]  # "grad_h2", "grad_W2", ... by the lines of `mlp.backward`

    @property
    def W1(self) -> Array:
        """(1024, 512)."""
        return self.image.params[0].W

    @property
    def W2(self) -> Array:
        """(512, 256)."""
        return self.image.params[1].W

    @property
    def W3(self) -> Array:
        """(256, 10)."""
        return self.image.params[2].W

    @property
    def on1(self) -> Array:
        """relu'(z1) by its definition, 1 or 0, (512,)."""
        return (self.z1 > 0) * 1.0

    @property
    def on2(self) -> Array:
        """relu'(z2), (256,)."""
        return (self.z2 > 0) * 1.0

    def ce_of_h2(self, h2: Array) -> Array:
        """CE, (m,), for each row of h2, (m, 256)."""
        return ce(mlp.forward(self.image.params[2:], h2).z[0], self.y)

    def decayed(self) -> Params:
        """The code's gradient for one image with weight decay."""
        return derived_gradient(self.image._replace(weight_decay=DECAY))


def measure(problem: Problem) -> HiddenValues:
    """The values of the first image of a problem, and the gradients measured there."""
    image = first_image(problem)
    z, h, *_ = reference.forward(image)
    y, grad_z = image.y[0], [g[0] for g in reference.grad_z(image)]

    def grad_h(layer: int) -> Array:
        later = image.params[layer:]
        return partials(lambda h: ce(mlp.forward(later, h).z[-1], y), h[layer][0])

    return HiddenValues(
        image=image,
        batch=plain(problem),
        x=h[0][0],
        z1=z[0][0],
        h1=h[1][0],
        z2=z[1][0],
        h2=h[2][0],
        z3=z[2][0],
        h3=h[3][0],
        y=y,
        star=int(y.argmax()),
        grad_z1=grad_z[0],
        grad_h1=grad_h(1),
        grad_z2=grad_z[1],
        grad_h2=grad_h(2),
        grad_z3=grad_z[2],
        central=numeric.central(image),
        code=explain(image).values,
    )


def plain(problem: Problem) -> Problem:
    """The problem with one-hot targets, and no dropout, weights or decay."""
    y = mlp.one_hot(problem.y.argmax(axis=1), problem.y.shape[1])
    return problem._replace(y=y, masks=None, weight_decay=0.0, weights=None)


def single(batch: Problem, k: int) -> Problem:
    """Image k of a batch."""
    return batch._replace(x=batch.x[[k]], y=batch.y[[k]])


def later(problem: Problem, layer: int) -> Problem:
    """The layers from params[layer] on as a network of its own, whose image is h before it."""
    h = reference.forward(problem).h[layer]
    return problem._replace(params=problem.params[layer:], x=h)


def central_in_entry(problem: Problem, layer: int, i: int, j: int) -> Array:
    """d CE / d W_ij of params[layer], a scalar, by two losses of the whole network."""
    ends = []
    for step in (CENTRAL_STEP, -CENTRAL_STEP):
        W = problem.params[layer].W.copy()
        W[i, j] += step
        params = list(problem.params)
        params[layer] = params[layer]._replace(W=W)
        ends.append(loss(problem._replace(params=tuple(params))))
    return (ends[0] - ends[1]) / (2 * CENTRAL_STEP)


def z_by_entry(problem: Problem, layer: int, i: int, j: int) -> Array:
    """d z / d W_ij of params[layer], (units,), by an imaginary step in one weight."""
    W, b = problem.params[layer]
    moved = W.astype(complex)
    moved[i, j] += COMPLEX_STEP * 1j
    z = mlp.forward((Layer(moved, b),), reference.forward(problem).h[layer]).z[0][0]
    return z.imag / COMPLEX_STEP


def along(problem: Problem, direction: Params) -> Array:
    """The derivative of the loss along a direction in all parameters, by an imaginary step."""
    params = tuple(
        Layer(W + COMPLEX_STEP * 1j * d.W, b + COMPLEX_STEP * 1j * d.b)
        for (W, b), d in zip(problem.params, direction, strict=True)
    )
    return loss(problem._replace(params=params)).imag / COMPLEX_STEP


def by_row(problem: Problem, i: int) -> Array:
    """d loss / d W_ij of the last layer for every j, (classes,), each by its own imaginary step."""
    W, b = problem.params[-1]
    last = Problem((), reference.forward(problem).h[-2], problem.y)
    slopes = []
    for j in range(len(b)):
        moved = W.astype(complex)
        moved[i, j] += COMPLEX_STEP * 1j
        end = last._replace(params=(Layer(moved, b),), weight_decay=problem.weight_decay)
        slopes.append(loss(end).imag / COMPLEX_STEP)
    return np.array(slopes)


def steps(problem: Problem, count: int = 1) -> Params:
    """The parameters after some steps of training: gradient descent with `LR` on one batch."""
    engine = Engine(
        problem.params,
        batch_size=len(problem.x),
        rule=optim.sgd(0.0),
        slots=len(optim.SLOTS["sgd"]),
        weight_decay=problem.weight_decay,
    )
    for _ in range(count):
        engine.step(problem.x, problem.y, lr=LR)
    return engine.params


def deep(activation: str) -> Problem:
    """One image in a network of six layers with this activation."""
    rng = np.random.default_rng(0)
    params = tuple(
        layer._replace(b=0.1 * rng.standard_normal(len(layer.b)))
        for layer in mlp.init(DEEP_SIZES, rng=rng, dtype="float64")
    )
    y = mlp.one_hot(np.array([1]), DEEP_SIZES[-1])
    return Problem(params, rng.random((1, DEEP_SIZES[0])), y, ACTIVATIONS[activation])


def equal(problem: Problem, weight: float = EQUAL_WEIGHT) -> Problem:
    """The problem with all weights equal and all biases 0."""
    params = tuple(Layer(np.full_like(W, weight), np.zeros_like(b)) for W, b in problem.params)
    return problem._replace(params=params)


def joined(arrays: list[Array]) -> Array:
    """The entries of all arrays, one after another: (m,)."""
    return np.concatenate([a.ravel() for a in arrays])
