"""Workbook 02, second half: the recursion for any depth, a batch, the update, equal weights."""

import numpy as np

from mlpcli.checks import numeric, reference
from mlpcli.checks.problem import Problem, derived_gradient, loss
from mlpcli.checks.workbook.hidden_values import (
    DECAY,
    LR,
    HiddenValues,
    along,
    by_row,
    deep,
    equal,
    joined,
    later,
    single,
    steps,
)
from mlpcli.checks.workbook.measurements import ce, slope
from mlpcli.checks.workbook.statement import CENTRAL_TOLERANCE, Sides, statements
from mlpcli.nn import Array, mlp
from mlpcli.nn.activation import ACTIVATIONS, RELU

RECURSION, BATCH = "The recursion", "A batch"
UPDATE, EQUAL_WEIGHTS = "The update and weight decay", "Why equal weights fail"

Z = np.linspace(-4, 4, 17)
COLUMNS = 64  # of grad_W2, which are enough to find its rank


def _recursion(problem: Problem, slopes: list[Array]) -> list[Array]:
    """grad_z of every layer, first layer first, from the last by the recursion; slopes: f'(z)."""
    grad_z = [(reference.forward(problem).h[-1] - problem.y)[0]]
    for (W, _), f_prime in zip(problem.params[:0:-1], slopes[::-1], strict=True):
        grad_z.insert(0, (W @ grad_z[0]) * f_prime)
    return grad_z


def _relu_slopes(problem: Problem) -> list[Array]:
    return [(z[0] > 0) * 1.0 for z in reference.forward(problem).z[:-1]]


def _tanh_slopes(problem: Problem) -> list[Array]:
    return [1 - h[0] ** 2 for h in reference.forward(problem).h[1:-1]]


def _measured_grad_z(problem: Problem) -> list[Array]:
    return [g[0] for g in reference.grad_z(problem)]


def _outer_products(problem: Problem) -> list[Array]:
    grad_z, h = _recursion(problem, _relu_slopes(problem)), reference.forward(problem).h
    return [np.outer(h[i][0], g) for i, g in enumerate(grad_z)]


def _n(s: HiddenValues) -> int:
    return len(s.batch.x)


def _error(s: HiddenValues) -> Array:
    """(h3 - y) / n of the batch, (n, 10)."""
    return (reference.forward(s.batch).h[-1] - s.batch.y) / _n(s)


def _h2(s: HiddenValues) -> Array:
    """h2 of the batch, (n, 256)."""
    return reference.forward(s.batch).h[2]


def _batch_by_b3(s: HiddenValues) -> Array:
    """d loss / d b3_j of the batch, (10,), by an imaginary step in each bias."""
    W, b = s.batch.params[-1]
    ends = b + reference.COMPLEX_STEP * 1j * np.eye(10)
    losses = [mlp.loss((mlp.Layer(W, end),), _h2(s), s.batch.y) for end in ends]
    return np.array(losses).imag / reference.COMPLEX_STEP


def _images(s: HiddenValues) -> list[Problem]:
    return [single(s.batch, k) for k in range(_n(s))]


def _black(s: HiddenValues) -> Array:
    """Pixels that are 0 in all images, (1024,) bool."""
    return np.all(s.batch.x == 0, axis=0)


def _measured_gradient(s: HiddenValues) -> list[Array]:
    """Every measured grad_W and grad_b of the image."""
    return [a for layer in reference.gradient(s.image) for a in layer]


def _grad_norm_squared(s: HiddenValues) -> float:
    return float(sum((g**2).sum() for g in _measured_gradient(s)))


def _measured_grad_W2(problem: Problem) -> Array:
    """Measured in layers 2 and 3, (512, 256)."""
    return reference.gradient(later(problem, 1))[0].W


def _equal_after(s: HiddenValues, updates: int) -> Problem:
    """The batch in a network that started with equal weights."""
    start = equal(s.batch)
    return start._replace(params=steps(start, updates))


def _and_first_repeated(h: Array) -> tuple[Array, Array]:
    """The array, (n, units), and its first column in the place of every other."""
    return h, np.tile(h[:, :1], h.shape[1])


def _h1_of(problem: Problem) -> Array:
    return reference.forward(problem).h[1]


# by section, then by number and text
_SIDES: dict[str, dict[str, Sides]] = {
    RECURSION: {
        "31a at any depth, grad_z = (W of the next layer times its grad_z) * f'(z)": lambda s: (
            joined(_measured_grad_z(deep("relu"))),
            joined(_recursion(deep("relu"), _relu_slopes(deep("relu")))),
        ),
        "31b with tanh for relu only f' differs: 1 - h^2": lambda s: (
            joined(_measured_grad_z(deep("tanh"))),
            joined(_recursion(deep("tanh"), _tanh_slopes(deep("tanh")))),
        ),
        "32 at any depth, grad_W = h of the layer before outer grad_z": lambda s: (
            joined([c.derivative for c in numeric.central(deep("relu"))[::2]]),
            joined(_outer_products(deep("relu"))),
        ),
        "33a forward, each weight multiplies once: 657,920 times in all": lambda s: (
            float(sum(W.size for W, _ in s.image.params)),
            657_920.0,
        ),
        "33b backward, 791,552 times: once for each grad_W_ij, and for W2 and W3 again": (
            lambda s: (
                float(sum(s.code[name].size for name in ("grad_W1", "grad_W2", "grad_W3")))
                + s.W2.size
                + s.W3.size,
                791_552.0,
            )
        ),
        "33c two losses for each partial would take 1,317,396 forward passes": lambda s: (
            2.0 * sum(c.derivative.size for c in s.central),
            1_317_396.0,
        ),
        "34 sigmoid' is at most 1/4, so ten layers of it shrink grad_z by 4^-10 or more": (
            lambda s: (slope(ACTIVATIONS["sigmoid"].f, Z).max() ** 10, 4.0**-10)
        ),
    },
    BATCH: {
        "35 the loss of n images is the mean of their CE": lambda s: (
            loss(s.batch),
            np.mean(
                [
                    ce(z3, y)
                    for z3, y in zip(reference.forward(s.batch).z[-1], s.batch.y, strict=True)
                ]
            ),
        ),
        "36 its gradient is the mean of their gradients": lambda s: (
            derived_gradient(s.batch)[1].W,
            np.mean([_measured_grad_W2(image) for image in _images(s)], axis=0),
        ),
        "37a grad_z3 has shape (n, 10)": lambda s: (
            reference.grad_z(later(s.batch, 2))[0].shape,
            (_n(s), 10),
        ),
        "37b grad_z3 = (h3 - y) / n": lambda s: (reference.grad_z(later(s.batch, 2))[0], _error(s)),
        "38a grad_W3 = h2^T grad_z3": lambda s: (
            by_row(s.batch, int(s.h2.argmax())),
            (_h2(s).T @ _error(s))[s.h2.argmax()],
        ),
        "38b this product adds up one outer product for each image": lambda s: (
            derived_gradient(s.batch)[2].W,
            sum(np.outer(h2, g) for h2, g in zip(_h2(s), _error(s), strict=True)),
        ),
        "39 grad_b3 is the sum of grad_z3 over the images": lambda s: (
            _batch_by_b3(s),
            _error(s).sum(axis=0),
        ),
        "40 no other line has 1/n: n times grad_z3 makes every gradient n times as large": (
            lambda s: (
                derived_gradient(s.batch._replace(weights=np.full((_n(s), 1), float(_n(s)))))[0].W,
                sum(derived_gradient(image)[0].W for image in _images(s)),
            )
        ),
        "41 grad_W2 has rank 1 for one image and rank n for n": lambda s: (
            [
                float(np.linalg.matrix_rank(_measured_grad_W2(p)[:, :COLUMNS]))
                for p in (s.image, s.batch)
            ],
            [1.0, float(_n(s))],
        ),
    },
    UPDATE: {
        "42 an update is W - lr grad_W": lambda s: (
            steps(s.image)[1].W,
            s.W2 - LR * _measured_grad_W2(s.image),
        ),
        "43 for a small lr it lowers CE by lr |grad|^2": lambda s: (
            along(s.image, derived_gradient(s.image)),
            _grad_norm_squared(s),
        ),
        "44 all gradients belong to the old W: a W3 updated first gives another grad_h2": (
            lambda s: (
                steps(s.image)[2].W @ s.grad_z3,
                s.grad_h2 - LR * s.h2 * (s.grad_z3 @ s.grad_z3),
            )
        ),
        "45 d/dW_ij of decay / 2 * sum of W^2 is decay * W_ij": lambda s: (
            by_row(s.image._replace(weight_decay=DECAY), int(s.h2.argmax()))
            - by_row(s.image, int(s.h2.argmax())),
            DECAY * s.W3[s.h2.argmax()],
        ),
        "46a with weight decay, grad_W2 = h1 outer grad_z2 + decay W2": lambda s: (
            s.decayed()[1].W,
            np.outer(s.h1, s.grad_z2) + DECAY * s.W2,
        ),
        "46b the biases have none: grad_b2 = grad_z2": lambda s: (s.decayed()[1].b, s.grad_z2),
        "47 so an update is (1 - lr decay) W - lr h1 outer grad_z2": lambda s: (
            steps(s.image._replace(weight_decay=DECAY))[1].W,
            (1 - LR * DECAY) * s.W2 - LR * np.outer(s.h1, s.grad_z2),
        ),
        "48 a pixel that is always black only decays: after 3 updates by (1 - lr decay)^3": (
            lambda s: (
                steps(s.batch._replace(weight_decay=DECAY), 3)[0].W[_black(s)],
                (1 - LR * DECAY) ** 3 * s.W1[_black(s)],
            )
        ),
    },
    EQUAL_WEIGHTS: {
        "49 if all weights of W1 are equal, so are all 512 entries of h1": lambda s: (
            _and_first_repeated(_h1_of(equal(s.batch)))
        ),
        "50 equal weights in W3 move all z3 alike, which leaves h3 as it is: grad_h2 = 0": (
            lambda s: (
                mlp.forward(equal(s.image).params[2:], s.h2[None]).h[-1][0],
                mlp.forward(equal(s.image).params[2:], 0 * s.h2[None]).h[-1][0],
            )
        ),
        "51 after an update W3 is mixed, but all columns of grad_W1 are still equal": lambda s: (
            reference.gradient(_equal_after(s, 1))[0].W,
            np.tile(derived_gradient(_equal_after(s, 1))[0].W[:, :1], 512),
        ),
        "52 and they stay so: after 5 updates layer 1 still computes one number": lambda s: (
            _and_first_repeated(_h1_of(_equal_after(s, 5)))
        ),
        "53 with all weights 0, only b3 has a gradient": lambda s: (
            [float(g.any()) for layer in derived_gradient(equal(s.batch, 0.0)) for g in layer],
            [0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
        ),
        "54 biases may start at 0: random weights alone make all 512 units differ": lambda s: (
            float(len(np.unique(s.z1 - s.image.params[0].b))),
            512.0,
        ),
        "55a relu halves the mean of z^2, if z and -z are equally likely": lambda s: (
            np.mean(RELU.f(np.append(Z, -Z)) ** 2),
            np.mean(Z**2) / 2,
        ),
        "55b so the variance 2 / fan_in keeps the size of z from layer to layer": lambda s: (
            [mlp.INITS["he"](W.shape[0], W.shape[1]) for W, _ in s.image.params],
            [2 / 1024, 2 / 512, 2 / 256],
        ),
    },
}


LEARNING = statements(2, _SIDES, {(RECURSION, "32"): CENTRAL_TOLERANCE})
