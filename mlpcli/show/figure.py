"""Figures drawn into files, by matplotlib."""

import io
from pathlib import Path
from typing import Any, BinaryIO

from mlpcli import files
from mlpcli.version import __version__

DPI = 150  # pixels in an inch


def figure(**options: Any) -> Any:
    """A new matplotlib Figure."""
    from matplotlib.figure import Figure  # slow to import, and most commands draw nothing

    return Figure(**options)


def claim(path: Path, *, overwrite: bool) -> None:
    """Raise OutputError unless a figure may be written to a path, as `files.claim` does."""
    files.claim(path, _is_figure, overwrite=overwrite)


def save(drawn: Any, path: Path) -> None:
    """Write a figure in one piece, as SVG if the path ends so, else as PNG; raises OutputError."""
    form = "svg" if path.suffix.lower() == ".svg" else "png"
    creator = f"mlpcli {__version__}"
    metadata = {"Creator": creator, "Date": None} if form == "svg" else {"Software": creator}
    content = io.BytesIO()
    drawn.savefig(content, format=form, dpi=DPI, metadata=metadata)
    files.write(path, content.getvalue())


def _is_figure(file: BinaryIO) -> bool:
    head = file.read(1024)
    png = head.startswith(b"\x89PNG") and b"tEXtSoftware\0mlpcli " in head
    return png or (b"<svg " in head and b"<dc:title>mlpcli " in head)
