"""Signals that the tests were started to ignore, as in the background of a script."""

import signal

from mlpcli.signals import CAUGHT


def restore() -> None:
    """Let processes that are started from now on answer them; this one still does not end."""
    for number in CAUGHT:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)  # a new program begins with the default
