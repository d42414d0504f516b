"""A finished run on a split of its data, or of other data with as many classes."""

from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from mlpcli.data.dataset import Split
from mlpcli.errors import CheckpointError
from mlpcli.nn.activation import ACTIVATIONS, Activation
from mlpcli.runs import checkpoint, fit, record
from mlpcli.runs.checkpoint import Checkpoint
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

    def __repr__(self) -> str:
        told = repr(self.scores)[1:-1]
        return f"<{self.run}, {self.weights} weights, {self.split} split of {self.data}: {told}>"


def evaluate(
    folder: Path,
    *,
    split: str = "test",
    data: str | None = None,
    weights: str = "best",
    offline: bool = False,
) -> Evaluation:
    """Scores of a run on a split, which `judged` opens with the same arguments."""
    subject = judged(folder, split=split, data=data, weights=weights, offline=offline)
    return scored(subject, str(folder), split=split, weights=weights)


class Judged(NamedTuple):
    """A network, and the images that it is judged on."""

    kept: Checkpoint
    images: Split
    rows: NDArray[Any] | None  # of the images; None for all

    @property
    def activation(self) -> Activation:
        """That of the hidden layers."""
        return ACTIVATIONS[self.kept.facts.config.network.activation]


def judged(
    folder: Path,
    *,
    split: str = "test",
    data: str | None = None,
    weights: str = "best",
    offline: bool = False,
) -> Judged:
    """A run with the "test" images, or the "validation" or "train" part of its training images.

    data: name or path of another data set; its classes must be as many as the run's.
    Raises CheckpointError where the run, its weights and the data do not fit together.
    """
    kept = checkpoint.of_run(folder, weights)
    then = _trained_on(folder) if split != "test" and data is None else None
    config = kept.facts.config
    if data is not None:
        config = config.model_copy(
            update={"data": config.data.model_copy(update={"name": data, "images": None})}
        )
    images = load(config, "test" if split == "test" else "train", offline=offline)
    if len(images.classes) != len(kept.facts.classes):
        raise CheckpointError(
            f"{folder / weights}.safetensors: has {len(kept.facts.classes)} classes, but "
            f"{images.name} has {len(images.classes)}; evaluate it on data with the same classes"
        )
    rows = None
    if split != "test":
        training, validation = fit.rows(config, images)
        rows = validation if split == "validation" else training
        if then is not None and then != images.files:
            raise CheckpointError(
                f"{folder}: its training data has changed since, so what was its validation split "
                "is no longer known; evaluate on --split test"
            )
    return Judged(kept, images, rows)


def scored(subject: Judged, run: str, *, split: str, weights: str) -> Evaluation:
    """The scores of what `judged` opened, under the names it was asked for."""
    kept, images, rows = subject
    scores = score(kept.params, images, activation=subject.activation, rows=rows)
    same = (images.files, b"" if rows is None else rows.tobytes())
    return Evaluation(run, images.name, split, weights, images.classes, scores, same)


def _trained_on(folder: Path) -> dict[str, str]:
    """The sums of a run's training files; while they are unchanged, so are its splits."""
    unknown = "which images it was trained on is not known; evaluate on --split test"
    sums: dict[str, str] = record.trained(folder, lacks=unknown)["data"]["sha256"]
    return sums
