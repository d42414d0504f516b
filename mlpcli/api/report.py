"""The analysis of a run: its predictions, its history, its filters and its gradient."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli import files
from mlpcli.api import gradcheck
from mlpcli.api.compare import Ranking, rank_evaluations
from mlpcli.api.eval import Evaluation, open_subject
from mlpcli.checks.gradcheck import Verdict
from mlpcli.config.schema import Config
from mlpcli.data import preprocessing
from mlpcli.data.dataset import Split
from mlpcli.errors import CheckpointError, ConfigError
from mlpcli.nn import Array, mlp
from mlpcli.runs.checkpoint import Metadata
from mlpcli.runs.folder import REPORT, RunFolder
from mlpcli.runs.ownership import is_page
from mlpcli.runs.provenance import commands
from mlpcli.runs.record import RunRecord
from mlpcli.runs.selection import Weights
from mlpcli.training.progress import Metrics

MAX_RUNS = 8  # as many as there are colors and markers
MAX_MISTAKES = 24  # which fills rows of 2, 3, 4, 6 or 8
MAX_FILTERS = 60


class Mistake(NamedTuple):
    """A misclassified image."""

    row: int  # in its split, from 0
    image: NDArray[np.uint8]  # (height, width)
    true: int  # class
    predicted: int  # class
    true_probability: float
    probability: float  # of the predicted class


class Filters(NamedTuple):
    """The units of the first layer with the largest weights, as images."""

    weights: Array  # (count, height, width); 0 where every image is black
    units: NDArray[np.intp]  # their numbers, from 0
    of: int  # units in the layer


class Analysis(NamedTuple):
    """All that a report shows of one run."""

    evaluation: Evaluation
    metadata: Metadata  # of the weights that were evaluated
    record: RunRecord
    metrics: list[Metrics]  # of each epoch
    mistakes: list[Mistake]  # the most confident first
    filters: Filters
    gradient: Verdict  # of the complex step
    gradient_data: str  # where its images are from
    gradient_images: int
    config: Config  # of the whole run
    commands: list[str]  # that make it again


def select_runs(folders: Sequence[Path]) -> list[Path]:
    """Each run to report, one for each seed where a folder holds several; raises MlpError."""
    runs = [run for folder in map(RunFolder, folders) for run in folder.series() or [folder]]
    if len(runs) > MAX_RUNS:
        raise ConfigError(f"report: takes at most {MAX_RUNS} runs, got {len(runs)}")
    if len({run.path.resolve() for run in runs}) < len(runs):
        raise ConfigError("report: takes each run once; leave out the repeated one")
    for run in runs:
        run.require()
    return [run.path for run in runs]


def default_path(folders: Sequence[Path]) -> Path:
    """Where a report is written: into the folder of a single run, else into this one."""
    return RunFolder(folders[0]).report if len(folders) == 1 else Path(REPORT)


def claim(path: Path, folders: Sequence[Path], *, overwrite: bool) -> None:
    """Raise an MlpError unless the runs' report may be written to a path, as `files.claim` does."""
    if any(RunFolder(folder).needs(path) for folder in folders):
        raise CheckpointError(f"{path}: is a file of the run itself; choose another --out")
    files.claim(path, lambda file: is_page(file, "report"), overwrite=overwrite)


def analyze(
    folder: Path, *, split: str = "test", weights: Weights = "auto", offline: bool = False
) -> Analysis:
    """A run's weights on a split, with everything its folder holds.

    Raises CheckpointError or DataError where the run's files or the images are not there.
    """
    run = RunFolder(folder)
    nothing = f"there is no training to report; `mlp eval {folder}` evaluates its weights"
    record, metrics = run.trained_record(lacks=nothing), run.load_metrics()
    if not metrics:
        raise CheckpointError(
            f"{folder}: no epoch has ended; resume the run with `mlp train --resume {folder}`"
        )
    subject = open_subject(folder, split, None, weights, offline=offline)
    last = run.load_weights("last").metadata
    rows = np.arange(len(subject.images.labels)) if subject.rows is None else subject.rows
    params, metadata = subject.checkpoint.params, subject.checkpoint.metadata
    evaluation, z = subject.evaluate_outputs()
    point = gradcheck.point_of_params(params, metadata.config, metadata.classes, str(folder))
    return Analysis(
        evaluation=evaluation,
        metadata=metadata,
        record=record,
        metrics=metrics,
        mistakes=mistakes(mlp.softmax(z), subject.images, rows),
        filters=filters(params[0].W, subject.images.images),
        gradient=next(gradcheck.check_points([point], quick=True)),
        gradient_data=point.data,
        gradient_images=len(point.problem.x),
        config=last.config,
        commands=commands(last, record, folder.resolve().name),
    )


def ranking(analyses: Sequence[Analysis]) -> Ranking | None:
    """Runs, each compared with the best; None if they were evaluated on different images."""
    evaluations = [a.evaluation for a in analyses]
    if any(each.images != evaluations[0].images for each in evaluations):
        return None
    return rank_evaluations(evaluations)


def mistakes(
    p: Array, split: Split, rows: NDArray[Any], *, count: int = MAX_MISTAKES
) -> list[Mistake]:
    """The misclassified images with the highest probability, the most confident first.

    p: probabilities, (n, classes), of the given rows of the split.
    """
    predicted, labels = p.argmax(axis=1), split.labels[rows]
    wrong = np.flatnonzero(predicted != labels)
    order = np.argsort(-p[wrong, predicted[wrong]], kind="stable")[:count]
    return [
        Mistake(
            row=int(rows[i]),
            image=split.images[rows[i]],
            true=int(labels[i]),
            predicted=int(predicted[i]),
            true_probability=float(p[i, labels[i]]),
            probability=float(p[i, predicted[i]]),
        )
        for i in wrong[order]
    ]


def filters(W1: Array, images: NDArray[np.uint8], *, count: int = MAX_FILTERS) -> Filters:
    """The columns of W1 that are longest over the lit pixels of the images, in order of units.

    Pixels that are dark in all of the images show 0: no training has reached their weights.
    """
    lit, size = preprocessing.active_inputs(images), images.shape[1:]
    seen = np.zeros_like(W1)
    seen[lit] = W1[lit]
    units = np.sort(np.argsort(-np.linalg.norm(seen, axis=0), kind="stable")[:count])
    square = seen[preprocessing.input_indices(size)][:, units].T
    return Filters(square.reshape(-1, *size), units, W1.shape[1])
