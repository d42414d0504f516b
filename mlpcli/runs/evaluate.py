"""A finished run on a split of its data, or of other data with as many classes."""

from pathlib import Path
from typing import NamedTuple

from mlpcli.errors import CheckpointError
from mlpcli.nn.activation import ACTIVATIONS
from mlpcli.runs import checkpoint, fit, record
from mlpcli.runs.scores import Scores, score
from mlpcli.runs.train import load


class Evaluation(NamedTuple):
    """Scores and what they are of."""

    run: str  # the run's folder
    data: str  # name or path of the data set
    split: str  # test, validation or train
    weights: str  # best or last
    classes: tuple[str, ...]  # names, in the order of the confusion matrix
    scores: Scores
    images: tuple[dict[str, str], bytes]  # the sum of each file, and which rows: the same, or not


def evaluate(
    folder: Path,
    *,
    split: str = "test",
    data: str | None = None,
    weights: str = "best",
    offline: bool = False,
) -> Evaluation:
    """Scores of a run on "test", or on the "validation" or "train" part of its training images.

    data: name or path of another data set; its classes must be as many as the run's.
    Raises CheckpointError where the run, its weights and the data do not fit together.
    """
    file = folder / f"{weights}.safetensors"
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: no such run folder; `mlp train` makes one")
    kept = checkpoint.load(file)
    config = kept.facts.config
    if data is not None:
        config = config.model_copy(
            update={"data": config.data.model_copy(update={"name": data, "images": None})}
        )
    images = load(config, "test" if split == "test" else "train", offline=offline)
    if len(images.classes) != len(kept.facts.classes):
        raise CheckpointError(
            f"{file}: has {len(kept.facts.classes)} classes, but {images.name} has "
            f"{len(images.classes)}; evaluate it on data with the same classes"
        )
    rows = None
    if split != "test":
        training, validation = fit.rows(config, images)
        rows = validation if split == "validation" else training
        if data is None:
            _same_images(folder, images.files)
    scores = score(
        kept.params, images, activation=ACTIVATIONS[config.network.activation], rows=rows
    )
    judged = (images.files, b"" if rows is None else rows.tobytes())
    return Evaluation(str(folder), images.name, split, weights, images.classes, scores, judged)


def _same_images(folder: Path, files: dict[str, str]) -> None:
    """The validation part is only that of the run while the training files are the same."""
    then = record.read(folder)["data"]["sha256"]
    if then != files:
        raise CheckpointError(
            f"{folder}: its training data has changed since, so what was its validation split "
            "is no longer known; evaluate on --split test"
        )
