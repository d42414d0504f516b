"""Scores of a network on images: loss, confusion matrix, and metrics derived from them."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from mlpcli.config.schema import Metric
from mlpcli.data.dataset import Split
from mlpcli.data.preprocessing import INPUTS, inputs
from mlpcli.errors import CheckFailed
from mlpcli.nn import Array, mlp
from mlpcli.nn.activation import Activation
from mlpcli.nn.mlp import Params
from mlpcli.nn.team import Team
from mlpcli.training.intervals import wilson

METRICS: tuple[Metric, ...] = get_args(Metric)  # fractions in `Scores`, by their names
CHUNK_SIZE = 1000  # images evaluated at once: enough for the matrix products, small in memory


class Scores(NamedTuple):
    """A network's loss and its decisions on some images."""

    loss: float  # mean cross-entropy, in nats
    confusion: NDArray[np.int64]  # (classes, classes): row: true class, column: predicted class
    right: NDArray[np.bool_]  # (n,): whether each image is classified correctly

    @property
    def n(self) -> int:
        """Number of images."""
        return int(self.confusion.sum())

    @property
    def correct(self) -> int:
        """Images classified correctly."""
        return int(np.trace(self.confusion))

    @property
    def accuracy(self) -> float:
        """Fraction of the images classified correctly."""
        return self.correct / self.n

    @property
    def balanced_accuracy(self) -> float:
        """Mean recall of the classes that have images, a fraction.

        Source: Brodersen et al. (2010), "The balanced accuracy and its posterior distribution".
        """
        n = self.confusion.sum(axis=1)
        there = n > 0
        return float((np.diag(self.confusion)[there] / n[there]).mean())

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the classes that have images or predictions, a fraction.

        Source: Opitz and Burst (2019), arXiv:1911.03347, "averaged F1".
        """
        size = self.confusion.sum(axis=0) + self.confusion.sum(axis=1)
        there = size > 0
        return float((2 * np.diag(self.confusion)[there] / size[there]).mean())

    @property
    def never_predicted(self) -> tuple[int, ...]:
        """The classes that have images and no predictions."""
        there, predicted = self.confusion.sum(axis=1) > 0, self.confusion.sum(axis=0) > 0
        return tuple(np.flatnonzero(there & ~predicted).tolist())

    def value(self, metric: Metric) -> float:
        """The metric, a fraction."""
        return float(getattr(self, metric))

    def __repr__(self) -> str:
        low, high = (100 * end for end in wilson(self.correct, self.n))
        return (
            f"<accuracy {100 * self.accuracy:.2f}% (95% interval {low:.2f} to {high:.2f}%), "
            f"loss {self.loss:.4f} nats, {self.n:,} image{'s' * (self.n != 1)}>"
        )


class ClassScores(NamedTuple):
    """One class against the rest; None where it would be 0 / 0."""

    name: str
    n: int  # images of this class
    precision: float | None  # fraction of the images predicted as this class that belong to it
    recall: float | None  # fraction of the images of this class predicted as it
    f1: float | None  # harmonic mean of the two


def score(
    params: Params,
    split: Split,
    *,
    activation: Activation,
    rows: NDArray[Any] | None = None,
    z: Array | None = None,
) -> Scores:
    """Scores on all images of a split, or on the given rows of it.

    z: (n, classes), into which the outputs are written, if given.
    Raises CheckFailed when the loss is not finite.
    """
    try:
        return scorer(lambda: params, split, activation=activation, rows=rows, z=z, team=Team())()
    except FloatingPointError as err:
        raise CheckFailed(
            f"{split.name}: {err} is the first value that is not finite, since the weights are too "
            "large; train with a smaller optimizer.lr"
        ) from err


def scorer(
    params: Callable[[], Params],
    split: Split,
    *,
    activation: Activation,
    team: Team,
    rows: NDArray[Any] | None = None,
    z: Array | None = None,
) -> Callable[[], Scores]:
    """A function that scores what params returns then, whose work the members of a team share.

    params: called by each member. The other arguments are those of `score`. The function raises
    FloatingPointError, whose text names the first quantity that is not finite, e.g. z2.
    """
    rows = np.arange(len(split.labels)) if rows is None else rows
    n, classes = len(rows), len(split.classes)
    starts = range(0, n, CHUNK_SIZE)
    losses = team.zeros(len(starts), "float64")
    confusion = team.zeros((team.size, classes * classes), "int64")
    right = team.zeros(n, "bool")

    def work(rank: int) -> Iterator[None]:
        confusion[rank] = 0
        with np.errstate(over="ignore", invalid="ignore"):  # the loss shows it
            mine = starts[rank :: team.size]
            for part, outputs in _outputs(params(), split.images, rows, activation, mine):
                labels, predicted = split.labels[rows[part]], outputs.argmax(axis=1)
                log_p = mlp.log_softmax(outputs)[np.arange(len(labels)), labels]
                losses[part.start // CHUNK_SIZE] = -log_p.sum(dtype="float64")
                right[part] = predicted == labels
                np.add.at(confusion[rank], labels * classes + predicted, 1)
                if z is not None:
                    z[part] = outputs
        yield

    run = team.job(work)

    def scores() -> Scores:
        run()
        if not np.isfinite(losses).all():
            start = int(np.isfinite(losses).argmin()) * CHUNK_SIZE
            images = split.images[rows[start : start + CHUNK_SIZE]]
            raise FloatingPointError(_first_non_finite(params(), images, activation))
        total = confusion.sum(axis=0).reshape(classes, classes)
        return Scores(float(losses.sum() / n), total, right.copy())

    return scores


def probabilities(params: Params, images: NDArray[np.uint8], *, activation: Activation) -> Array:
    """Probability of each class for each image, (n, classes) in float64."""
    p = np.empty((len(images), len(params[-1].b)))
    starts = range(0, len(images), CHUNK_SIZE)
    for part, z in _outputs(params, images, np.arange(len(images)), activation, starts):
        p[part] = mlp.softmax(z.astype("float64"))
    return p


def _outputs(
    params: Params, images: NDArray[Any], rows: NDArray[Any], f: Activation, starts: Iterable[int]
) -> Iterator[tuple[slice, Array]]:
    """The outputs z for chunks of the given rows, each with its place among all."""
    x = np.zeros((min(CHUNK_SIZE, len(rows)), INPUTS), params[0].W.dtype)
    for start in starts:
        part = slice(start, start + CHUNK_SIZE)
        h0 = inputs(images[rows[part]], x[: len(rows[part])])
        yield part, mlp.forward(params, h0, activation=f).z[-1]


def _first_non_finite(params: Params, images: NDArray[Any], f: Activation) -> str:
    """The first z that is not finite for images, or the loss."""
    with np.errstate(over="ignore", invalid="ignore"):
        z = mlp.forward(params, inputs(images), activation=f).z
    return next((f"z{i}" for i, each in enumerate(z, 1) if not np.isfinite(each).all()), "the loss")


def by_class(confusion: NDArray[np.int64], names: tuple[str, ...]) -> list[ClassScores]:
    """Precision, recall and F1 of each class."""
    hits, predicted, n = np.diag(confusion), confusion.sum(axis=0), confusion.sum(axis=1)
    return [
        ClassScores(
            name,
            int(n[i]),
            _ratio(hits[i], predicted[i]),
            _ratio(hits[i], n[i]),
            _ratio(2 * hits[i], predicted[i] + n[i]),
        )
        for i, name in enumerate(names)
    ]


def _ratio(part: Any, whole: Any) -> float | None:
    return float(part / whole) if whole else None
