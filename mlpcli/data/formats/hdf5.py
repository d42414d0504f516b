"""HDF5 files, and the MATLAB files of version 7.3, which are such files (extra `formats`)."""

import io
import math
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.formats import extra, matlab, named_arrays
from mlpcli.data.formats.form import Format
from mlpcli.data.raw import Parts, Reading
from mlpcli.data.size_limits import is_plausible_size
from mlpcli.errors import DataError

MAX_DATASETS = 1000
MAX_DEPTH = 5  # of groups
FILTERS = {1, 2, 3, 32000}  # gzip, shuffle, fletcher32, lzf; another one may load a plugin
FORM = "HDF5"
MATLAB = b"MATLAB 7.3 MAT-file"


class _Header(NamedTuple):
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def _parts(path: Path, how: Reading) -> Parts:
    content, files = extra.content(path)
    by_columns = content.startswith(MATLAB)  # which writes the axes in reverse order

    def load(names: set[str]) -> tuple[Mapping[str, NDArray[Any]], dict[str, str]]:
        with extra.errors_of(path, FORM):
            import h5py

            with h5py.File(io.BytesIO(content), "r") as file:
                arrays = {name: _array(path, file[name], len(content)) for name in sorted(names)}
        return {name: a.T if by_columns else a for name, a in arrays.items()}, files

    with extra.errors_of(path, FORM):
        import h5py

        with h5py.File(io.BytesIO(content), "r") as file:
            headers = {
                name: _Header(each.shape[::-1] if by_columns else each.shape, each.dtype)
                for name, each in islice(_datasets(file, seen=set()), MAX_DATASETS)
            }
    found = named_arrays.parts(str(path), headers, load, how)
    return matlab.with_notes(found, how) if by_columns else found


def _datasets(
    group: Any, prefix: str = "", depth: int = 0, *, seen: set[int]
) -> Iterator[tuple[str, Any]]:
    """The arrays of a group by their path in it; only hard links are followed, and not deep.

    Mutates seen, the addresses of the groups, each of which is entered once.
    """
    import h5py

    seen.add(_address(group))
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            continue
        item = group[name]
        if isinstance(item, h5py.Dataset) and item.shape is not None:
            yield prefix + name, item
        elif isinstance(item, h5py.Group) and depth < MAX_DEPTH and _address(item) not in seen:
            yield from _datasets(item, f"{prefix}{name}/", depth + 1, seen=seen)


def _address(group: Any) -> int:
    import h5py

    return int(h5py.h5o.get_info(group.id).addr)


def _array(path: Path, dataset: Any, file_size: int) -> NDArray[Any]:
    """The values of a dataset; raises DataError unless they can be in the file itself."""
    where = f"{path}: {dataset.name[1:]}"
    settings = dataset.id.get_create_plist()
    filters = {settings.get_filter(i)[0] for i in range(settings.get_nfilters())}
    if dataset.is_virtual or dataset.external or not filters <= FILTERS:
        raise DataError(f"{where}: is in other files, or needs a plugin; save it without")
    held = min(dataset.id.get_storage_size(), file_size)
    for count in (dataset.size, math.prod(dataset.chunks or ())):  # a chunk is unpacked as a whole
        announced = count * dataset.dtype.itemsize
        if not is_plausible_size(held, announced):
            raise DataError(f"{where}: promises {announced:,} bytes, which cannot be in the file")
    if dataset.dtype.kind == "O":
        return np.array(dataset.asstr()[()], dtype=np.str_)
    return np.asarray(dataset[()])


def _fits(path: Path, head: bytes | None) -> bool:
    return head is not None and head.startswith((b"\x89HDF\r\n\x1a\n", MATLAB))


FORMATS = (
    Format(
        "HDF5",
        "usps.h5 with train/data, train/target, test/data, test/target",
        _fits,
        _parts,
        extra.EXTRA,
    ),
)
