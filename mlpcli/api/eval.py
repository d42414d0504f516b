"""A finished run on a split of its data, or of other data with its classes."""

from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli.api import preparation
from mlpcli.api.multi_run import finished_runs
from mlpcli.api.significance import Summary, accuracy_summary
from mlpcli.config.schema import Metric
from mlpcli.data import dataset
from mlpcli.data.dataset import Split
from mlpcli.errors import CheckpointError
from mlpcli.nn import Array
from mlpcli.runs.checkpoint import Checkpoint, Metadata
from mlpcli.runs.folder import RunFolder
from mlpcli.runs.selection import Selection, Weights, common, load
from mlpcli.training import build
from mlpcli.training.calibration import Calibration, calibration
from mlpcli.training.loader import load_split, reading, split_rows
from mlpcli.training.scoring import CHUNK_SIZE, Scores, score


class Evaluation(NamedTuple):
    """Scores of a run's weights on a split."""

    run: str  # the run's folder
    data: str  # name or path of the data set
    split: str  # test, validation or train; "all" of other data without splits
    weights: str  # best or last
    classes: tuple[str, ...]  # names, in the order of the confusion matrix
    scores: Scores
    images: tuple[dict[str, str], bytes]  # checksum of each file, and the rows: which images
    calibration: Calibration  # of its probabilities
    temperature: float | None  # by which the outputs were divided; None where none was fitted
    uncalibrated: Calibration  # as it is without the temperature
    selection: Selection  # of the weights, by `auto` or by name
    notes: tuple[str, ...] = ()  # how other data was understood and prepared

    @property
    def accuracy(self) -> float:
        """A fraction of the images."""
        return self.scores.accuracy

    def value(self, metric: Metric) -> float:
        """The metric, a fraction."""
        return self.scores.value(metric)

    def __repr__(self) -> str:
        scores = repr(self.scores)[1:-1]
        return f"<{self.run}, {self.weights} weights, {self.split} split of {self.data}: {scores}>"


class Evaluations(NamedTuple):
    """The runs of several seeds or folds, evaluated on the same split."""

    run: str  # their folder
    kind: str  # what they differ in, "seed" or "fold"
    results: dict[int, Evaluation]  # by seed or fold, the lowest first
    summary: Summary  # of their accuracies

    @property
    def weights(self) -> str:
        """Those of all runs, "best" or "last"; "auto" where `auto` took both."""
        return common(each.selection for each in self.results.values())

    @property
    def accuracy(self) -> float:
        """Mean over the runs, a fraction."""
        return self.summary.mean

    def value(self, metric: Metric) -> float:
        """Mean of the metric over the runs, a fraction."""
        return fmean(each.value(metric) for each in self.results.values())


def evaluate(
    folder: Path,
    *,
    split: str = "test",
    data: str | None = None,
    weights: Weights = "auto",
    offline: bool = False,
) -> Evaluation | Evaluations:
    """One run, or several, on a split; the arguments are those of `open_subject`.

    Raises CheckpointError also where one of several runs has not finished.
    """
    evaluate_one = partial(evaluate_run, split=split, data=data, weights=weights, offline=offline)
    kind = RunFolder(folder).series_kind()
    if not kind:
        return evaluate_one(folder)
    results = {run.number: evaluate_one(run.path) for run in finished_runs(folder)}
    accuracies = [each.accuracy for each in results.values()]
    return Evaluations(str(folder), kind, results, accuracy_summary(accuracies))


def evaluate_run(
    folder: Path,
    *,
    split: str = "test",
    data: str | None = None,
    weights: Weights = "auto",
    offline: bool = False,
) -> Evaluation:
    """Scores of one run on a split; the arguments are those of `open_subject`."""
    return open_subject(folder, split, data, weights, offline=offline).evaluate()


class Subject(NamedTuple):
    """A run's network and the images that it is evaluated on."""

    run: str  # the run's folder
    split: str  # test, validation or train
    selection: Selection
    checkpoint: Checkpoint
    images: Split
    rows: NDArray[Any] | None  # of the images; None for all
    notes: tuple[str, ...]  # as in Evaluation

    def evaluate(self) -> Evaluation:
        """Its scores."""
        return self.evaluate_outputs()[0]

    def evaluate_outputs(self) -> tuple[Evaluation, Array]:
        """Its scores, and the outputs z for each image, (n, classes) in float64."""
        run, split, selection, (metadata, params, *_), images, rows, notes = self
        labels = images.labels if rows is None else images.labels[rows]
        z = np.empty((len(labels), len(metadata.classes)))
        scores = score(params, images, activation=build.activation(metadata.config), rows=rows, z=z)
        evaluation = Evaluation(
            run=run,
            data=images.name,
            split=split,
            weights=selection.weights,
            classes=images.classes,
            scores=scores,
            images=(images.files, b"" if rows is None else rows.tobytes()),
            calibration=calibration(z, labels),
            temperature=metadata.temperature,
            uncalibrated=calibration((metadata.temperature or 1.0) * z, labels),
            notes=notes,
            selection=selection,
        )
        return evaluation, z


def open_subject(
    run: Path, split: str, data: str | None, weights: Weights, *, offline: bool
) -> Subject:
    """A run with the "test" images, or the "validation" or "train" part of its training images.

    data: name or path of another data set with its classes, or some of them; None: the run's own.
    The other one may have a single split or none, and images of any size, which are prepared as
    `mlp predict` does. Raises CheckpointError where the run, its weights and the data do not fit
    together.
    """
    folder = RunFolder(run)
    selection, checkpoint = load(folder, weights)
    then = None  # the training files; while they are unchanged, so are the splits
    if split != "test" and data is None:
        unknown = "which images it was trained on is not known; evaluate on --split test"
        then = folder.trained_record(lacks=unknown).data.sha256
    metadata, part = checkpoint.metadata, "test" if split == "test" else "train"
    if data is None:  # read as it was for the training
        background = "light" if metadata.inverted else "dark"
        seen = metadata.config.data.replace(white=metadata.white, background=background)
        config = metadata.config.replace(data=seen)
        images = load_split(config, part, offline=offline, classes=metadata.classes)
        notes: tuple[str, ...] = ()
    else:
        config = metadata.config
        images, used = _other_images(metadata, data, part, offline=offline)
        notes, split = images.notes, used if split == "test" else split
    rows = None
    if split in ("validation", "train") and part == "train":
        train_rows, validation_rows = split_rows(config, images)
        rows = validation_rows if split == "validation" else train_rows
        if not len(rows):
            raise CheckpointError(f"{folder}: kept no images for validation")
        if then is not None and then != images.files:
            raise CheckpointError(
                f"{folder}: its training data has changed since, so its validation split is no "
                "longer known; evaluate on --split test"
            )
    return Subject(str(run), split, selection, checkpoint, images, rows, notes)


def _other_images(metadata: Metadata, data: str, split: str, *, offline: bool) -> tuple[Split, str]:
    """Other data prepared for the run's network, as `mlp predict` does, and its split."""
    centered, shrunk = 0, False

    def fit(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        nonlocal centered, shrunk
        parts = []
        for start in range(0, len(images), CHUNK_SIZE):
            fitted = preparation.fit(images[start : start + CHUNK_SIZE], metadata)
            centered += int(fitted.centered.sum())
            shrunk |= fitted.shrunk
            parts.append(fitted.images)
        return np.concatenate(parts) if parts else images

    how = reading(metadata.config)._replace(white=metadata.white, background="dark", fit=fit)
    found, used = dataset.load_other(
        data, split, how=how, classes=metadata.classes, offline=offline
    )
    light = preparation.is_light(found.images)
    inverted = preparation.inverts(metadata, light=light)
    notes = [*found.notes]
    if inverted:
        notes.append(f"{'dark on light' if light else 'light on dark'}, so inverted")
    if centered:
        share = "all" if centered == len(found.images) else f"{centered:,} of {len(found.images):,}"
        notes.append(f"the ink of {share} images was scaled and moved, as in training")
    if shrunk:
        notes.append("images were shrunk to the size of the training images")
    images = preparation.shade(found.images, metadata, inverted=inverted)
    return found._replace(images=images, notes=tuple(notes)), used
