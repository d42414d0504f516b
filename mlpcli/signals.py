"""Ctrl-C (SIGINT) and SIGTERM: the program ends with one line and the shells' exit status.

While it starts, there is nothing to lose and it ends on the spot. A command gets an exception, so
that it can clean up. A training grants the wish between two steps, when everything is in order.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType

from mlpcli.errors import Interrupted

CAUGHT = (signal.SIGINT, signal.SIGTERM)
STATUSES = tuple(128 + number for number in CAUGHT)


class Wish:
    """The first signal that came, if any."""

    signal: int | None = None


def end_on_the_spot(told: bytes = b"interrupted\n") -> None:
    """From now on a signal ends the process, wherever it is, with that on standard error."""
    for number in CAUGHT:
        signal.signal(number, partial(_end, told=told))


@contextmanager
def raised() -> Iterator[None]:
    """While this lasts, a signal raises KeyboardInterrupt with its number.

    Out of a finaliser, or what a weak reference calls, Python lets no exception, but hands it to
    `sys.unraisablehook`. A signal that comes there ends the process on the spot.
    """
    before = sys.unraisablehook

    def caught(lost: "sys.UnraisableHookArgs") -> None:
        if isinstance(lost.exc_value, KeyboardInterrupt):
            _end(lost.exc_value.args[0])
        elif isinstance(lost.exc_value, Interrupted):
            _end(lost.exc_value.exit_code - 128)
        else:
            before(lost)

    sys.unraisablehook = caught
    try:
        with _handled(_raise):
            yield
    finally:
        sys.unraisablehook = before


@contextmanager
def deferred(told: str) -> Iterator[Wish]:
    """While this lasts, the first signal is only noted; the second one stops at once, saying so."""
    wish = Wish()

    def note(number: int, frame: FrameType | None) -> None:
        if wish.signal is not None:
            raise Interrupted(told, number)
        wish.signal = number

    with _handled(note):
        yield wish


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {}
    with suppress(ValueError):  # outside the main thread, signals are not ours to catch
        for number in CAUGHT:
            before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _raise(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(number)


def _end(number: int, frame: FrameType | None = None, told: bytes = b"interrupted\n") -> None:
    with suppress(OSError):  # standard error may be closed
        os.write(2, told)
    os._exit(128 + number)
