"""Which of a run's weights a command uses: the best or the last."""

import math
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from mlpcli.config.schema import Metric
from mlpcli.errors import CheckpointError
from mlpcli.runs.checkpoint import Checkpoint
from mlpcli.runs.folder import RunFolder
from mlpcli.runs.record import RunRecord
from mlpcli.training.progress import Metrics

Kind = Literal["best", "last"]
Weights = Literal["auto", "best", "last"]  # what a command is asked for

MAX_LAST_RATE = 0.01  # of the highest learning rate, at the last step, which counts as 0
WINDOW_SHARE = 0.1  # of the epochs, over which the validation curve is averaged
SAME = "the best weights are the last"


class Selection(NamedTuple):
    """Which weights a command uses, and what both have on the validation images."""

    weights: Kind
    reason: str = ""  # why `auto` took them, in words; empty where they were asked for
    best: Metrics | None = None  # of the epochs that they are from; None where it is not known
    last: Metrics | None = None
    metric: Metric = "accuracy"  # whose highest value is the best

    @property
    def is_choice(self) -> bool:
        """Whether `auto` took them in place of others that validate better or worse."""
        values = [m and m.validation(self.metric) for m in (self.best, self.last)]
        return self.reason not in ("", SAME) and (values[0] is None or values[0] != values[1])

    @property
    def metrics(self) -> Metrics | None:
        """Of the epoch that the weights are from."""
        return self.last if self.weights == "last" else self.best


def load(run: RunFolder, weights: Weights = "auto") -> tuple[Selection, Checkpoint]:
    """A run's network, and which of its weights these are; raises CheckpointError."""
    selection = select(run, weights)
    return selection, run.load_weights(selection.weights)


def select(
    run: RunFolder, weights: Weights = "auto", *, record: RunRecord | None = None
) -> Selection:
    """The weights that are asked for by name or, with "auto", those that `choose` takes.

    record: the run's, where its file does not have it yet.
    Where the record, the metrics or the last weights cannot be read, these are the best.
    """
    if weights != "auto":
        return Selection(weights)
    if not run.weights("last").exists():
        return Selection("best", "the last weights are not there")
    try:
        record = record or run.load_record()
        return choose(record, run.require_metrics(record.epochs))
    except CheckpointError:
        return Selection("best", "the record of the epochs cannot be read")


def choose(record: RunRecord, metrics: Sequence[Metrics]) -> Selection:
    """The last weights where the learning rate ended at 0 and the curve held, else the best.

    metrics: of each epoch. Test images have no say. docs/training.md has the reasons.
    """
    best, last, metric = record.best, record.last, record.metric
    if not (best and last and best.epoch != last.epoch):
        return Selection("best", SAME, best, last, metric)
    curve = [value for m in metrics if not math.isnan(value := m.validation(metric))]
    reason = ""
    if record.status != "finished":
        reason = "the training has not finished"
    elif last.lr > MAX_LAST_RATE * max((m.lr for m in metrics), default=0.0):
        reason = "the learning rate did not end at 0"
    elif not curve or has_fallen(curve, images=record.data.validation_images):
        reason = "the validation curve fell by more than chance"
    if reason:
        return Selection("best", reason, best, last, metric)
    reason = "the learning rate ended at 0 and the validation curve did not fall"
    return Selection("last", reason, best, last, metric)


def common(selections: Iterable[Selection]) -> str:
    """The weights of several runs, where all have the same; else "auto", which took both.

    A run whose best weights are its last has the same as any.
    """
    taken = list(selections)
    names = {each.weights for each in taken if each.reason != SAME} or {taken[0].weights}
    return names.pop() if len(names) == 1 else "auto"


def has_fallen(curve: Sequence[float], *, images: int) -> bool:
    """Whether the end of a validation curve lies below its peak by more than chance.

    curve: an accuracy, a fraction, of each epoch, on so many images. It is averaged over windows
    of a tenth of the epochs. Chance is one standard error of the last window's accuracy.
    Source: Breiman et al. (1984), "Classification and regression trees", section 3.4.3.

    >>> has_fallen([0.90, 0.97, 0.98, 0.976], images=1000)
    False
    >>> has_fallen([0.90, 0.97, 0.98, 0.95], images=1000)
    True
    """
    width = max(1, round(WINDOW_SHARE * len(curve)))
    windows = [curve[i : i + width] for i in range(len(curve) - width + 1)]
    means = [math.fsum(window) / width for window in windows]
    end = means[-1]
    return max(means) - end > math.sqrt(end * (1 - end) / max(images, 1))
