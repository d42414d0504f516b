"""The live view of a training: a line for each epoch, and a panel below, redrawn in place.

The panel shows the progress of the epoch and the run, and the history of loss and accuracy. It is
drawn between two steps, so it must cost little: a few times a second, by one write.
"""

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from rich.console import Console
from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

from mlpcli.api.trainer import AlreadyFinished, DataSummary, Event, Stage
from mlpcli.config.schema import Metric
from mlpcli.show.activity import activity
from mlpcli.show.format import METRICS, counted, fitted
from mlpcli.terminal import printable
from mlpcli.training.progress import Epoch, Metrics, Step

EVERY = 0.2  # seconds between two drawings
NARROW = 60  # columns; below, the panel's figures are shorter or left out
WHOLE, SHORT = 90, 70  # columns; below, an epoch's line has fewer figures
MAX_GRAPH_WIDTH = 60  # columns of a bar or a sparkline


class Glyphs(NamedTuple):
    """The characters of bars and sparklines."""

    done: str
    rest: str
    levels: str  # from the lowest value to the highest


LINES = Glyphs("━", "─", "▁▂▃▄▅▆▇█")
ASCII = Glyphs("#", "-", "_.:-=+*#")


class Pace(NamedTuple):
    """The speed of a training; None while it is unknown."""

    images: float | None  # a second, in this epoch
    left: float | None  # seconds to the end of the run


def watch(
    events: Iterable[Event],
    screen: Console,
    *,
    epochs: int,
    metric: Metric = "accuracy",
    before: Sequence[Metrics] = (),
) -> bool:
    """Run a training to its end while showing it; returns whether there was anything to train.

    before: the epochs of an earlier process.
    """
    trained = True
    panel, past = Panel(screen), list(before)
    glyphs = LINES if screen.encoding.lower().startswith("utf") else ASCII
    drawn, run, epoch = -math.inf, None, None
    try:
        for event in _events(events):
            if isinstance(event, Step):
                now = time.perf_counter()
                run = run or (now, event)
                if epoch is None or epoch[1].progress.epoch != event.progress.epoch:
                    epoch = (now, event)
                if now - drawn >= EVERY:
                    drawn = now
                    del past[event.progress.epoch :]  # later than the checkpoint that is resumed
                    pace = _pace((now, event), epoch, run)
                    panel.draw(
                        lines(
                            event,
                            past,
                            pace,
                            epochs=epochs,
                            metric=metric,
                            width=screen.width - 1,  # the last column makes some terminals wrap
                            glyphs=glyphs,
                        )
                    )
            elif isinstance(event, Epoch):
                past[event.metrics.epoch - 1 :] = [event.metrics]
                text = row(event.metrics, epochs, metric=metric, width=screen.width)
                panel.print(Text(text, style="green" if event.best else ""))
            elif isinstance(event, DataSummary):
                for line in data_lines(event):
                    panel.print(Text(fitted(printable(line), screen.width)))
            elif isinstance(event, AlreadyFinished):
                trained = False
                panel.print(Text(fitted(f"note: {printable(event.text)}", screen.width)))
            else:
                warning = fitted(f"warning: {printable(event.text)}", screen.width)
                panel.print(Text(warning, style="yellow"))
    finally:
        panel.erase()
    return trained


def _events(events: Iterable[Event]) -> Iterator[Event]:
    """The events but the stages, each of which is shown until the next event."""
    iterator, label = iter(events), ""
    while True:
        with activity(label, quiet=not label):
            event = next(iterator, None)
        if event is None:
            return
        label = event.text if isinstance(event, Stage) else ""
        if not isinstance(event, Stage):
            yield event


def data_lines(data: DataSummary) -> list[str]:
    """The images of a training in a line, and a line for each note on them."""
    height, width = data.size
    each = f"{data.smallest:,}" + f" to {data.largest:,}" * (data.largest > data.smallest)
    return [
        f"data: {counted(data.images, 'image')} of {height}x{width}, {data.classes:,} classes "
        f"({each} each), validation {data.validation:,}",
        *(f"note: {text}" for text in data.notes),
    ]


class Panel:
    """The last lines on a terminal, redrawn in place."""

    def __init__(self, screen: Console) -> None:
        self._screen = screen
        self._lines: Sequence[Text] = ()  # as they are there now

    def draw(self, lines: Sequence[Text]) -> None:
        """Replace the lines by these, in one write."""
        shown = lines[: max(0, self._screen.height - 1)]
        with self._screen:
            self.erase()
            for line in shown:
                self._screen.print(line)
        self._lines = shown

    def print(self, line: Text) -> None:
        """Print a line above the panel, to stay there."""
        below = self._lines
        with self._screen:
            self.erase()
            self._screen.print(line)
            self.draw(below)

    def erase(self) -> None:
        """Erase the lines; a terminal that was made narrower has wrapped them."""
        rows = sum(math.ceil(line.cell_len / self._screen.width) for line in self._lines)
        up = [(ControlType.CURSOR_UP, 1), (ControlType.ERASE_IN_LINE, 2)] * rows
        if rows:  # where the cursor stands, the terminal may have echoed ^C
            start = ControlType.CARRIAGE_RETURN
            self._screen.control(Control(start, (ControlType.ERASE_IN_LINE, 2), *up))
        self._lines = ()


def row(
    metrics: Metrics, epochs: int, *, metric: Metric = "accuracy", width: int | None = None
) -> str:
    """An epoch as one line of text, with fewer figures where the width asks for it."""
    figures = [
        f"epoch {metrics.epoch:{len(str(epochs))}d}/{epochs}",
        f"loss {metrics.train_loss:.4f}",
        f"{metrics.images_per_second:,.0f} images/s",
    ]
    if metrics.validation_loss is not None:
        figures[2:2] = [
            f"validation loss {metrics.validation_loss:.4f}",
            f"{METRICS[metric]} {100 * metrics.validation(metric):.2f}%",
        ]
    if width is not None and width < WHOLE:
        del figures[-1]
    if width is not None and width < SHORT:
        del figures[2:-1]
    return "  ".join(figures)


def lines(
    step: Step,
    past: Sequence[Metrics],
    pace: Pace,
    *,
    epochs: int,
    metric: Metric = "accuracy",
    width: int,
    glyphs: Glyphs,
) -> list[Text]:
    """The panel: two bars, and two sparklines over the epochs done, each with figures.

    past: those epochs. The loss is on a logarithmic scale, so that its late changes show.
    """
    at, narrow = step.progress, width < NARROW
    within = at.step / step.steps
    speed = "" if pace.images is None else f"  {pace.images:,.0f}{'/s' if narrow else ' images/s'}"
    left = "" if pace.left is None else f"  {duration(pace.left)} left"
    when = "" if narrow else f" in epoch {at.best_epoch}"
    best = f"best {100 * at.best_score:.2f}%{when}" if at.best_score >= 0 else ""
    labels = (f"epoch {at.epoch + 1}/{epochs}", "run", "loss", METRICS[metric])
    figures = (
        f"{100 * within:3.0f}%{speed}",
        f"{100 * step.done:3.0f}%{left}",
        f"{at.loss_sum / step.seen:.4f}",
        best,
    )
    side = max(map(len, labels))
    room = max(1, min(MAX_GRAPH_WIDTH, width - side - max(map(len, figures)) - 4))
    losses = [math.log(max(each.train_loss, 1e-12)) for each in past]
    scores = [each.validation(metric) for each in past if each.validation_loss is not None]
    graphs = (
        bar(within, room, glyphs),
        bar(step.done, room, glyphs),
        Text(sparkline(losses, room, glyphs.levels), style="magenta"),
        Text(sparkline(scores, room, glyphs.levels), style="green"),
    )
    drawn = []
    for label, graph, figure in zip(labels, graphs, figures, strict=True):
        graph.pad_right(room - len(graph))
        drawn.append(Text.assemble(label.ljust(side), "  ", graph, "  ", figure))
        drawn[-1].truncate(width)
    return drawn


def bar(fraction: float, width: int, glyphs: Glyphs) -> Text:
    """A bar of which a fraction is done."""
    done = math.floor(width * min(1.0, fraction))
    return Text.assemble((glyphs.done * done, "cyan"), (glyphs.rest * (width - done), "dim"))


def sparkline(values: Sequence[float], width: int, levels: str) -> str:
    """Values as heights between the smallest and the largest of them, at most width many.

    >>> sparkline([0.0, 0.5, 1.0, 1.0], 8, "_-^")
    '_-^^'
    """
    n = len(values)
    if n > width:  # the last one of each part
        values = [values[(i + 1) * n // width - 1] for i in range(width)]
    low, high = min(values, default=0.0), max(values, default=0.0)
    top = (len(levels) - 1) / (high - low or 1.0)
    return "".join(levels[round((value - low) * top)] for value in values)


def duration(seconds: float) -> str:
    """A time in minutes and seconds, and hours where there are some.

    >>> duration(75), duration(3601)
    ('1:15', '1:00:01')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _pace(now: tuple[float, Step], epoch: tuple[float, Step], run: tuple[float, Step]) -> Pace:
    """Computed from the first steps seen of the epoch and of the run."""
    time_, step = now
    done, seen = step.done - run[1].done, step.seen - epoch[1].seen
    return Pace(
        images=seen / (time_ - epoch[0]) if seen else None,
        left=(time_ - run[0]) * (1 - step.done) / done if done else None,
    )
