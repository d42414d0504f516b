"""How well a network does on images: loss, confusion matrix, and what follows from them."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.dataset import INPUTS, Split, inputs
from mlpcli.errors import CheckFailed
from mlpcli.nn import Array, mlp
from mlpcli.nn.activation import Activation
from mlpcli.nn.mlp import Params
from mlpcli.nn.team import Team

CHUNK = 1000  # images evaluated at once: enough for the matrix products, small in memory


class Scores(NamedTuple):
    """A network's loss and its decisions on some images."""

    loss: float  # mean cross-entropy, in nats
    confusion: NDArray[np.int64]  # (classes, classes): images of class row called class column
    right: NDArray[np.bool_]  # (n,): whether each image was put into its class

    @property
    def n(self) -> int:
        """Images judged."""
        return int(self.confusion.sum())

    @property
    def correct(self) -> int:
        """Images put into their class."""
        return int(np.trace(self.confusion))

    @property
    def accuracy(self) -> float:
        """Fraction of images put into their class."""
        return self.correct / self.n

    def __repr__(self) -> str:
        low, high = (100 * end for end in wilson(self.correct, self.n))
        return (
            f"<accuracy {100 * self.accuracy:.2f} % (95 % interval {low:.2f} to {high:.2f} %), "
            f"loss {self.loss:.4f} nats, {self.n:,} images>"
        )


class ClassScores(NamedTuple):
    """One class against the rest; None where it would be 0 / 0."""

    name: str
    n: int  # images of this class
    precision: float | None  # of the images called this class, the fraction that are
    recall: float | None  # of the images of this class, the fraction called so
    f1: float | None  # harmonic mean of the two


def score(
    params: Params,
    split: Split,
    *,
    activation: Activation,
    rows: NDArray[Any] | None = None,
    team: Team | None = None,
    p: Array | None = None,
) -> Scores:
    """Scores on all images of a split, or on the given rows of it; a team shares the work.

    p: (n, classes) in float64, into which the probabilities are written where they are wanted too.
    Raises CheckFailed when the loss is not finite.
    """
    rows = np.arange(len(split.labels)) if rows is None else rows
    team = team or Team()
    classes = len(params[-1].b)
    starts = range(0, len(rows), CHUNK)
    losses = np.zeros(len(starts))
    confusion = np.zeros((team.size, classes * classes), np.int64)
    right = np.empty(len(rows), np.bool_)
    chunks = iter(list(enumerate(starts)))

    def part(member: int) -> None:
        x = np.zeros((min(CHUNK, len(rows)), INPUTS), params[0].W.dtype)
        for i, start in chunks:
            chunk = rows[start : start + CHUNK]
            labels = split.labels[chunk]
            h0 = inputs(split.images[chunk], x[: len(chunk)])
            with np.errstate(over="ignore", invalid="ignore"):  # told by the loss
                z = mlp.forward(params, h0, activation=activation).z[-1]
                losses[i] = _summed_cross_entropy(z, labels)
                if p is not None:
                    p[start : start + CHUNK] = mlp.softmax(z.astype("float64"))
            called = z.argmax(axis=1)
            right[start : start + CHUNK] = called == labels
            np.add.at(confusion[member], labels * classes + called, 1)

    team(part)
    if not np.isfinite(losses).all():
        raise CheckFailed(f"{split.name}: the loss is {losses.sum()}; the weights are too large")
    return Scores(
        float(losses.sum() / len(rows)), confusion.sum(axis=0).reshape(classes, classes), right
    )


def _summed_cross_entropy(z: Array, labels: NDArray[np.intp]) -> float:
    return float(-mlp.log_softmax(z)[np.arange(len(labels)), labels].sum(dtype="float64"))


def probabilities(
    params: Params,
    images: NDArray[np.uint8],
    *,
    activation: Activation,
    rows: NDArray[Any] | None = None,
) -> Array:
    """Probability of each class, (n, classes) in float64: of all images, or of the given rows."""
    rows = np.arange(len(images)) if rows is None else rows
    found = np.empty((len(rows), len(params[-1].b)))
    x = np.zeros((min(CHUNK, len(rows)), INPUTS), params[0].W.dtype)
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        h0 = inputs(images[part], x[: len(part)])
        z = mlp.forward(params, h0, activation=activation).z[-1]
        found[start : start + CHUNK] = mlp.softmax(z.astype("float64"))
    return found


def by_class(confusion: NDArray[np.int64], names: tuple[str, ...]) -> list[ClassScores]:
    """Precision, recall and F1 of each class."""
    hits, called, n = np.diag(confusion), confusion.sum(axis=0), confusion.sum(axis=1)
    return [
        ClassScores(
            name,
            int(n[i]),
            _ratio(hits[i], called[i]),
            _ratio(hits[i], n[i]),
            _ratio(2 * hits[i], called[i] + n[i]),
        )
        for i, name in enumerate(names)
    ]


def _ratio(part: Any, whole: Any) -> float | None:
    return float(part / whole) if whole else None


def wilson(correct: int, n: int) -> tuple[float, float]:
    """95 % interval of an accuracy, as fractions.

    Source: Wilson (1927), "Probable inference, the law of succession, and statistical inference".

    >>> [round(end, 4) for end in wilson(9840, 10000)]
    [0.9813, 0.9863]
    """
    z = 1.959963984540054  # the 97.5th percentile of the normal distribution
    p = correct / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)
