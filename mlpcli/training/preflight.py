"""Sanity checks before training: of images and labels, of the network, of the learning rate.

What they find depends on the settings, the seed and the data alone: they count steps, and no
clock or other random stream is involved. Each kind of check needs that the ones before it hold, so
the first kind that finds something is the last.
"""

import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli.config.schema import Config
from mlpcli.data import preprocessing
from mlpcli.data.background import has_light_background
from mlpcli.data.quality import copies
from mlpcli.nn import Array, mlp
from mlpcli.nn.mlp import Params
from mlpcli.training import build
from mlpcli.training.loader import TrainingData, row_weights
from mlpcli.training.rng import stream
from mlpcli.training.threads import one_blas_thread

SAMPLE_SIZE = 1000  # images that stand for all
MAX_BLANK_SHARE = 0.1  # of the images
MIN_WHITE = 64  # of 255, the brightest pixel
MAX_LIGHT_SHARE = 0.5  # of the images
MAX_CONTRADICTORY_SHARE = 0.02  # of the images
MAX_COPY_SHARE = 0.2  # of the images
MAX_COMPARED = 60_000  # images, with each other
MAX_DEAD_SHARE = 0.9  # of a layer's units
MAX_WEIGHTS = 5_000_000  # of a network whose learning is tried; more would take minutes
MIN_GRADIENT = 1e-6  # of the largest gradient of a layer

BATCH_SIZE = 256  # of a trial, at most
STEPS, MAX_STEPS = 24, 800  # of a trial, which takes more of smaller batches, up to
IMAGES = 128 * STEPS  # and more to warm up
FACTORS = (1.0, 0.1, 0.01, 10.0, 100.0, 1e-4, 1e4, 1e6)  # of the configured learning rate
MAX_LR = 100.0  # as in the schema
GOOD_GAIN = 0.4  # of a learning rate, after which no other is tried
MIN_GAIN, MIN_RATIO = 0.1, 1.6  # of a better learning rate: its gain, and over the configured one's
MIN_Z_SCORE = 4.0  # of a network that classifies better than by chance
MIN_HELD_OUT, MIN_ENTROPY = 50, 0.5  # images, and of uniform labels: below, chance is not excluded
MIN_ERROR = 1e-6  # of the mean probability, which is otherwise exact where all are equal
OVERFITTED_IMAGES, OVERFITTING_STEPS = 20, 100

TEXTS = {  # by cause
    "blank images": "{share:.0%} of the images are blank, with different labels; "
    "check the files and how they were made",
    "pixel range": "no pixel is brighter than {white}, though white is 255; "
    "let data.white=null find it, or multiply all pixels by {factor}",
    "dark on light": "{share:.0%} of the images are dark on light, which is hard to learn; "
    "data.background=light inverts them",
    "contradictory labels": "{share:.0%} of the images are there with several labels; "
    "`mlp data check` counts them",
    "copies": "{share:.0%} of the images are copies of others, so that validation images are also "
    "trained on; leave them out",
    "empty class": "no training image has the label {name!r}{more}; check the names of the classes",
    "dead units": "{share:.0%} of the units in h{i} are 0 for all of {n} images, so W1 to W{i} "
    "hardly learn; use fewer or wider layers, or network.activation=leaky_relu",
    "vanishing gradient": "hardly any gradient reaches W{i}: at most {size:.2g}; "
    "use fewer layers, or network.activation=relu",
    "learning rate too high": "learning rate {lr:g} is too high: its first steps lead to a loss of "
    "{loss:.3g} nats, those at {better:g} to {better_loss:.3g}; try --set optimizer.lr={better:g}",
    "learning rate too low": "learning rate {lr:g} is too low: its first steps lead to a loss of "
    "{loss:.3g} nats, those at {better:g} to {better_loss:.3g}; try --set optimizer.lr={better:g}",
    "unrelated labels": "the labels seem unrelated to the images: {n} images can be overfitted, "
    "but others are classified as by chance; check that images and labels are in the same order",
    "no learning": "cannot overfit {n} images at any learning rate from {low:g} to {high:g}; "
    "check optimizer.weight_decay, network.max_norm and network.hidden",
}


class Finding(NamedTuple):
    """What seems to be wrong with a training, and what would help."""

    cause: str  # a key of TEXTS
    text: str


class Trial(NamedTuple):
    """How a training begins at some learning rate."""

    lr: float  # after the warm-up
    loss: float  # of images trained on, in nats; infinite where a value was not finite
    gain: float  # 1 - loss / ln(classes): 0 for uniform probabilities, 1 at best
    z_score: float  # of the classification of other images: standard errors above chance


Causes = Iterator[tuple[str, dict[str, Any]]]  # keys of TEXTS and what their texts need
Rows = NDArray[np.intp]


def preflight(config: Config, data: TrainingData) -> list[Finding]:
    """What seems to be wrong with a training; nothing where it can start.

    It costs a trial of STEPS steps or more by one thread, and up to eight trials where the
    configured learning rate does not work.
    """
    rows = stream(config.seed, "check", 2).permutation(data.train_rows)
    with one_blas_thread(), np.errstate(all="ignore"):
        for check in (_check_data, _check_network, _check_learning):
            causes = check(config, data, rows)
            if found := [Finding(cause, TEXTS[cause].format(**facts)) for cause, facts in causes]:
                return found
    return []


def _check_data(config: Config, data: TrainingData, rows: Rows) -> Causes:
    _, images, labels, classes, *_ = data.split
    sample, sample_labels = images[rows[:SAMPLE_SIZE]], labels[rows[:SAMPLE_SIZE]]
    blank = sample.max(axis=(1, 2)) == sample.min(axis=(1, 2))
    if blank.mean() > MAX_BLANK_SHARE and len(np.unique(sample_labels[blank])) > 1:
        yield "blank images", {"share": blank.mean()}
    elif 0 < (white := int(images.max())) < MIN_WHITE:
        yield "pixel range", {"white": white, "factor": 255 // white}
    else:
        yield from _check_copies(images[rows[:MAX_COMPARED]], labels[rows[:MAX_COMPARED]])
    if (share := has_light_background(sample).mean()) > MAX_LIGHT_SHARE:
        yield "dark on light", {"share": share}
    sizes = np.bincount(labels[rows], minlength=len(classes))
    if empty := [name for name, size in zip(classes, sizes, strict=True) if not size]:
        more = f" and {len(empty) - 1} more" if len(empty) > 1 else ""
        yield "empty class", {"name": empty[0], "more": more}


def _check_copies(images: NDArray[np.uint8], labels: NDArray[np.int64]) -> Causes:
    drawn = images.max(axis=(1, 2)) > images.min(axis=(1, 2))  # blank ones are alike
    n = len(images)
    if not drawn.all():  # which takes another copy of the images
        images, labels = images[drawn], labels[drawn]
    same, contradictory = (count / n for count in copies(images, labels))
    if contradictory > MAX_CONTRADICTORY_SHARE:
        yield "contradictory labels", {"share": contradictory}
    elif same > MAX_COPY_SHARE:
        yield "copies", {"share": same}


def _check_network(config: Config, data: TrainingData, rows: Rows) -> Causes:
    x, y = _batch(data, rows[:BATCH_SIZE])
    params, activation = build.initial_params(config, classes=y.shape[1]), build.activation(config)
    run = mlp.forward(params, x, activation=activation)
    for i, h in enumerate(run.h[1:-1], 1):
        if (share := (h == 0).all(axis=0).mean()) > MAX_DEAD_SHARE:
            yield "dead units", {"share": share, "i": i, "n": len(x)}
            return
    grads = mlp.backward(params, run, y, activation=activation)
    sizes = [float(np.abs(W).max()) for W, _ in grads]
    for i, size in enumerate(sizes, 1):
        if not size > MIN_GRADIENT * max(sizes):
            yield "vanishing gradient", {"i": i, "size": size}


def _check_learning(config: Config, data: TrainingData, rows: Rows) -> Causes:
    sizes = build.layer_sizes(config, classes=len(data.split.classes))
    if sum(m * n for m, n in itertools.pairwise(sizes)) > MAX_WEIGHTS:
        return
    held_out, rows = np.split(rows, [min(SAMPLE_SIZE, len(rows) // 5)])
    trials: list[Trial] = []
    for factor in FACTORS:
        if factor <= 1 or factor * config.optimizer.lr <= MAX_LR:
            trials.append(_trial(config, data, rows, held_out, factor=factor))
            if trials[-1].gain > GOOD_GAIN and trials[-1].z_score > MIN_Z_SCORE:
                break
    first, best = trials[0], max(trials, key=lambda trial: trial.gain)
    if best.z_score > MIN_Z_SCORE and best.gain > max(MIN_GAIN, MIN_RATIO * first.gain):
        cause = f"learning rate too {'high' if best.lr < first.lr else 'low'}"
        yield cause, {**first._asdict(), "better": best.lr, "better_loss": best.loss}
        return
    unrelated = max(trial.z_score for trial in trials) <= MIN_Z_SCORE
    if best.gain > MIN_GAIN and not unrelated:
        return
    rows = rows[:OVERFITTED_IMAGES]
    if not any(_can_overfit(config, data, rows, factor=factor) for factor in FACTORS):
        lrs = [trial.lr for trial in trials]
        yield "no learning", {"n": len(rows), "low": min(lrs), "high": max(lrs)}
    elif unrelated:
        yield "unrelated labels", {"n": len(rows)}


def _trial(
    config: Config, data: TrainingData, rows: Rows, held_out: Rows, *, factor: float
) -> Trial:
    """A trial on rows at the configured learning rate times factor."""
    batch_size = min(config.train.batch_size, BATCH_SIZE, len(rows))
    steps = max(STEPS, min(IMAGES // batch_size, MAX_STEPS))
    lr = factor * config.optimizer.lr
    params = _train(config, data, rows, batch_size=batch_size, steps=steps, factor=factor)
    if params is None:
        return Trial(lr, math.inf, -math.inf, -math.inf)
    loss = _loss(config, data, rows[: min(SAMPLE_SIZE, steps * batch_size)], params)
    gain = 1 - loss / math.log(np.count_nonzero(np.bincount(data.split.labels)))
    return Trial(lr, loss, gain, _z_score(config, data, held_out, params))


def _can_overfit(config: Config, data: TrainingData, rows: Rows, *, factor: float) -> bool:
    """Whether the loss on rows falls below half of that of uniform probabilities."""
    steps, n = OVERFITTING_STEPS, len(rows)
    params = _train(config, data, rows, batch_size=n, steps=steps, factor=factor)
    uniform = math.log(len(data.split.classes))
    return params is not None and _loss(config, data, rows, params) < uniform / 2


def _train(
    config: Config, data: TrainingData, rows: Rows, *, batch_size: int, steps: int, factor: float
) -> Params | None:
    """The parameters after so many steps on these rows; None when a value was not finite.

    The learning rate warms up as in the training, or faster, and then stays. Two steps of this
    warm-up count as one.
    """
    small = config.replace(train=config.train.replace(batch_size=batch_size, ema=None))
    classes, active = len(data.split.classes), data.active_inputs
    engine = build.make_engine(small, classes=classes, active_inputs=active)
    learning_rate, warmup = build.learning_rate(config), config.schedule.warmup
    updates = config.train.epochs * math.ceil(len(data.train_rows) / config.train.batch_size)
    warmup_steps = min(warmup * updates, 1.5 * steps)
    try:
        for step in range(steps + round(warmup_steps / 2)):
            batch = rows.take(range(step * batch_size, (step + 1) * batch_size), mode="wrap")
            x, y = _batch(data, batch)
            progress = warmup * min(1.0, step / warmup_steps) if warmup else 0.0
            lr, weights = factor * learning_rate(progress), row_weights(data, batch)
            engine.step(x[:, active], y, lr=lr, weights=weights)
    except FloatingPointError:
        return None
    return engine.params


def _batch(data: TrainingData, rows: Rows) -> tuple[Array, Array]:
    _, images, labels, classes, *_ = data.split
    y = mlp.one_hot(labels[rows], len(classes), dtype="float32")
    return preprocessing.inputs(images[rows]), y


def _loss(config: Config, data: TrainingData, rows: Rows, params: Params) -> float:
    """Cross-entropy, in nats; infinite where it is not finite."""
    x, y = _batch(data, rows)
    loss = float(mlp.loss(params, x, y, activation=build.activation(config)))
    return loss if math.isfinite(loss) else math.inf


def _z_score(config: Config, data: TrainingData, rows: Rows, params: Params) -> float:
    """Mean probability of the right class beyond its mean over all rows, in standard errors.

    Infinite where the images are too few or their labels too unequal to tell; negative infinite
    where a probability is not finite.
    """
    labels = data.split.labels[rows]
    shares = np.unique(labels, return_counts=True)[1] / len(labels)
    entropy = -(shares * np.log(shares)).sum()
    if len(rows) < MIN_HELD_OUT or entropy <= MIN_ENTROPY * math.log(len(shares)):
        return math.inf
    x, _ = _batch(data, rows)
    p = mlp.forward(params, x, activation=build.activation(config)).h[-1]
    beyond = (p - p.mean(axis=0, dtype="float64"))[np.arange(len(labels)), labels]
    error = beyond.std() / math.sqrt(len(rows))
    z_score = float(beyond.mean() / (error + MIN_ERROR))
    return z_score if math.isfinite(z_score) else -math.inf
