"""A look at a training before it starts, in well under a second: would it be a waste of time?

After Karpathy (2019), "A recipe for training neural networks": the first loss, and whether a few
images can be learnt by heart.
"""

import math
import time
from collections.abc import Iterator

import numpy as np

from mlpcli.config.schema import Config
from mlpcli.data import dataset
from mlpcli.data.dataset import Split
from mlpcli.nn import Array, mlp
from mlpcli.nn.activation import ACTIVATIONS
from mlpcli.nn.engine import Engine
from mlpcli.nn.optim import UpdateRule
from mlpcli.training import build
from mlpcli.training.rng import stream

IMAGES = 20
STEPS = 200  # in which they must be learnt, that is, their loss halved
SECONDS = 0.5  # for those steps; a network that is too large for it is not judged
HIGH = 3.0  # times ln(classes), the loss of a network that knows nothing
FAINT = 1e-6  # of the largest gradient of a layer


def preflight(config: Config, split: Split) -> Iterator[str]:
    """Warnings about a training, a line each; it changes nothing, and no other random stream."""
    chosen = stream(config.seed, "check", 2).permutation(len(split.labels))[:IMAGES]
    classes = len(split.classes)
    lit = dataset.lit(split.images[chosen])
    x = dataset.inputs(split.images[chosen])[:, lit]
    y = mlp.one_hot(split.labels[chosen], classes, dtype="float32")
    train = config.train.model_copy(update={"batch_size": len(chosen)})
    small = config.model_copy(update={"train": train})
    engine, rule = build.make_engine(small, classes=classes, active_inputs=lit)
    with np.errstate(all="ignore"):
        engine.gradient(x, y)
    yield from _first_loss(config, dataset.inputs(split.images[chosen]), y)
    yield from _faint(engine)
    yield from _by_heart(engine, rule, x, y, lr=config.optimizer.lr)


def _first_loss(config: Config, x: Array, y: Array) -> Iterator[str]:
    params = build.initial_params(config, classes=y.shape[1])
    with np.errstate(all="ignore"):
        first = float(mlp.loss(params, x, y, activation=ACTIVATIONS[config.network.activation]))
    nothing = math.log(y.shape[1])
    if not first < HIGH * nothing:
        yield (
            f"the first loss is {first:.3g} nats, though knowing nothing costs "
            f"ln({y.shape[1]}) = {nothing:.3g}; do the layers suit the images?"
        )


def _faint(engine: Engine) -> Iterator[str]:
    sizes = [float(np.abs(W).max()) for W, _ in engine.grads]
    for i, size in enumerate(sizes, 1):
        if not size > FAINT * max(sizes):
            yield f"hardly any gradient reaches W{i}: at most {size:.2g}; try fewer layers or relu"


def _by_heart(engine: Engine, rule: UpdateRule, x: Array, y: Array, *, lr: float) -> Iterator[str]:
    losses: list[float] = []
    started = time.perf_counter()
    try:
        while len(losses) < STEPS and time.perf_counter() - started < SECONDS:
            losses.append(engine.step(x, y, rule, lr=lr))
            if losses[-1] < losses[0] / 2:
                return
    except FloatingPointError as err:
        steps = len(losses)
        yield f"{err} is not finite after {steps} steps on {IMAGES} images; lower optimizer.lr"
        return
    if len(losses) == STEPS or losses[-1] > losses[0]:
        yield (
            f"{IMAGES} images are not learnt by heart: {len(losses)} steps at learning rate "
            f"{lr:g} take their loss from {losses[0]:.3g} to {losses[-1]:.3g}; try another "
            "optimizer.lr"
        )
