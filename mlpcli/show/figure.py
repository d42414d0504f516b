"""Figures drawn into files, with matplotlib, which only those who draw need."""

import importlib
from pathlib import Path
from typing import Any

from mlpcli.errors import ConfigError

DPI = 150  # pixels in an inch


def figure(use: str, **options: Any) -> Any:
    """A new matplotlib Figure; raises ConfigError, naming the use, without matplotlib."""
    try:  # by name, so that neither the import nor its types are needed where nothing is drawn
        return importlib.import_module("matplotlib.figure").Figure(**options)
    except ImportError as err:
        raise ConfigError(f"{use}: needs matplotlib; `pip install 'mlpcli[plots]'`") from err


def save(drawn: Any, path: Path) -> None:
    """Write a figure as PNG; raises ConfigError where none can be written."""
    try:
        drawn.savefig(path, format="png", dpi=DPI)
    except OSError as err:
        raise ConfigError(f"{path}: cannot be written: {err.strerror}") from err
