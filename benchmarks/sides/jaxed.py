"""JAX on the CPU: a jitted step whose parameters and state are donated, rules written out."""

import functools
import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import images
from benchmarks.sides import BATCH, BETA1, BETA2, EPS, MOMENTUM, SIZES
from mlpcli.data import preprocessing

VERSIONS = {"jax": jax.__version__}
each = jax.tree_util.tree_map


class Trainer:
    """Variants: rule and loop, such as "sgd steps", a call a step, or "sgd scan", one an epoch."""

    def __init__(self, variant: str, seed: int) -> None:
        rule, loop = variant.split()
        self.rng = np.random.default_rng(seed)
        params = [
            (jnp.asarray(self.rng.normal(0, math.sqrt(2 / a), (a, b)), "float32"), jnp.zeros(b))
            for a, b in itertools.pairwise(SIZES)
        ]
        slots = 1 if rule == "sgd" else 2
        memory = tuple(each(jnp.zeros_like, params) for _ in range(slots))
        self.state: Any = (params, memory, jnp.float32(0))
        self.x, self.labels = _arrays("train")
        step = functools.partial(_step, _sgd if rule == "sgd" else _adam)
        self.step = jax.jit(step, donate_argnums=0)
        self.scan = jax.jit(functools.partial(_scan, step), donate_argnums=0)
        self.scans = loop == "scan"

    def epoch(self, lr: float) -> float:
        """A pass over the training images; returns the last loss."""
        order = jnp.asarray(self.rng.permutation(len(self.x)))
        whole = len(order) // BATCH * BATCH if self.scans else 0
        if self.scans:
            rows = order[:whole].reshape(-1, BATCH)
            self.state, loss = self.scan(self.state, self.x, self.labels, rows, lr)
        for first in range(whole, len(order), BATCH):
            rows = order[first : first + BATCH]
            self.state, loss = self.step(self.state, self.x, self.labels, rows, lr)
        jax.block_until_ready(self.state)
        return float(loss)

    def accuracy(self) -> float:
        """On the test images, a fraction."""
        x, labels = _arrays("test")
        return float((_logits(self.state[0], x).argmax(1) == labels).mean())


@functools.cache
def _arrays(name: str) -> tuple[Any, Any]:
    split = images.load(name)
    return jnp.asarray(preprocessing.inputs(split.images)), jnp.asarray(
        split.labels.astype("int32")
    )


def _logits(params: Any, x: Any) -> Any:
    for W, b in params[:-1]:
        x = jax.nn.relu(x @ W + b)
    W, b = params[-1]
    return x @ W + b


def _loss(params: Any, x: Any, labels: Any) -> Any:
    log_h = jax.nn.log_softmax(_logits(params, x))
    return -jnp.take_along_axis(log_h, labels[:, None], axis=1).mean()


def _step(rule: Any, state: Any, x: Any, labels: Any, rows: Any, lr: Any) -> tuple[Any, Any]:
    params, memory, t = state
    loss, grads = jax.value_and_grad(_loss)(params, x[rows], labels[rows])
    params, memory = rule(params, memory, grads, lr, t + 1)
    return (params, memory, t + 1), loss


def _scan(step: Any, state: Any, x: Any, labels: Any, rows: Any, lr: Any) -> tuple[Any, Any]:
    state, losses = jax.lax.scan(lambda s, part: step(s, x, labels, part, lr), state, rows)
    return state, losses[-1]


def _sgd(params: Any, memory: Any, grads: Any, lr: Any, t: Any) -> tuple[Any, Any]:
    (velocity,) = memory
    velocity = each(lambda v, g: MOMENTUM * v + g, velocity, grads)
    return each(lambda p, v: p - lr * v, params, velocity), (velocity,)


def _adam(params: Any, memory: Any, grads: Any, lr: Any, t: Any) -> tuple[Any, Any]:
    first = each(lambda m, g: BETA1 * m + (1 - BETA1) * g, memory[0], grads)
    second = each(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, memory[1], grads)
    m_hat, v_hat = 1 / (1 - BETA1**t), 1 / (1 - BETA2**t)
    moved = each(
        lambda p, m, v: p - lr * m * m_hat / (jnp.sqrt(v * v_hat) + EPS), params, first, second
    )
    return moved, (first, second)
