"""What kind of terminal a stream is, if any, and what text may be shown on one."""

import os
import re
from typing import TextIO

# control characters but the line feed, ends of line, and marks that change the direction of text
_UNSEEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def is_live(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal on which lines can be redrawn."""
    is_terminal = stream is not None and stream.isatty()  # None if closed before the program began
    return is_terminal and os.environ.get("TERM", "") not in ("dumb", "unknown")


def wants_color(stream: TextIO | None) -> bool:
    """NO_COLOR forbids color, FORCE_COLOR (other than 0) asks for it, else a terminal decides."""
    if os.environ.get("NO_COLOR"):
        return False
    return os.environ.get("FORCE_COLOR", "") not in ("", "0") or is_live(stream)


def printable(text: str) -> str:
    r"""Text whose every line can be shown: what moves the cursor or turns the text is escaped.

    >>> printable("cat\x1b[31m\ndog")
    'cat\\u001b[31m\ndog'
    """
    return _UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def one_line(text: str) -> str:
    """Text as a cell of a table: `printable`, line breaks escaped too."""
    return printable(text).replace("\n", "\\u000a")
