"""Where a gradient is checked: a configured network at its start, after some steps, or of a run."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mlpcli.checks.problem import Problem
from mlpcli.data import dataset, registry
from mlpcli.data.dataset import INPUTS, Split
from mlpcli.errors import DataError
from mlpcli.nn import mlp
from mlpcli.nn.activation import ACTIVATIONS
from mlpcli.nn.mlp import Layer, Params
from mlpcli.runs import checkpoint, fit, recipe
from mlpcli.runs.batches import batches, inputs_in_use
from mlpcli.runs.seeds import stream
from mlpcli.runs.settings import Config
from mlpcli.runs.train import load

IMAGES = 4  # in the batch that is checked
STEPS = 25  # of training before the second point
DRAWN = 5_000  # images to choose from where the configured ones are not at hand


class Point(NamedTuple):
    """Where on the loss a gradient is judged."""

    name: str
    problem: Problem
    data: str  # where the images are from
    config: Config


def points(config: Config) -> Iterator[Point]:
    """The configured network at its start and after some steps.

    Biases start small instead of 0, so that no term which multiplies them can hide.
    """
    split = _images(config)
    rng = stream(config.seed, "check", 0)
    start = tuple(
        Layer(W, 0.1 * rng.standard_normal(b.shape))
        for W, b in fit.initial(config, classes=len(split.classes))
    )
    yield Point("initial parameters", problem(config, start, split), split.name, config)
    lit = inputs_in_use(config, split)
    engine, rule = fit.start(config, classes=len(split.classes), lit=lit)
    order = rng.permutation(len(split.labels))
    for x, y in islice(batches(config, split, order, lit, epoch=1), STEPS):
        masks = recipe.masks(config, x, "check", 3, engine.steps)
        engine.step(x, y, rule, lr=config.optimizer.lr, masks=masks)
    after = f"after {engine.steps} steps of training"
    yield Point(after, problem(config, engine.params, split), split.name, config)


def of_run(folder: Path) -> Point:
    """The best weights of a run."""
    facts, params, _ = checkpoint.of_run(folder, "best")
    return of(params, facts.config, facts.classes, name=str(folder))


def of(params: Params, config: Config, classes: tuple[str, ...], *, name: str) -> Point:
    """A trained network, by the given name."""
    split = _images(config)._replace(classes=classes)
    return Point(name, problem(config, params, split), split.name, config)


def problem(config: Config, params: Params, split: Split) -> Problem:
    """Images of a split, at most IMAGES, drawn by the seed, and the params, in float64."""
    count = min(IMAGES, len(split.labels))
    rows = stream(config.seed, "check", 1).choice(len(split.labels), count, replace=False)
    x = dataset.inputs(split.images[rows], np.zeros((count, INPUTS)))
    smoothing = config.train.label_smoothing
    return Problem(
        params=tuple(Layer(W.astype("float64"), b.astype("float64")) for W, b in params),
        x=x,
        y=mlp.one_hot(split.labels[rows], len(split.classes), smoothing=smoothing),
        activation=ACTIVATIONS[config.network.activation],
        masks=recipe.masks(config, x, "check", 4),
        weight_decay=recipe.penalty(config),
    )


def _images(config: Config) -> Split:
    """The configured training images; drawn ones in place of published ones that are not cached."""
    try:
        return load(config, "train", offline=True)
    except DataError:
        name = config.data.name
        if name not in registry.DATASETS:
            raise
        drawn = dataset.load("synth", "train", images=DRAWN)
        classes = registry.DATASETS[name].classes
        return drawn._replace(name=f"synth, since {name} is not in the cache", classes=classes)
