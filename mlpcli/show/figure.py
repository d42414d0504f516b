"""Figures drawn into files, by matplotlib."""

from pathlib import Path
from typing import Any

from mlpcli.errors import OutputError

DPI = 150  # pixels in an inch


def figure(**options: Any) -> Any:
    """A new matplotlib Figure."""
    from matplotlib.figure import Figure  # slow to import, and most commands draw nothing

    return Figure(**options)


def save(drawn: Any, path: Path) -> None:
    """Write a figure as PNG; raises OutputError where it cannot."""
    try:
        drawn.savefig(path, format="png", dpi=DPI)
    except OSError as err:
        raise OutputError(f"{path}: cannot write: {err.strerror}") from err
