"""One run as a report shows it: its numbers in words, its plots and its images."""

from typing import Any, NamedTuple

import numpy as np

from mlpcli.api.compare import Comparison
from mlpcli.api.eval import Evaluation
from mlpcli.api.report import Analysis, Mistake, calibration_error, compared
from mlpcli.config.load import dump_config
from mlpcli.data.dataset import INPUTS
from mlpcli.show import pixels, plots
from mlpcli.show.format import count, counted, fixed, percent, seconds, short
from mlpcli.show.pixels import Picture
from mlpcli.show.plots import SYMBOLS, Line
from mlpcli.training.progress import Metrics
from mlpcli.training.scoring import ClassScores, by_class, wilson

MOST_EPOCHS = 200  # in a plot or table; of more, some are left out evenly
WIDEST_TABLE = 20  # classes; a larger confusion matrix is an image
CONFUSED = 10  # pairs of classes that are named
COLUMNS = 12  # filters in a row


class RunView(NamedTuple):
    """A run beside others."""

    name: str
    series: int  # its colour and marker
    symbol: str  # its marker, as text
    analysis: Analysis
    found: Evaluation  # how well it does
    interval: tuple[float, float]  # of the accuracy, 95 %, fractions
    error: float  # of calibration, a fraction
    facts: list[tuple[str, str, str]]  # term, fact, more about it
    notices: list[str]
    difference: Comparison | None  # to the first run; None where it cannot be told
    history: list[Metrics]
    matrix: Picture | None  # of a large confusion matrix
    confused: list[tuple[str, str, int, float]]  # true, called, images, share of the class
    per_class: list[ClassScores]
    mistakes: list[tuple[Mistake, Picture]]
    reliability: str  # SVG
    sheet: Picture  # of the filters
    sheet_text: str  # which they are
    layers: list[str]  # W1, W2, ...
    norms: tuple[str, str] | None  # SVG of weights and gradients, where recorded
    gradient: list[tuple[str, int, list[float]]]  # tensor, directions, error of each gradient
    gradient_error: float  # the largest
    config: str  # YAML
    environment: list[tuple[str, str]]


def run_view(analysis: Analysis, name: str, series: int, *, first: Analysis) -> RunView:
    """A run under its name, compared with the first one."""
    found = analysis.evaluation
    confusion, classes = found.scores.confusion, found.classes
    error = calibration_error(analysis.bins)
    gradient = _gradient(analysis)
    worst = max(error for _, _, errors in gradient for error in errors)
    layers = [f"W{i}" for i in range(1, len(analysis.metadata.config.network.hidden) + 2)]
    history = thinned(analysis.metrics)
    return RunView(
        name=name,
        series=series,
        symbol=SYMBOLS[series],
        analysis=analysis,
        found=found,
        interval=wilson(found.scores.correct, found.scores.n),
        error=error,
        facts=_facts(analysis, error, worst),
        notices=_notices(analysis),
        difference=None if analysis is first else compared(first, analysis),
        history=history,
        matrix=pixels.matrix(confusion) if len(classes) > WIDEST_TABLE else None,
        confused=_confused(found),
        per_class=by_class(confusion, classes),
        mistakes=[(m, pixels.gray(m.image)) for m in analysis.mistakes],
        reliability=_reliability(analysis, error, series),
        sheet=pixels.sheet(analysis.filters.weights, COLUMNS),
        sheet_text=_sheet(analysis),
        layers=layers,
        norms=_norms(history, layers, series),
        gradient=gradient,
        gradient_error=worst,
        config=dump_config(analysis.config),
        environment=[(key.replace("_", " "), _told(v)) for key, v in _environment(analysis)],
    )


def thinned(metrics: list[Metrics]) -> list[Metrics]:
    """The epochs to show, the first and the last among them."""
    if len(metrics) <= MOST_EPOCHS:
        return metrics
    return [metrics[i] for i in np.linspace(0, len(metrics) - 1, MOST_EPOCHS).round().astype(int)]


def ends(what: str, history: list[Metrics], values: list[float]) -> str:
    """A curve in words: where it begins and ends."""
    begin, end = history[0].epoch, history[-1].epoch
    if begin == end:
        return f"{what} {short(values[0])} in epoch {begin}"
    return f"{what} from {values[0]:.4g} in epoch {begin} to {values[-1]:.4g} in epoch {end}"


def _facts(a: Analysis, error: float, worst: float) -> list[tuple[str, str, str]]:
    config, optimizer = a.metadata.config, a.metadata.config.optimizer
    data, found = a.record.data, a.evaluation
    judged = f"{count(found.scores.n)} {found.split} images, {len(found.classes)} classes"
    widths = [INPUTS, *config.network.hidden, len(found.classes)]
    ended = a.record.ended_by or "epochs"
    epochs = counted(len(a.metrics), "epoch") + f", stop reason: {ended}" * (ended != "epochs")
    how = f"lr {optimizer.lr:g}, {config.schedule.name}, batches of {config.train.batch_size}"
    validation = f"and {count(data.validation_images)} to validate"
    return [
        ("data", found.data, judged),
        ("loss", fixed(found.scores.loss), "nats, mean cross-entropy"),
        ("calibration error", percent(error), "expected (ECE)"),
        (
            "gradient check",
            "passed" if a.gradient.ok else "failed",
            f"largest error {error(worst)}",
        ),
        ("network", "-".join(map(str, widths)), config.network.activation),
        ("parameters", count(a.record.parameters), "weights and biases"),
        ("optimizer", optimizer.name, how),
        ("seed", str(config.seed), "of every random choice"),
        ("training images", count(data.training_images), validation),
        ("training time", seconds(a.record.seconds), epochs),
        ("speed", count(a.metrics[-1].images_per_second), "training images a second"),
        ("epoch kept", str(a.metadata.progress.best_epoch), "best validation accuracy"),
    ]


def _notices(a: Analysis) -> list[str]:
    record = a.record
    notices = list(record.warnings)
    if record.status != "finished":
        done = f"{len(a.metrics)} of {a.config.train.epochs} epochs"
        why = f": {record.error}" if record.error else ""
        notices.append(f"This run has not finished: it is {record.status} after {done}{why}")
    return notices


def _confused(found: Evaluation) -> list[tuple[str, str, int, float]]:
    """The largest entries off the diagonal, the largest first."""
    off = found.scores.confusion.copy()
    np.fill_diagonal(off, 0)
    order = np.argsort(-off, axis=None, kind="stable")[:CONFUSED]
    pairs = [divmod(int(i), len(off)) for i in order]
    total = found.scores.confusion.sum(axis=1)
    return [
        (found.classes[i], found.classes[j], int(off[i, j]), float(off[i, j] / total[i]))
        for i, j in pairs
        if off[i, j]
    ]


def _reliability(a: Analysis, error: float, series: int) -> str:
    most = max(a.bins, key=lambda each: each.n)
    label = (
        f"Reliability diagram: expected calibration error {percent(error)}. In the fullest bin, of "
        f"{count(most.n)} images, the mean confidence is {percent(most.confidence)} and the "
        f"accuracy {percent(most.correct / most.n)}. The table of bins has all numbers."
    )
    return plots.reliability(f"reliability-{series}", label, a.bins, series=series)


def _sheet(a: Analysis) -> str:
    units, of = a.filters.units, a.filters.of
    if not a.metadata.config.network.hidden:
        return f"One for each class: {', '.join(a.evaluation.classes[i] for i in units)}"
    if len(units) == of:
        return f"All {of} units"
    return f"The {len(units)} of {of:,} units with the largest weights"


def _norms(history: list[Metrics], layers: list[str], series: int) -> tuple[str, str] | None:
    """Two plots, a line for each layer; None unless every epoch has the norms."""
    drawn = []
    for field, what in (("weight_norms", "Weights"), ("gradient_norms", "Gradient")):
        rows = [getattr(m, field) for m in history]
        if any(row is None or len(row) != len(layers) for row in rows):
            return None
        columns = [list(column) for column in zip(*rows, strict=True)]
        epochs = [m.epoch for m in history]
        lines = [Line(epochs, column, i) for i, column in enumerate(columns)]
        told = [ends(name, history, column) for name, column in zip(layers, columns, strict=True)]
        label = f"{what}, Frobenius norms: {'; '.join(told)}"
        drawn.append(plots.curves(f"{field}-{series}", label, lines, log=what == "Gradient"))
    return drawn[0], drawn[1]


def _gradient(a: Analysis) -> list[tuple[str, int, list[float]]]:
    """Each tensor's largest error over the directions in it: of the derivation, of the engine."""
    found: dict[str, list[list[float]]] = {}
    for judged in a.gradient.gradients:
        mine: dict[str, list[float]] = {}
        for along in judged.complex_step:
            mine.setdefault(along.tensor, []).append(along.error)
        for tensor, errors in mine.items():
            found.setdefault(tensor, []).append(errors)
    return [(name, len(each[0]), [max(errors) for errors in each]) for name, each in found.items()]


def _environment(a: Analysis) -> list[tuple[str, Any]]:
    return [("started", a.record.started), *a.record.environment.as_dict().items()]


def _told(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
