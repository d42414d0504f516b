"""Signals that ask the program to stop: it ends with one line and the shells' exit status.

These are SIGINT (Ctrl-C), SIGTERM, SIGHUP (the terminal was closed) and SIGUSR1 (a scheduler's
warning). One that is ignored at the start, as SIGHUP is under nohup, stays ignored.

While it starts, there is nothing to lose and it exits immediately. A command gets an exception, so
that it can clean up. A training stops between two steps, when its state is consistent.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType

from mlpcli.errors import Interrupted, MlpError

NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1")
CAUGHT = tuple(each for each in signal.Signals if each.name in NAMES)  # Windows has only two
STATUSES = tuple(128 + number for number in CAUGHT)


class StopRequest:
    """The first signal that came, if any."""

    signal: int | None = None


def exit_immediately(message: bytes = b"interrupted\n") -> None:
    """From now on a signal ends the process, with this message on standard error."""
    for number in _answered():
        signal.signal(number, partial(_exit, message=message))


@contextmanager
def raised() -> Iterator[None]:
    """While this lasts, a signal raises KeyboardInterrupt with its number.

    Python 3.11, pydantic and others wrap it in errors of their own, which become it again. Python
    lets no exception out of a finalizer or a weak reference's callback, but hands it to
    `sys.unraisablehook`. A signal that arrives there ends the process immediately.
    """
    before, request = sys.unraisablehook, StopRequest()

    def stop(number: int, frame: FrameType | None) -> None:
        request.signal = number
        raise KeyboardInterrupt(number)

    def hook(unraisable: "sys.UnraisableHookArgs") -> None:
        if isinstance(unraisable.exc_value, KeyboardInterrupt):
            _exit(unraisable.exc_value.args[0])
        elif isinstance(unraisable.exc_value, Interrupted):
            _exit(unraisable.exc_value.exit_code - 128)
        else:
            before(unraisable)

    sys.unraisablehook = hook
    try:
        with _handled(stop):
            yield
    except Exception as err:  # of any kind: a library chooses it
        if request.signal is None or isinstance(err, MlpError):
            raise
        raise KeyboardInterrupt(request.signal) from err
    finally:
        sys.unraisablehook = before


@contextmanager
def deferred(message: str) -> Iterator[StopRequest]:
    """While this lasts, the first signal is only noted; a second one raises Interrupted at once."""
    request = StopRequest()

    def note(number: int, frame: FrameType | None) -> None:
        if request.signal is not None:
            raise Interrupted(message, number)
        request.signal = number

    with _handled(note):
        yield request


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {}
    with suppress(ValueError):  # outside the main thread, signals cannot be caught
        for number in _answered():
            before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _answered() -> list[signal.Signals]:
    return [each for each in CAUGHT if signal.getsignal(each) is not signal.SIG_IGN]


def _exit(number: int, frame: FrameType | None = None, message: bytes = b"interrupted\n") -> None:
    with suppress(OSError):  # standard error may be closed
        os.write(2, message)
    os._exit(128 + number)
