"""What a command is doing, as a line on a terminal that appears when it takes long.

The line is redrawn by a thread, so that it lives while the command computes, and erased in the end.
Nothing is shown in a pipe, in a log or in a notebook.
"""

import sys
import time
from collections.abc import Collection, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from threading import Event, Thread
from typing import TypeVar

from mlpcli.terminal import LAST_LINE, is_live, is_unicode, one_line, terminal_width

DELAY = 0.5  # seconds before the line appears
EVERY = 0.1  # seconds between two drawings
SPINNER, BAR = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "━─"
ASCII_SPINNER, ASCII_BAR = "|/-\\", "#-"
BAR_WIDTH = 24  # columns
ERASE = "\r\x1b[2K"

Result = TypeVar("Result")
Item = TypeVar("Item")


class Activity:
    """A line that tells what is being done; how much of it is done may be changed."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.count: tuple[int, int] | None = None  # done, and in all
        self._started = time.monotonic()
        self._ended = Event()
        self._drawn = False
        self._thread = Thread(target=self._redraw, name="activity", daemon=True)

    def begin(self) -> None:
        """Draw the line from DELAY on."""
        self._thread.start()

    def end(self) -> None:
        """Erase it."""
        self._ended.set()
        self._thread.join()
        if self._drawn:
            _write(ERASE)

    def each(self, items: Collection[Item]) -> Iterator[Item]:
        """The items, counted as they are taken where there are several."""
        for done, item in enumerate(items):
            if len(items) > 1:
                self.count = (done, len(items))
            yield item

    def _redraw(self) -> None:
        wait = DELAY
        while not self._ended.wait(wait):
            wait = EVERY
            if LAST_LINE.acquire(blocking=False):  # else it is another's, such as a download's
                try:
                    self._drawn = _write(ERASE + self._text())
                finally:
                    LAST_LINE.release()

    def _text(self) -> str:
        from rich.cells import cell_len, set_cell_size  # takes time, which a short command saves

        seconds, width = time.monotonic() - self._started, (terminal_width(sys.stderr) or 80) - 1
        utf = is_unicode(sys.stderr)
        frames = SPINNER if utf else ASCII_SPINNER
        done = _bar(*self.count, utf=utf) if self.count else ""
        end = f"{done}  {seconds:.0f} s"
        label = one_line(f"{frames[int(seconds / EVERY) % len(frames)]} {self.label}")
        room = max(0, width - len(end))
        return (set_cell_size(label, room) if cell_len(label) > room else label) + end[:width]


@contextmanager
def activity(label: str, *, quiet: bool = False) -> Iterator[Activity]:
    """While this lasts, tell on a terminal what is being done; quiet: say nothing.

    label: in the present participle, such as "reading mnist".
    """
    shown = Activity(label)
    if quiet or not is_live(sys.stderr):
        yield shown
        return
    shown.begin()
    try:
        yield shown
    finally:
        shown.end()


def run(
    work: Generator[tuple[int, int], None, Result], label: str, *, quiet: bool = False
) -> Result:
    """The result of work that yields how much of it is done, as (done, total), while showing it."""
    with activity(label, quiet=quiet) as shown:
        while True:
            try:
                shown.count = next(work)
            except StopIteration as end:
                result: Result = end.value
                return result


def until_first(items: Iterable[Item], label: str, *, quiet: bool = False) -> Iterator[Item]:
    """The items, telling what is being done until the first of them is there."""
    iterator = iter(items)
    with activity(label, quiet=quiet):
        first = list(islice(iterator, 1))
    yield from first
    yield from iterator


def _bar(done: int, total: int, *, utf: bool) -> str:
    part, rest = tuple(BAR if utf else ASCII_BAR)
    share = min(1.0, done / max(total, 1))
    filled = int(BAR_WIDTH * share)
    return f"  {part * filled}{rest * (BAR_WIDTH - filled)}  {share:4.0%}"


def _write(text: str) -> bool:
    """Write to the terminal, which may have gone; returns whether it was there."""
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(text)
        sys.stderr.flush()
        return True
    return False
