"""What the module of a format offers."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from mlpcli.data.raw import Parts, Reading


class Format(NamedTuple):
    """A form of data, in a file or in a folder of files."""

    name: str
    example: str  # files and what is in them, for `mlp data formats`
    # whether a path has this form: its first bytes decide, which are None for a folder
    fits: Callable[[Path, bytes | None], bool]
    parts: Callable[[Path, Reading], Parts]  # raises DataError, and OSError as it is
    extra: str = ""  # that it needs
