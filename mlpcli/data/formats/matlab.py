"""MATLAB files up to version 7.2, such as EMNIST's."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from mlpcli.data import mat
from mlpcli.data.formats import extra, named_arrays
from mlpcli.data.formats.form import Format
from mlpcli.data.raw import Parts, Reading

FORM = "MATLAB"


def _parts(path: Path, how: Reading) -> Parts:
    content, files = extra.content(path)
    with extra.errors_of(path, FORM):
        arrays = mat.arrays(content)

    def load(names: set[str]) -> tuple[Mapping[str, NDArray[Any]], dict[str, str]]:
        return arrays, files

    return named_arrays.parts(str(path), arrays, load, how)


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
