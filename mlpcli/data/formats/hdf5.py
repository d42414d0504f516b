"""HDF5 files, and the MATLAB files of version 7.3, which are such files (extra `formats`)."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.formats import extra, named_arrays
from mlpcli.data.formats.form import Format
from mlpcli.data.idx import is_plausible_size
from mlpcli.data.raw import Parts, Reading
from mlpcli.errors import DataError

MAX_DATASETS = 1000
FILTERS = {"gzip", "lzf", None}  # that come with the library; others would load a plugin
FORM = "HDF5"


class _Header(NamedTuple):
    shape: tuple[int, ...]
    dtype: Any


def _parts(path: Path, how: Reading) -> Parts:
    def load(names: set[str]) -> tuple[Mapping[str, NDArray[Any]], dict[str, str]]:
        content, files = extra.content(path)
        with extra.errors_of(path, FORM):
            import h5py

            with h5py.File(io.BytesIO(content), "r") as file:
                found = _datasets(file)
                return {name: _array(path, found[name]) for name in names & found.keys()}, files

    content, _ = extra.content(path)
    with extra.errors_of(path, FORM):
        import h5py

        with h5py.File(io.BytesIO(content), "r") as file:
            headers = {
                name: _Header(each.shape, each.dtype)
                for name, each in _datasets(file).items()
                if each.shape is not None
            }
    return named_arrays.parts(str(path), headers, load)


def _datasets(file: Any) -> dict[str, Any]:
    """The arrays of a file by their path in it; links to other files are not followed."""
    import h5py

    found: dict[str, Any] = {}

    def add(name: str, item: Any) -> bool | None:
        if isinstance(item, h5py.Dataset):
            found[name] = item
        return True if len(found) == MAX_DATASETS else None  # stops the visit

    file.visititems(add)
    return found


def _array(path: Path, dataset: Any) -> NDArray[Any]:
    if dataset.is_virtual or dataset.external or dataset.compression not in FILTERS:
        raise DataError(f"{path}: {dataset.name}: is in other files, or needs a plugin")
    announced = dataset.size * dataset.dtype.itemsize
    if not is_plausible_size(dataset.id.get_storage_size(), announced):
        raise DataError(f"{path}: {dataset.name}: promises {announced:,} bytes, not in the file")
    if dataset.dtype.kind == "O":
        return np.array(dataset.asstr()[()], dtype=np.str_)
    return np.asarray(dataset[()])


def _fits(path: Path, head: bytes | None) -> bool:
    return head is not None and head.startswith((b"\x89HDF\r\n\x1a\n", b"MATLAB 7.3 MAT-file"))


FORMATS = (
    Format(
        "HDF5",
        "usps.h5 with train/data, train/target, test/data, test/target",
        _fits,
        _parts,
        extra.EXTRA,
    ),
)
