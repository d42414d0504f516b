"""What kind of terminal a stream is, if any, and what text may be shown on one."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TextIO

# What is not seen itself but changes the text around it, or hides in it: control characters except
# the line feed, marks of direction, characters without width, and code points of no character.
HIDDEN = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    r"\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)

# set in the logs of continuous integration, and in the notebooks of Jupyter and Colab
LOG_SIGN = re.compile("CI|JPY_PARENT_PID|COLAB_.*")

LAST_LINE = Lock()  # held by what redraws the last line of the terminal of standard error

DEFAULT_WIDTH, DEFAULT_HEIGHT = 80, 24  # columns and lines of a terminal that does not tell


def is_live(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal on which lines can be redrawn, and not a log or a notebook."""
    if stream is None or not stream.isatty():  # None if it was closed before the program began
        return False
    is_log = any(value and LOG_SIGN.fullmatch(name) for name, value in os.environ.items())
    return not is_log and os.environ.get("TERM", "") not in ("dumb", "unknown")


@contextmanager
def last_line() -> Iterator[None]:
    """While this lasts, only the caller redraws the last line of standard error; it is empty."""
    with LAST_LINE:
        if is_live(sys.stderr):
            sys.stderr.write("\r\x1b[2K")
        yield


def terminal_width(stream: TextIO | None) -> int | None:
    """How wide a terminal is; None for what is none, where lines stay whole."""
    if stream is None or not is_live(stream):
        return None
    if (chosen := os.environ.get("COLUMNS", "")).isdecimal() and int(chosen):
        return int(chosen)
    try:
        return os.get_terminal_size(stream.fileno()).columns or DEFAULT_WIDTH
    except OSError:
        return DEFAULT_WIDTH


def terminal_height(stream: TextIO | None) -> int | None:
    """How many lines a terminal has; None for what is none."""
    if stream is None or not is_live(stream):
        return None
    if (chosen := os.environ.get("LINES", "")).isdecimal() and int(chosen):
        return int(chosen)
    try:
        return os.get_terminal_size(stream.fileno()).lines or DEFAULT_HEIGHT
    except OSError:
        return DEFAULT_HEIGHT


def is_unicode(stream: TextIO | None) -> bool:
    """Whether a stream shows every character, and not those of another encoding alone."""
    return stream is not None and (stream.encoding or "").lower().startswith("utf")


def wants_color(stream: TextIO | None) -> bool:
    """NO_COLOR forbids color, FORCE_COLOR (other than 0) asks for it, else a terminal decides."""
    if os.environ.get("NO_COLOR"):
        return False
    return os.environ.get("FORCE_COLOR", "") not in ("", "0") or is_live(stream)


def silence(*streams: TextIO | None) -> None:
    """Redirect the streams to the null device, when nobody can read them any more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        if stream is not None:
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def printable(text: str) -> str:
    r"""Text whose every line can be shown: characters of HIDDEN are escaped as in JSON.

    >>> printable("cat\x1b[31m\ndog")
    'cat\\u001b[31m\ndog'
    """
    return HIDDEN.sub(_escaped, text)


def one_line(text: str) -> str:
    """Text as a cell of a table: `printable`, line breaks escaped too."""
    return printable(text).replace("\n", "\\u000a")


def _escaped(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass").hex()
    return re.sub("(....)", r"\\u\1", units)
