"""Figures drawn into files, by matplotlib."""

from pathlib import Path
from typing import Any

from mlpcli.errors import ConfigError

DPI = 150  # pixels in an inch


def figure(**options: Any) -> Any:
    """A new matplotlib Figure."""
    from matplotlib.figure import Figure  # slow to import, and most commands draw nothing

    return Figure(**options)


def save(drawn: Any, path: Path) -> None:
    """Write a figure as PNG; raises ConfigError where none can be written."""
    try:
        drawn.savefig(path, format="png", dpi=DPI)
    except OSError as err:
        raise ConfigError(f"{path}: cannot be written: {err.strerror}") from err
