"""What kind of terminal a stream is, if any."""

import os
from typing import TextIO


def is_live(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal on which lines can be redrawn."""
    if stream is None:  # it was closed before the program began
        return False
    return stream.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")


def wants_colour(stream: TextIO | None) -> bool:
    """NO_COLOR forbids colour, FORCE_COLOR (other than 0) asks for it, else a terminal decides."""
    if os.environ.get("NO_COLOR"):
        return False
    forced = os.environ.get("FORCE_COLOR")
    return is_live(stream) if not forced else forced != "0"
