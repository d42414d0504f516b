"""Progress on standard error: a live view on a terminal, else one line per epoch."""

import errno
import sys
from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from rich.console import Console

from mlpcli.annotation import annotation
from mlpcli.api.trainer import AlreadyFinished, DataSummary, Event, Notice
from mlpcli.config.schema import Metric
from mlpcli.show import live
from mlpcli.show.curves import canvas
from mlpcli.show.format import fitted
from mlpcli.show.live import data_lines
from mlpcli.terminal import is_live, one_line, printable, silence, terminal_width, wants_color
from mlpcli.training.progress import Epoch, Metrics
from mlpcli.training.threads import oversubscribed


class Screen(Console):
    """A console that leaves a broken pipe to the error boundary, and outlives its terminal."""

    def on_broken_pipe(self) -> None:
        """Raise the BrokenPipeError that is being handled."""
        raise

    def __exit__(self, *failure: Any) -> None:
        """Write what was printed; if the terminal was closed, what follows is not shown."""
        try:
            super().__exit__(*failure)
        except OSError as err:
            if err.errno != errno.EIO:
                raise
            silence(sys.stderr)


def console(*, err: bool = True) -> Console:
    """The console for progress: standard error, so that results can be piped; or for a drawing."""
    stream = sys.stderr if err else sys.stdout
    redrawn, color = is_live(stream), wants_color(stream)
    return Screen(
        stderr=err,
        force_terminal=redrawn or color,
        force_interactive=redrawn,
        no_color=not color,
        highlight=False,
        emoji=False,  # a name may hold what looks like one
        soft_wrap=True,
    )


def warn(text: str) -> None:
    """Print a warning, and mark it for GitHub."""
    message = one_line(f"warning: {text}")
    _print(message, style="yellow")
    if mark := annotation(message):
        _print(mark)


def warn_of_threads(threads: int) -> None:
    """Warn of more threads than processors, which slow each other down."""
    if warning := oversubscribed(threads):
        warn(warning)


def note(text: str) -> None:
    """Print what happens next."""
    _print(text)


def watch(
    events: Generator[Event],
    *,
    epochs: int,
    quiet: bool,
    metric: Metric = "accuracy",
    before: Sequence[Metrics] = (),
) -> bool:
    """Run a training to its end while showing it; returns whether there was anything to train.

    epochs: the most it may take; metric: `train.metric`; before: epochs of an earlier process.
    Where nothing can be shown any more, the training is interrupted, and the error raised.
    """
    screen, trained = console(), True
    with closing(events):
        if is_live(sys.stderr) and not quiet:
            return live.watch(events, screen, epochs=epochs, metric=metric, before=before)
        for event in events:
            if isinstance(event, Notice):
                warn(event.text)
            elif isinstance(event, AlreadyFinished):
                trained = False
                note(f"note: {event.text}")
            elif isinstance(event, DataSummary):
                for line in () if quiet else data_lines(event):
                    note(line)
            elif isinstance(event, Epoch) and not quiet:
                text = live.row(event.metrics, epochs, metric=metric)
                screen.print(text, style="green" if event.best else "")
    return trained


def curves(folder: Path) -> None:
    """Draw what a training has done on a terminal, where it stays; not for a single epoch."""
    if not (is_live(sys.stdout) and is_live(sys.stderr)):
        return
    from mlpcli.api.plot import plot
    from mlpcli.show.plot import small_drawing

    drawn, screen = plot([folder]), console()
    if any(len(track.epochs) > 1 for track in drawn.tracks):
        for line in small_drawing(drawn, canvas(sys.stderr)):
            screen.print(line)


def _print(text: str, style: str = "") -> None:
    fit = fitted(printable(text), terminal_width(sys.stderr))
    console().print(fit, style=style, markup=False)
