"""What a notebook shows: a training under way, a network with its curves, a confusion matrix.

The colors are the notebook's own for text and lines, and otherwise readable on light and dark.
"""

import hashlib
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from mlpcli.api.eval import Evaluation
from mlpcli.api.trainer import AlreadyFinished, DataSummary, Event, Notice
from mlpcli.config.schema import Metric
from mlpcli.show import eval as show_eval
from mlpcli.show.format import METRICS, counted, fixed, percent, plain, seconds, subject
from mlpcli.show.live import data_lines, duration
from mlpcli.terminal import one_line
from mlpcli.training.intervals import OF_METRIC
from mlpcli.training.progress import Epoch, Metrics, Step

EVERY = 0.5  # seconds between two updates
FRAME = (
    "--ink:var(--jp-content-font-color1,var(--vscode-foreground,#1b1d21));"
    "--muted:var(--jp-content-font-color2,var(--vscode-descriptionForeground,#7a808a));"
    "--rule:#8884;--series-0:#4a80e0;color:var(--ink);font-family:var(--jp-content-font-family,system-ui,sans-serif)"
)
PLOT_WIDTH = "flex:1 1 15em;max-width:24em;min-width:0"
ROW = "background:none;color:inherit"  # notebooks color the rows of tables
CELL = "padding:.2em .45em;text-align:right;min-width:1.8em"
CORRECT, WRONG = "74,128,224", "217,105,32"  # red, green, blue


class Page(NamedTuple):
    """HTML for a notebook, with text for where it is not shown."""

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def is_open() -> bool:
    """Whether this process runs the cells of a notebook, which has imported IPython then."""
    ipython: Any = sys.modules.get("IPython")
    return hasattr(ipython and ipython.get_ipython(), "kernel")


def watch(events: Iterable[Event], *, epochs: int, metric: Metric) -> None:
    """Run a training to its end while its curve grows in the notebook.

    epochs: the most it may take; metric: `train.metric`.
    """
    from IPython.display import display

    training = Training(epochs, metric)
    handle: Any = display(training.page(), display_id=True)  # type: ignore[no-untyped-call]  # untyped
    shown = time.perf_counter()
    try:
        for event in events:
            training.add(event)
            if time.perf_counter() - shown >= EVERY:
                handle.update(training.page())
                shown = time.perf_counter()
    finally:
        training.step = None
        handle.update(training.page())


class Training:
    """A training as its events have described it so far."""

    def __init__(self, epochs: int, metric: Metric) -> None:
        self.step: Step | None = None  # the last one, while the training runs
        self._epochs, self._metric = epochs, metric
        self._start = time.perf_counter()
        self._past: list[Metrics] = []
        self._lines: list[str] = []
        self._curves = ""

    def add(self, event: Event) -> None:
        """Take note of an event."""
        if isinstance(event, Step):
            self.step = event
        elif isinstance(event, Epoch):
            self._past.append(event.metrics)
            self._curves = ""
        elif isinstance(event, DataSummary):
            self._lines += data_lines(event)
        elif isinstance(event, Notice):
            self._lines.append(f"warning: {event.text}")
        elif isinstance(event, AlreadyFinished):
            self._lines.append(event.text)

    def page(self) -> Page:
        """Its progress above its curves."""
        best = _best(self._past, self._metric)
        self._curves = self._curves or _plots(self._past, self._metric, best)
        status, bar = "preparing", ""
        if self.step:
            done = self.step.done
            status = f"epoch {self.step.progress.epoch + 1} of {self._epochs}"
            if done > 0.01:
                left = (time.perf_counter() - self._start) * (1 - done) / done
                status += f", {duration(left)} left"
            bar = f'<progress value="{done:.3f}" max="1" style="width:14em"></progress> '
        elif self._past:
            status = f"{counted(len(self._past), 'epoch')} in {seconds(self._seconds())}"
        facts = [status, *_reached(self._past, self._metric, best)]
        lines = "".join(f"<div>{escape(one_line(line))}</div>" for line in self._lines)
        html = f"{lines}<div>{bar}{escape('; '.join(facts))}</div>{self._curves}"
        return Page(_framed(html), "; ".join(facts))

    def _seconds(self) -> float:
        return sum(each.seconds + (each.validation_seconds or 0) for each in self._past)


def network(title: str, facts: Mapping[str, str], past: Sequence[Metrics], metric: Metric) -> str:
    """A network in words, above the curves of its training; past: its epochs, if they are there."""
    best = _best(past, metric)
    cells = dict(facts)
    if reached := _reached(past, metric, best):
        cells["result"] = ", ".join(reached)
    rows = "".join(
        f'<tr style="{ROW}"><th scope="row" style="text-align:left;padding-right:1em;'
        f'font-weight:normal;color:var(--muted)">{escape(one_line(name))}</th>'
        f'<td style="text-align:left">{escape(one_line(value))}</td></tr>'
        for name, value in cells.items()
    )
    head = f"<div><b>{escape(one_line(title))}</b></div>"
    return _framed(f"{head}<table>{rows}</table>{_plots(past, metric, best)}")


def evaluation(result: Evaluation) -> str:
    """Accuracy with its interval, above the confusion matrix; of many classes, the mistakes."""
    scores = result.scores
    low, high = OF_METRIC["accuracy"](scores.confusion)
    head = (
        f"<div><b>{percent(scores.accuracy)}</b> accuracy on "
        f"{escape(one_line(subject(result.split, result.data)))}: {scores.correct:,} of "
        f"{scores.n:,} correct (95% interval {percent(low)} to {percent(high)}), loss "
        f"{fixed(scores.loss)}</div><div>{escape(one_line(result.run))}, {result.weights} weights"
        "</div>"
    )
    confusion = scores.confusion.tolist()
    if len(result.classes) <= show_eval.MAX_MATRIX_CLASSES:
        return _framed(head + _matrix(confusion, result.classes))
    lines = plain(show_eval.mistakes(confusion, result.classes))
    return _framed(f"{head}<pre>{escape(lines)}</pre>")


def _matrix(confusion: list[list[int]], names: Sequence[str]) -> str:
    names = [escape(one_line(name)) for name in names]
    head = "".join(f'<th scope="col" style="{CELL}">{name}</th>' for name in names)
    rows = [
        f'<tr style="{ROW}"><th scope="row" style="{CELL}">{name}</th>'
        + "".join(_entry(n, sum(counts), hit=i == j) for j, n in enumerate(counts))
        + "</tr>"
        for i, (name, counts) in enumerate(zip(names, confusion, strict=True))
    ]
    caption = "rows: true class, columns: predicted class"
    return (
        f'<div style="overflow-x:auto"><table style="border-collapse:collapse">'
        f'<caption style="text-align:left;color:inherit">{caption}</caption>'
        f'<thead><tr style="{ROW}"><th style="{CELL}"></th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _entry(n: int, total: int, *, hit: bool) -> str:
    """A cell whose shade grows with its share of the row."""
    shade = ";color:var(--muted)"
    if n:
        strength = 0.75 * (n / total) ** 0.33
        shade = f";background:rgba({CORRECT if hit else WRONG},{strength:.2f})"
    return f'<td style="{CELL}{shade}">{n}</td>'


def _framed(content: str) -> str:
    return f'<div style="{FRAME}">{content}</div>'


def _best(past: Sequence[Metrics], metric: Metric) -> int | None:
    """The first epoch with the highest metric; None without validation images."""
    values = {each.epoch: each.validation(metric) for each in past}
    return max(values, key=values.__getitem__) if _is_validated(past) else None


def _reached(past: Sequence[Metrics], metric: Metric, best: int | None) -> list[str]:
    if not past:
        return []
    if best is None:
        return [f"train loss {past[-1].train_loss:.4f}"]
    value = percent(past[best - 1].validation(metric))
    return [f"validation {METRICS[metric]} {value} in epoch {best}"]


def _plots(past: Sequence[Metrics], metric: Metric, best: int | None) -> str:
    """Loss and the metric side by side, as SVG; nothing for fewer than two epochs."""
    if len(past) < 2:
        return ""
    from mlpcli.show import plots  # imports matplotlib
    from mlpcli.show.plots import Line

    epochs, validated = [each.epoch for each in past], _is_validated(past)
    losses = [Line(epochs, [each.train_loss for each in past], 0, dashed=True)]
    names = ["train"]
    if validated:
        values = [each.validation_loss or 0.0 for each in past]
        losses.append(Line(epochs, values, 0, ring=best))
        names.append("validation")
    key = hashlib.sha256(repr(past).encode()).hexdigest()[:8]  # two outputs share one page
    label = plots.in_words("Loss in nats by epoch", names, losses)
    drawn = {
        "loss in nats: dashed train, solid validation" if validated else "train loss in nats": (
            plots.curves(f"loss-{key}", label, losses, log=True)
        )
    }
    if validated:
        scores = [Line(epochs, [each.validation(metric) for each in past], 0, ring=best)]
        title = f"validation {METRICS[metric]}"
        label = plots.in_words(f"{title} by epoch", ["fraction"], scores)
        drawn[title] = plots.curves(f"score-{key}", label, scores, percent=True)
    figures = "".join(
        f'<div style="{PLOT_WIDTH}"><div style="color:var(--muted)">{title}</div>{plot}</div>'
        for title, plot in drawn.items()
    )
    return f'<div style="display:flex;flex-wrap:wrap;gap:1em">{figures}</div>'


def _is_validated(past: Sequence[Metrics]) -> bool:
    return bool(past) and all(each.validation_loss is not None for each in past)
