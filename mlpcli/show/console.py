"""The terminal: one console, a live view of training on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from mlpcli.runs.fit import Epoch, Metrics
from mlpcli.runs.train import Event, Notice
from mlpcli.terminal import is_live, wants_colour


class Screen(Console):
    """A console that leaves a reader's hanging up to the error boundary."""

    def on_broken_pipe(self) -> None:
        """Raise the BrokenPipeError that is being handled."""
        raise


def console() -> Console:
    """The console for progress: standard error, so that results can be piped."""
    live, colour = is_live(sys.stderr), wants_colour(sys.stderr)
    return Screen(
        stderr=True,
        force_terminal=live or colour,
        force_interactive=live,
        no_color=not colour,
        highlight=False,
        soft_wrap=True,
    )


def warn(text: str) -> None:
    """Tell of something that looks wrong, though the work goes on."""
    console().print(f"warning: {text}", style="yellow", markup=False)


def note(text: str) -> None:
    """Tell what is done next."""
    console().print(text, markup=False)


def watch(events: Iterable[Event], *, epochs: int, quiet: bool) -> None:
    """Run a training to its end while showing it; epochs is how many it may take."""
    screen = console()
    if quiet:
        for event in events:
            if isinstance(event, Notice):
                warn(event.text)
    elif is_live(sys.stderr):
        _live(events, epochs, screen)
    else:
        for event in events:
            if isinstance(event, Epoch):
                screen.print(row(event.metrics, epochs), style="green" if event.best else "")
            elif isinstance(event, Notice):
                warn(event.text)


def row(metrics: Metrics, epochs: int) -> str:
    """An epoch as one line of text."""
    return (
        f"epoch {metrics.epoch:{len(str(epochs))}d}/{epochs}"
        f"  loss {metrics.train_loss:.4f}"
        f"  validation loss {metrics.validation_loss:.4f}"
        f"  accuracy {100 * metrics.validation_accuracy:.2f} %"
        f"  {metrics.images_per_second:,.0f} images/s"
    )


def _live(events: Iterable[Event], epochs: int, screen: Console) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("loss {task.fields[loss]:.4f}"),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=screen, transient=True) as progress:
        task = progress.add_task("starting", total=1, loss=float("nan"))
        for event in events:
            if isinstance(event, Epoch):
                style = "green" if event.best else ""
                progress.console.print(row(event.metrics, epochs), style=style)
            elif isinstance(event, Notice):
                progress.console.print(f"warning: {event.text}", style="yellow", markup=False)
            else:
                progress.update(
                    task,
                    description=f"epoch {event.progress.epoch + 1}/{epochs}",
                    completed=event.done,
                    loss=event.loss,
                )
