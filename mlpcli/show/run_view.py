"""One run as a report shows it: its numbers in words, and its plots."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mlpcli.api.eval import Evaluation
from mlpcli.api.report import Analysis
from mlpcli.config.schema import Config, Metric
from mlpcli.data.preprocessing import INPUTS
from mlpcli.show import plots
from mlpcli.show.format import METRICS, count, counted, error, fixed, percent, seconds, text
from mlpcli.show.plots import Line
from mlpcli.training.progress import Metrics

MAX_EPOCHS = 200  # in a plot or table; of more, some are left out evenly
MAX_CONFUSED = 10  # pairs of classes that are named


class RunView(NamedTuple):
    """A run beside others; the template and the functions below derive what is shown of it."""

    name: str
    series: int  # its place among the runs, and its color and marker
    analysis: Analysis
    history: list[Metrics]  # the epochs that are shown
    notices: list[str]  # warnings


def thinned(metrics: list[Metrics]) -> list[Metrics]:
    """The epochs to show, the first and the last among them."""
    if len(metrics) <= MAX_EPOCHS:
        return metrics
    return [metrics[i] for i in np.linspace(0, len(metrics) - 1, MAX_EPOCHS).round().astype(int)]


def weights(a: Analysis) -> str:
    """Which epoch the evaluated weights are of, and why."""
    which, name = f"weights of epoch {epoch(a)} of {len(a.metrics)}", METRICS[metric(a)]
    if a.metrics[-1].validation_loss is None:
        return which
    if a.evaluation.weights == "best":
        return f"{which}, the best by validation {name}"
    best = a.record.best
    other = f"; the best by validation {name} is epoch {best.epoch}" if best else ""
    return f"{which}, the last{other}"


def epoch(a: Analysis) -> int:
    """The epoch that the evaluated weights are of."""
    return a.metadata.progress.epoch


def metric(a: Analysis) -> Metric:
    """The metric that decides which weights are the best."""
    return a.metadata.config.train.metric


def metrics(analyses: Sequence[Analysis]) -> list[Metric]:
    """The metrics to show: the accuracy, and all three where another one decides of a run."""
    return [*METRICS] if any(metric(a) != "accuracy" for a in analyses) else ["accuracy"]


def facts(a: Analysis) -> list[tuple[str, str, str]]:
    """What a tile each shows: term, fact, and more about it."""
    config, optimizer = a.metadata.config, a.metadata.config.optimizer
    sizes = [INPUTS, *config.network.hidden, len(a.evaluation.classes)]
    parameters = f"{config.network.activation}, {count(a.record.parameters)} parameters"
    ended = a.record.ended_by or "epochs"
    epochs = counted(len(a.metrics), "epoch") + f", stop reason: {ended}" * (ended != "epochs")
    how = f"lr {optimizer.lr:g}, {config.schedule.name}, batches of {config.train.batch_size}"
    passed, worst = "passed" if a.gradient.ok else "failed", f"largest error {error(max_error(a))}"
    return [
        ("loss", fixed(a.evaluation.scores.loss), "mean cross-entropy, in nats"),
        ("calibration error", percent(a.evaluation.calibration.error), "expected (ECE)"),
        ("training time", seconds(a.record.seconds), epochs),
        ("network", "-".join(map(str, sizes)), parameters),
        ("optimizer", optimizer.name, how),
        ("gradient check", passed, worst),
    ]


def data(a: Analysis) -> str:
    """What the run was trained and validated on."""
    data = a.record.data
    images = f"{count(data.training_images)} training images"
    if not data.validation_images:
        return f"{images}, none for validation"
    return f"{images}, {count(data.validation_images)} validation images"


def objective_terms(runs: Sequence[Analysis]) -> str:
    """What the training loss of any of the runs includes and the validation loss does not."""
    return listed([*dict.fromkeys(term for a in runs for term in _objective_terms(a.config))])


def listed(names: Sequence[str]) -> str:
    """Names in a sentence.

    >>> listed("abc")
    'a, b and c'
    """
    return ", ".join([*names[:-2], " and ".join(names[-2:])])


def _objective_terms(config: Config) -> list[str]:
    network, train = config.network, config.train
    terms = {
        "label smoothing": train.label_smoothing,
        "class weights": train.class_weight != "none",
        "dropout": network.dropout or network.input_dropout,
        "augmentation": config.augment.changes_images(),
        "weight decay": config.optimizer.name != "adamw" and config.optimizer.weight_decay,
    }
    return [term for term, used in terms.items() if used]


def notices(a: Analysis) -> list[str]:
    """Warnings of the training, and whether it has not finished."""
    record = a.record
    if record.status == "finished":
        return list(record.warnings)
    done = f"{len(a.metrics)} of {counted(a.config.train.epochs, 'epoch')}"
    why = f": {record.error}" if record.error else ""
    unfinished = f"This run has not finished: it is {record.status} after {done}{why}"
    return [*record.warnings, unfinished]


def confused(result: Evaluation) -> list[tuple[str, str, int, float]]:
    """True class, predicted class, images and their share of the class, most images first."""
    off = result.scores.confusion.copy()
    np.fill_diagonal(off, 0)
    total, classes = result.scores.confusion.sum(axis=1), result.classes
    order = np.argsort(-off, axis=None, kind="stable")[:MAX_CONFUSED]
    pairs = [divmod(int(i), len(off)) for i in order]
    return [
        (classes[i], classes[j], int(off[i, j]), float(off[i, j] / total[i]))
        for i, j in pairs
        if off[i, j]
    ]


def reliability(run: RunView) -> str:
    """The reliability diagram, as SVG."""
    evaluation = run.analysis.evaluation
    bins, before = evaluation.calibration.bins, evaluation.uncalibrated
    most = max(bins, key=lambda each: each.n)
    calibrated = evaluation.temperature is not None
    label = (
        f"Reliability diagram: expected calibration error {percent(evaluation.calibration.error)}"
        + f", {percent(before.error)} before calibration" * calibrated
        + f". In the fullest bin, of {counted(most.n, 'image')}, "
        f"the mean confidence is {percent(most.confidence)} and the accuracy "
        f"{percent(most.correct / most.n)}. The table of bins has all numbers."
    )
    return plots.reliability(
        f"reliability-{run.series}",
        label,
        bins,
        before=before.bins if calibrated else (),
        series=run.series,
    )


def filter_caption(a: Analysis) -> str:
    """Which units the filters belong to."""
    units, of = a.filters.units, a.filters.of
    if not a.metadata.config.network.hidden:
        return f"One for each class: {', '.join(a.evaluation.classes[i] for i in units)}"
    if len(units) == of:
        return f"All {of} units" if of > 1 else "The only unit"
    return f"The {len(units)} of {of:,} units with the largest weights"


def layers(a: Analysis) -> list[str]:
    """W1, W2, ..."""
    return [f"W{i}" for i in range(1, len(a.metadata.config.network.hidden) + 2)]


def norms(run: RunView) -> list[str]:
    """SVG of the weights' and of the gradient's norms; empty unless every epoch has them."""
    names, drawn = layers(run.analysis), []
    for field, title in (("weight_norms", "Weights"), ("gradient_norms", "Gradient")):
        rows = [getattr(m, field) for m in run.history]
        if any(row is None or len(row) != len(names) for row in rows):
            return []
        epochs, columns = [m.epoch for m in run.history], zip(*rows, strict=True)
        lines = [Line(epochs, column, i) for i, column in enumerate(columns)]
        label = plots.in_words(f"{title}, Frobenius norms", names, lines)
        drawn.append(plots.curves(f"{field}-{run.series}", label, lines, log=title == "Gradient"))
    return drawn


def gradient_errors(a: Analysis) -> list[tuple[str, int, list[float]]]:
    """Of each tensor: its name, random directions, and the largest error of each gradient."""
    rows, checks = [], [gradient.complex_step for gradient in a.gradient.gradients]
    for tensor in dict.fromkeys(along.tensor for along in checks[0]):
        errors = [[along.error for along in check if along.tensor == tensor] for check in checks]
        rows.append((tensor, len(errors[0]), list(map(max, errors))))
    return rows


def max_error(a: Analysis) -> float:
    """The largest relative error of either gradient along any direction."""
    return max(max(errors) for _, _, errors in gradient_errors(a))


def environment(a: Analysis) -> dict[str, str]:
    """When and where the training began."""
    values = {"started": a.record.started, **a.record.environment.as_dict()}
    return {key.replace("_", " "): text(value) for key, value in values.items()}
