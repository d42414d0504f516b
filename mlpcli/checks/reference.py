"""The right derivatives, from the forward pass alone: no line of the derivation is used.

An imaginary step of 1e-30 leaves the value unchanged and carries the derivative in the imaginary
part, exact to rounding, since nothing is subtracted.
Source: Squire and Trapp (1998), SIAM Review 40(1), 110-112.
"""

import numpy as np

from mlpcli.checks.problem import Problem, normalize, row_weights
from mlpcli.nn import Array, batch_norm, mlp
from mlpcli.nn.activation import Activation
from mlpcli.nn.mlp import ForwardPass, Layer, Params

COMPLEX_STEP = 1e-30  # its square vanishes beside any number


def forward(problem: Problem) -> ForwardPass:
    """Every z and h of the problem, (n, units) each."""
    params, x, _, activation, masks, *_ = problem
    by = normalize(problem)
    return mlp.forward(params, x, activation=activation, masks=masks, normalize=by)


def grad_z(problem: Problem) -> list[Array]:
    """d(weighted mean cross-entropy)/dz, entry by entry, for every layer: (n, units) each."""
    by_layer = _grad_z_through_batch if problem.batch_norm else _grad_z
    return [by_layer(problem, z, layer) for layer, z in enumerate(forward(problem).z)]


def grad_u(problem: Problem, h: Array, layer: int, grad_z: Array) -> Array:
    """The gradient wrt u = h @ W of a layer, (n, units), that follows from its grad_z.

    h: (n, fan_in). Every u of a unit moves z of all images, in a layer that is normalized.
    """
    if not problem.batch_norm or layer == len(problem.params) - 1:
        return grad_z
    u = h @ problem.params[layer].W
    steps = COMPLEX_STEP * 1j * np.eye(len(u))[:, :, None]  # in all units of one image
    slopes = [batch_norm.normalize(u + step).u_hat.imag / COMPLEX_STEP for step in steps]
    return np.array([(grad_z * slope).sum(axis=0) for slope in slopes])


def gradient(problem: Problem) -> Params:
    """The gradient of `problem.loss`, from `grad_z` and the dependence of z on W and b."""
    h = forward(problem).h
    return tuple(
        Layer(h[i].T @ grad_u(problem, h[i], i, g) + problem.weight_decay * W, g.sum(axis=0))
        for i, (g, (W, _)) in enumerate(zip(grad_z(problem), problem.params, strict=True))
    )


def loss(problem: Problem) -> float:
    """The loss in nats: mean of weight * CE(softmax(z), y), and weight_decay / 2 * sum(W**2)."""
    z = forward(problem).z[-1]
    largest = z.max(axis=1, keepdims=True)
    log_sums = largest + np.log(np.exp(z - largest).sum(axis=1, keepdims=True))
    ce = (row_weights(problem) * problem.y * (log_sums - z)).sum() / len(z)
    penalty = sum(float(np.vdot(W, W)) for W, _ in problem.params)
    return float(ce + problem.weight_decay / 2 * penalty)


def derivative(activation: Activation, z: Array) -> Array:
    """f'(z), from f alone, in the shape of z."""
    return activation.f(z + COMPLEX_STEP * 1j).imag / COMPLEX_STEP


def _grad_z(problem: Problem, z: Array, layer: int) -> Array:
    """d(weighted mean cross-entropy)/dz of one layer, from its z; both (n, units)."""
    later_layers = problem.params[layer + 1 :]
    rows = []
    for sample, y in enumerate(row_weights(problem) * problem.y):
        moved = z[sample] + COMPLEX_STEP * 1j * np.eye(z.shape[1])  # row j moves entry j
        if later_layers:
            h = problem.activation.f(moved)
            masks = [None if m is None else m[sample] for m in (problem.masks or ())[layer + 1 :]]
            moved = mlp.forward(later_layers, h, activation=problem.activation, masks=masks).z[-1]
        rows.append(-(y * mlp.log_softmax(moved)).sum(axis=1).imag / COMPLEX_STEP)
    return np.stack(rows) / len(problem.y)


def _grad_z_through_batch(problem: Problem, z: Array, layer: int) -> Array:
    """The same where each z moves the loss of all images, by the statistics of later layers."""
    later = problem._replace(
        params=problem.params[layer + 1 :], masks=problem.masks and problem.masks[layer + 1 :]
    )
    slopes, moved = np.empty(z.shape), z.astype(complex)
    for entry in np.ndindex(z.shape):
        moved[entry] += COMPLEX_STEP * 1j
        end = moved
        if later.params:
            end = forward(later._replace(x=problem.activation.f(moved))).z[-1]
        ce = mlp.cross_entropy(end, row_weights(problem) * problem.y)
        slopes[entry] = ce.imag / COMPLEX_STEP
        moved[entry] = z[entry]
    return slopes
