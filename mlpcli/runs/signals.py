"""Ctrl-C and SIGTERM as a wish that is granted between two steps, when everything is in order."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from mlpcli.errors import Interrupted

CAUGHT = (signal.SIGINT, signal.SIGTERM)


class Wish:
    """The first signal that came, if any."""

    signal: int | None = None


@contextmanager
def deferred(told: str) -> Iterator[Wish]:
    """While this lasts, the first signal is only noted; the second one stops at once, saying so."""
    wish = Wish()

    def note(number: int, frame: FrameType | None) -> None:
        if wish.signal is not None:
            raise Interrupted(told, number)
        wish.signal = number

    if threading.current_thread() is not threading.main_thread():  # signals are not ours to catch
        yield wish
        return
    before = {number: signal.signal(number, note) for number in CAUGHT}
    try:
        yield wish
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
