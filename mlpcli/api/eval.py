"""A finished run on a split of its data, or of other data with as many classes."""

from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from numpy.typing import NDArray

from mlpcli.api.multi_run import finished_runs
from mlpcli.api.significance import Summary, accuracy_summary
from mlpcli.config.schema import Metric
from mlpcli.data.dataset import Split
from mlpcli.errors import CheckpointError
from mlpcli.nn import Array
from mlpcli.runs.checkpoint import Checkpoint
from mlpcli.runs.folder import RunFolder
from mlpcli.training import build
from mlpcli.training.loader import load_split, split_rows
from mlpcli.training.scoring import Scores, score


class Evaluation(NamedTuple):
    """Scores of a run's weights on a split."""

    run: str  # the run's folder
    data: str  # name or path of the data set
    split: str  # test, validation or train
    weights: str  # best or last
    classes: tuple[str, ...]  # names, in the order of the confusion matrix
    scores: Scores
    images: tuple[dict[str, str], bytes]  # checksum of each file, and the rows: which images

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
    weights: str = "best",
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
    weights: str = "best",
    offline: bool = False,
) -> Evaluation:
    """Scores of one run on a split; the arguments are those of `open_subject`."""
    return open_subject(folder, split, data, weights, offline=offline).evaluate()


class Subject(NamedTuple):
    """A run's network and the images that it is evaluated on."""

    run: str  # the run's folder
    split: str  # test, validation or train
    weights: str  # best or last
    checkpoint: Checkpoint
    images: Split
    rows: NDArray[Any] | None  # of the images; None for all

    def evaluate(self, p: Array | None = None) -> Evaluation:
        """Its scores; p: an array for the probabilities, as `score` takes it."""
        run, split, weights, (metadata, params, _), images, rows = self
        scores = score(params, images, activation=build.activation(metadata.config), rows=rows, p=p)
        which = (images.files, b"" if rows is None else rows.tobytes())
        return Evaluation(run, images.name, split, weights, images.classes, scores, which)


def open_subject(run: Path, split: str, data: str | None, which: str, *, offline: bool) -> Subject:
    """A run with the "test" images, or the "validation" or "train" part of its training images.

    data: name or path of another data set with as many classes; None: the run's own.
    Raises CheckpointError where the run, its weights and the data do not fit together.
    """
    folder = RunFolder(run)
    checkpoint = folder.load_weights(which)
    then = None  # the training files; while they are unchanged, so are the splits
    if split != "test" and data is None:
        unknown = "which images it was trained on is not known; evaluate on --split test"
        then = folder.trained_record(lacks=unknown).data.sha256
    config = checkpoint.metadata.config
    if data is None:  # read as it was for the training
        background = "light" if checkpoint.metadata.inverted else "dark"
        seen = config.data.replace(white=checkpoint.metadata.white, background=background)
    else:
        seen = config.data.replace(name=data, images=None, white=None, background="auto")
    config = config.replace(data=seen)
    images = load_split(
        config,
        "test" if split == "test" else "train",
        offline=offline,
        classes=checkpoint.metadata.classes,
    )
    rows = None
    if split != "test":
        train_rows, validation_rows = split_rows(config, images)
        rows = validation_rows if split == "validation" else train_rows
        if then is not None and then != images.files:
            raise CheckpointError(
                f"{folder}: its training data has changed since, so its validation split is no "
                "longer known; evaluate on --split test"
            )
    return Subject(str(run), split, which, checkpoint, images, rows)
