"""Checking the gradient of a configured network, at its start and after some steps, or of a run."""

from collections.abc import Generator, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli.checks import gradcheck, mutants, selftest
from mlpcli.checks.gradcheck import Verdict
from mlpcli.checks.problem import Problem
from mlpcli.checks.selftest import Trial
from mlpcli.checks.step_size import Curve, sweep
from mlpcli.config.keys import Overrides
from mlpcli.config.load import load_for_check
from mlpcli.config.schema import Config
from mlpcli.data import dataset, preprocessing, registry
from mlpcli.data.dataset import Split
from mlpcli.data.preprocessing import INPUTS
from mlpcli.errors import DataError
from mlpcli.nn import Array, mlp
from mlpcli.nn.mlp import Layer, Params
from mlpcli.runs.folder import RunFolder
from mlpcli.runs.selection import Selection, Weights, load
from mlpcli.training import build, imbalance
from mlpcli.training.loader import (
    TrainingData,
    active_inputs,
    batches,
    load_split,
    row_weights,
    split_rows,
)
from mlpcli.training.rng import stream

BATCH_SIZE = 4  # in the batch that is checked
TRAINING_STEPS = 25  # of training before the second point
SYNTH_IMAGES = 5_000  # to choose from where the configured images are not in the cache


class Point(NamedTuple):
    """Where on the loss a gradient is checked."""

    name: str
    problem: Problem
    data: str  # where the images are from
    config: Config


class GradientCheck(NamedTuple):
    """A gradient, checked at some points."""

    points: list[Point]
    verdicts: list[Verdict]
    selection: Selection | None = None  # of a run's weights

    @property
    def ok(self) -> bool:
        """Whether it is right at every point."""
        return all(verdict.ok for verdict in self.verdicts)


class SelfTest(NamedTuple):
    """How far the check itself can be trusted."""

    trials: list[Trial]  # one for each mutant
    false_alarms: list[str]  # correct networks whose gradient was found wrong
    networks: int  # correct networks tried

    @property
    def ok(self) -> bool:
        """Whether every mutant was killed and diagnosed, without a false alarm."""
        return not self.false_alarms and all(t.killed and t.diagnosed for t in self.trials)


class StepSizes(NamedTuple):
    """The error of finite differences against their step, at a point."""

    point: Point
    curves: list[Curve]

    @property
    def ok(self) -> bool:
        """Whether every slope is that of theory."""
        return all(curve.ok for curve in self.curves)


def check(
    config: str | None,
    changes: Overrides,
    *,
    run: Path | None = None,
    weights: Weights = "auto",
    quick: bool = False,
) -> GradientCheck:
    """Check a configured network, or that of a run; quick: by the complex step alone."""
    selection, points = None, []
    if run:
        selection, point = point_of_run(run, weights)
        points = [point]
    else:
        points = list(points_of_config(load_for_check(config, changes)))
    return GradientCheck(points, list(check_points(points, quick=quick)), selection)


def self_test() -> Generator[tuple[int, int], None, SelfTest]:
    """Check the check: with mutants of `mlp.backward`, and with random correct networks.

    Yields how many of them have been tried, and how many there are.
    """
    trials, alarms = [], []
    total = len(mutants.MUTANTS) + selftest.NETWORKS
    for trial in selftest.trials(rng=np.random.default_rng(0)):
        trials.append(trial)
        yield len(trials), total
    networks = selftest.check_networks(selftest.NETWORKS, rng=np.random.default_rng(1))
    for done, verdict in enumerate(networks, len(trials) + 1):
        if not verdict.right:
            alarms.append(verdict.point)
        yield done, total
    return SelfTest(trials, alarms, selftest.NETWORKS)


def step_sizes() -> StepSizes:
    """The error of finite differences of the workbook's loss, against their step."""
    point = workbook_point()
    return StepSizes(point, sweep(point.problem, rng=np.random.default_rng(0)))


def workbook_point() -> Point:
    """The workbook's network at its start."""
    return next(points_of_config(load_for_check(None)))


def check_points(points: Iterable[Point], *, quick: bool = False) -> Iterator[Verdict]:
    """The verdict at each point; quick: by the complex step alone."""
    for i, point in enumerate(points):
        rng = stream(point.config.seed, "check", 2, i)
        yield gradcheck.check(point.problem, point=point.name, rng=rng, quick=quick)


def points_of_config(config: Config) -> Iterator[Point]:
    """The configured network at its start and after some steps.

    Biases start small instead of 0, so that no term which multiplies them can hide.
    """
    split = _images(config)
    rng = stream(config.seed, "check", 0)
    start = tuple(
        Layer(W, 0.1 * rng.standard_normal(b.shape))
        for W, b in build.initial_params(config, classes=len(split.classes))
    )
    batch_norm = config.network.batch_norm
    there = problem(config, start, split)._replace(batch_norm=batch_norm)
    yield Point("initial parameters", there, split.name, config)
    rows, active = np.arange(len(split.labels)), active_inputs(config, split)
    weights = class_weights(config, split)
    data = TrainingData(split, rows, rows[:0], active, 0.0, class_weights=weights)
    engine = build.make_engine(config, classes=len(split.classes), active_inputs=active)
    order = rng.permutation(rows)
    size = config.train.batch_size
    for i, (x, y) in enumerate(islice(batches(config, data, order, epoch=1), TRAINING_STEPS)):
        masks = build.dropout_masks(config, x.shape, "check", 3, i)
        weights = row_weights(data, order[i * size : (i + 1) * size])
        engine.step(x, y, lr=config.optimizer.lr, masks=masks, weights=weights)
    after = f"after {engine.steps} step{'s' * (engine.steps > 1)} of training"
    there = problem(config, engine.unfolded_params, split)
    yield Point(after, there._replace(batch_norm=batch_norm), split.name, config)


def point_of_run(folder: Path, weights: Weights = "auto") -> tuple[Selection, Point]:
    """The network of a run, and which of its weights these are; raises CheckpointError."""
    selection, (metadata, params, *_) = load(RunFolder(folder), weights)
    return selection, point_of_params(params, metadata.config, metadata.classes, str(folder))


def point_of_params(params: Params, config: Config, classes: tuple[str, ...], name: str) -> Point:
    """A trained network, by the given name."""
    split = _images(config)._replace(classes=classes)
    return Point(name, problem(config, params, split), split.name, config)


def problem(config: Config, params: Params, split: Split) -> Problem:
    """Images of a split, at most BATCH_SIZE, drawn by the seed, and the params, in float64.

    Without batch normalization: the weights of a run have its statistics folded into them.
    """
    count = min(BATCH_SIZE, len(split.labels))
    rows = stream(config.seed, "check", 1).choice(len(split.labels), count, replace=False)
    x, y, weights = batch(config, split, rows)
    return Problem(
        params=tuple(Layer(W.astype("float64"), b.astype("float64")) for W, b in params),
        x=x,
        y=y,
        activation=build.activation(config),
        masks=build.dropout_masks(config, x.shape, "check", 4, dtype="float64"),
        weight_decay=build.l2_penalty(config),
        weights=weights,
    )


def batch(
    config: Config, split: Split, rows: NDArray[np.intp]
) -> tuple[Array, Array, Array | None]:
    """Images x, targets y and weights of these rows of a split, in float64, as `Problem` has them.

    Raises ConfigError for weights that do not fit the classes.
    """
    x = preprocessing.inputs(split.images[rows], np.zeros((len(rows), INPUTS)))
    smoothing = config.train.label_smoothing
    y = mlp.one_hot(split.labels[rows], len(split.classes), smoothing=smoothing)
    weights = class_weights(config, split)
    return x, y, None if weights is None else weights[split.labels[rows], None].astype("float64")


def class_weights(config: Config, split: Split) -> Array | None:
    """The weights of the classes in the loss, (classes,), as for a training on the split."""
    setting = config.train.class_weight
    labels = split.labels
    if setting == "balanced" and split.name == config.data.name:  # not drawn in its place
        labels = labels[split_rows(config, split)[0]]
    return imbalance.class_weights(setting, labels, split.classes)


def _images(config: Config) -> Split:
    """The configured training images; drawn ones in place of published ones that are not cached."""
    try:
        return load_split(config, "train", offline=True)
    except DataError:
        name = config.data.name
        if name not in registry.DATASETS:
            raise
        drawn = dataset.load("synth", "train", drawn=SYNTH_IMAGES)
        classes = registry.DATASETS[name].classes
        return drawn._replace(name=f"synth, since {name} is not in the cache", classes=classes)
