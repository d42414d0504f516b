"""Sanity checks before training, in well under a second.

After Karpathy (2019), "A recipe for training neural networks": the initial loss, the size of the
gradient in each layer, and whether the network can overfit a few images.
"""

import math
import time
from collections.abc import Iterator

import numpy as np

from mlpcli.config.schema import Config
from mlpcli.data import preprocessing
from mlpcli.data.dataset import Split
from mlpcli.nn import Array, mlp
from mlpcli.nn.engine import Engine
from mlpcli.training import build
from mlpcli.training.rng import stream

IMAGE_COUNT = 20  # that must be overfitted
MAX_STEPS = 200  # within which the loss must halve
MAX_SECONDS = 0.5  # for those steps; a network that is too slow for it is not checked
MAX_INITIAL_LOSS = 3.0  # times ln(classes), the loss of uniform probabilities
MIN_GRADIENT = 1e-6  # of the largest gradient of a layer


def preflight(config: Config, split: Split) -> Iterator[str]:
    """Warnings about a training, one line each; no other random stream is affected."""
    chosen = stream(config.seed, "check", 2).permutation(len(split.labels))[:IMAGE_COUNT]
    classes = len(split.classes)
    active = preprocessing.active_inputs(split.images[chosen])
    x = preprocessing.inputs(split.images[chosen])
    y = mlp.one_hot(split.labels[chosen], classes, dtype="float32")
    small = config.replace(train=config.train.replace(batch_size=len(chosen)))
    engine = build.make_engine(small, classes=classes, active_inputs=active)
    with np.errstate(all="ignore"):
        engine.gradient(x[:, active], y)
    yield from _first_loss(config, x, y)
    yield from _small_gradients(engine)
    yield from _overfit(engine, x[:, active], y, lr=config.optimizer.lr)


def _first_loss(config: Config, x: Array, y: Array) -> Iterator[str]:
    params = build.initial_params(config, classes=y.shape[1])
    with np.errstate(all="ignore"):
        first = float(mlp.loss(params, x, y, activation=build.activation(config)))
    uniform = math.log(y.shape[1])
    if not first < MAX_INITIAL_LOSS * uniform:
        yield (
            f"the initial loss is {first:.3g} nats, though uniform probabilities give "
            f"ln({y.shape[1]}) = {uniform:.3g}; check network.init and the images"
        )


def _small_gradients(engine: Engine) -> Iterator[str]:
    sizes = [float(np.abs(W).max()) for W, _ in engine.grads]
    for i, size in enumerate(sizes, 1):
        if not size > MIN_GRADIENT * max(sizes):
            yield f"hardly any gradient reaches W{i}: at most {size:.2g}; try fewer layers or relu"


def _overfit(engine: Engine, x: Array, y: Array, *, lr: float) -> Iterator[str]:
    losses: list[float] = []
    started = time.perf_counter()
    try:
        while len(losses) < MAX_STEPS and time.perf_counter() - started < MAX_SECONDS:
            losses.append(engine.step(x, y, lr=lr))
            if losses[-1] < losses[0] / 2:
                return
    except FloatingPointError as err:
        steps = len(losses)
        yield f"{err} is not finite after {steps} steps on {IMAGE_COUNT} images; lower optimizer.lr"
        return
    if len(losses) == MAX_STEPS or losses[-1] > losses[0]:
        yield (
            f"cannot overfit {IMAGE_COUNT} images: {len(losses)} steps at learning rate {lr:g} "
            f"change their loss from {losses[0]:.3g} to {losses[-1]:.3g}; try another optimizer.lr"
        )
