"""MATLAB files up to version 7.2, such as EMNIST's (extra `formats`)."""

import io
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.formats import extra, named_arrays
from mlpcli.data.formats.form import Format
from mlpcli.data.idx import is_plausible_size
from mlpcli.data.raw import Parts, Reading
from mlpcli.errors import DataError

FORM = "MATLAB"
HEADER_SIZE = 128  # bytes before the first element
COMPRESSED = 15  # type of an element that holds another, packed with zlib
MAX_DEPTH = 5  # of structures


def _parts(path: Path, how: Reading) -> Parts:
    def load(names: set[str]) -> tuple[Mapping[str, NDArray[Any]], dict[str, str]]:
        arrays, files = _arrays(path)
        return {name: arrays[name] for name in names & arrays.keys()}, files

    arrays, _ = _arrays(path)
    return named_arrays.parts(str(path), arrays, load)


def _arrays(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """The arrays of a file, those of structures with names such as dataset/train/images."""
    content, files = extra.content(path)
    with extra.errors_of(path, FORM):
        from scipy.io import loadmat

        _require_plausible(path, content)
        values = loadmat(io.BytesIO(content), simplify_cells=True, chars_as_strings=True)
    plain = {name: value for name, value in values.items() if not name.startswith("__")}
    return dict(_flat(plain)), files


def _flat(values: dict[str, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict) and depth < MAX_DEPTH:
            yield from _flat(value, f"{prefix}{name}/", depth + 1)
        elif isinstance(value, np.ndarray):
            yield prefix + name, value


def _require_plausible(path: Path, content: bytes) -> None:
    """Raise DataError for an element that unpacks to far more than it can hold of images."""
    order: Any = "big" if content[126:128] == b"MI" else "little"
    start = HEADER_SIZE
    while start + 8 <= len(content):
        kind, size = (int.from_bytes(content[i : i + 4], order) for i in (start, start + 4))
        body = content[start + 8 : start + 8 + size]
        if kind == COMPRESSED:
            most = max(64 << 20, 200 * len(body))
            unpacked = zlib.decompressobj().decompress(body, most + 1)
            if not is_plausible_size(len(body), len(unpacked)):
                raise DataError(f"{path}: an array in it unpacks to more than images do")
        start += 8 + size


def _fits(path: Path, head: bytes | None) -> bool:
    return head is not None and head.startswith(b"MATLAB 5.0 MAT-file")


FORMATS = (
    Format(
        "MATLAB",
        "emnist-digits.mat; digits.mat with X, y (data.column_major, data.ten_is_zero)",
        _fits,
        _parts,
        extra.EXTRA,
    ),
)
