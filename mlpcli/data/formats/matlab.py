"""MATLAB files up to version 7.2, such as EMNIST's."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from mlpcli.data import mat
from mlpcli.data.formats import extra, named_arrays
from mlpcli.data.formats.form import Format
from mlpcli.data.raw import Parts, Raw, Reading

FORM = "MATLAB"
ROWS_NOTE = "the pixels of an image are read row by row; data.column_major=true reads columns"


def _parts(path: Path, how: Reading) -> Parts:
    content, files = extra.content(path)
    with extra.errors_of(path, FORM):
        arrays = mat.arrays(content)

    def load(names: set[str]) -> tuple[Mapping[str, NDArray[Any]], dict[str, str]]:
        return arrays, files

    return with_notes(named_arrays.parts(str(path), arrays, load, how), how)


def with_notes(parts: Parts, how: Reading) -> Parts:
    """The same splits; a note says how rows of pixels were read, which no file states."""

    def noted(read: Callable[[], Raw]) -> Raw:
        raw = read()
        own = (ROWS_NOTE,) if raw.images.ndim == 2 and not how.column_major else ()
        return raw._replace(notes=(*raw.notes, *own))

    return {split: partial(noted, read) for split, read in parts.items()}


def _fits(path: Path, head: bytes | None) -> bool:
    return head is not None and head.startswith(b"MATLAB 5.0 MAT-file")


FORMATS = (
    Format(
        "MATLAB",
        "emnist-digits.mat; digits.mat with X, y (data.column_major, data.ten_is_zero)",
        _fits,
        _parts,
    ),
)
