"""`mlp playground`: what a page needs to run a network by itself, and to prepare images for it."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli import files
from mlpcli.api import preparation
from mlpcli.api.eval import Subject, open_subject
from mlpcli.api.report import mistakes
from mlpcli.data import background, interpret, outliers, pictures, placement
from mlpcli.errors import CheckpointError, ConfigError, DataError
from mlpcli.nn import Array, mlp
from mlpcli.runs.checkpoint import Checkpoint, Metadata
from mlpcli.runs.folder import RunFolder
from mlpcli.runs.ownership import is_page
from mlpcli.runs.selection import Selection, Weights, load

IMAGE_COUNT = 50  # test images in the page
MAX_MISTAKES = 10  # of them: on mistakes alone, one could not see what teaching costs
MAX_FLOAT16 = float(np.finfo(np.float16).max)


class Gallery(NamedTuple):
    """Test images, the most confident mistakes first, then right ones of each class in turn."""

    pixels: NDArray[np.uint8]  # (n, height, width), as the network was trained on them
    labels: list[int]  # classes
    rows: list[int]  # in the test split, from 0
    mistakes: int  # how many were chosen because they are misclassified


class Playground(NamedTuple):
    """A network and what it takes to use it."""

    run: str  # the run's folder
    selection: Selection
    checkpoint: Checkpoint
    accuracy: float | None  # on all test images, a fraction; None where they cannot be read
    images: Gallery | None  # likewise
    missing: str  # why there are no test images


def default_path(folder: Path) -> Path:
    """Where the page of a run goes: into its folder."""
    return RunFolder(folder).playground


def claim(path: Path, folder: Path, *, overwrite: bool) -> None:
    """Raise an MlpError unless the run's page may be written to a path, as `files.claim` does."""
    if RunFolder(folder).needs(path):
        raise CheckpointError(f"{path}: is a file of the run itself; choose another --out")
    files.claim(path, lambda file: is_page(file, "playground"), overwrite=overwrite)


def collect(folder: Path, *, weights: Weights = "auto") -> Playground:
    """A run's network and some test images, if they are there; nothing is downloaded.

    Raises CheckpointError, also for weights that float16 cannot hold.
    """
    selection, checkpoint = load(RunFolder(folder), weights)
    largest = max(float(np.abs(array).max()) for layer in checkpoint.params for array in layer)
    if largest > MAX_FLOAT16:
        raise CheckpointError(
            f"{folder}: a weight must be at most {MAX_FLOAT16:g} in a page, got {largest:g}"
        )
    accuracy, images, missing = None, None, ""
    try:
        subject = open_subject(folder, "test", None, selection.weights, offline=True)
    except (DataError, ConfigError, CheckpointError) as err:
        missing = str(err)
    else:
        evaluation, z = subject.evaluate_outputs()
        accuracy, images = evaluation.accuracy, choose(mlp.softmax(z), subject)
    return Playground(str(folder), selection, checkpoint, accuracy, images, missing)


def choose(p: Array, subject: Subject, *, count: int = IMAGE_COUNT) -> Gallery:
    """The most confident mistakes, then right ones, as many of each class as there are.

    p: probabilities of the test images, (n, classes).
    """
    images, labels = subject.images.images, subject.images.labels
    rows = np.arange(len(labels))
    wrong = [each.row for each in mistakes(p, subject.images, rows, count=MAX_MISTAKES)]
    right = np.flatnonzero(p.argmax(axis=1) == labels)
    turn = np.zeros(len(right), int)  # how many of its class come before
    for k in np.unique(labels[right]):
        of_class = labels[right] == k
        turn[of_class] = np.arange(of_class.sum())
    order = np.lexsort((labels[right], turn))
    chosen = wrong + right[order][: count - len(wrong)].tolist()
    return Gallery(images[chosen], labels[chosen].tolist(), chosen, len(wrong))


def preparation_facts(metadata: Metadata) -> dict[str, Any]:
    """All that `preparation` knows of a run's training images, and its constants."""
    measured = metadata.placement
    return {
        "light_share": metadata.light_share,
        "white": metadata.white,
        "shrunk": metadata.config.data.resize,
        "traits": metadata.traits and metadata.traits._asdict(),
        "placement": measured
        and {
            "size": measured.size,
            "rule": measured.rule._asdict(),
            "is_rule": measured.is_rule,
            "background": measured.background,
            "ink": measured.ink,
        },
        "mnist": placement.MNIST._asdict(),
        "limits": {
            name: getattr(module, name)
            for module, names in _LIMITS.items()
            for name in names.split()
        },
    }


_LIMITS = {
    background: "MIN_CONTRAST INK_THRESHOLD",
    interpret: "MIN_BRIGHTNESS",
    outliers: "MARGIN BLUR MIN_PIECE MAX_PIECES_SHARE",
    pictures: "MAX_REDUCED_SIDE",
    placement: "MAX_SPREAD",
    preparation: "MAX_RARE_SHARE MIN_INK",
}
