"""Which format the data at a path has."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from mlpcli import files
from mlpcli.data.formats import (
    hdf5,
    idx_files,
    matlab,
    numpy_files,
    parquet,
    picture_folders,
    tables,
)
from mlpcli.data.formats.form import Format
from mlpcli.data.raw import SPLITS, WHOLE, Parts, Raw, Reading, joined, split_of
from mlpcli.errors import DataError

HEAD_SIZE = 512  # bytes that tell a format
FORMATS: tuple[Format, ...] = (
    *idx_files.FORMATS,
    *numpy_files.FORMATS,
    *picture_folders.FORMATS,
    *tables.FORMATS,
    *parquet.FORMATS,
    *matlab.FORMATS,
    *hdf5.FORMATS,
)
HELP = "`mlp data formats` lists what is read"


def parts(path: Path, how: Reading) -> Parts:
    """The splits of the data at a path, which are read when they are called.

    Raises DataError, which says what is there instead.
    """
    try:
        found = _parts(path, how)
    except OSError as err:
        raise _unreadable(path, err) from err
    ordered = [split for split in (*SPLITS, WHOLE) if split in found]
    return {split: partial(_checked, path, found[split]) for split in ordered}


def is_data(path: Path, head: bytes | None) -> bool:
    """Whether a file that begins with head is of a known format; a folder, without head, always."""
    return head is None or _format(path, head) is not None


def _parts(path: Path, how: Reading) -> Parts:
    head = None if path.is_dir() else _head(path)
    if form := _format(path, head):
        return form.parts(path, how)
    if head is None and (found := _folder_of_files(path, how)):
        return found
    raise DataError(f"{path}: {_contents(path)}; {HELP}")


def _folder_of_files(folder: Path, how: Reading) -> Parts:
    """The splits of a folder whose files have a format each, such as train.npz and test.npz."""
    by_split: dict[str, list[Callable[[], Raw]]] = {}
    for file in sorted(folder.iterdir()):
        if file.name.startswith(".") or not file.is_file():
            continue
        if form := _format(file, _head(file)):
            own = form.parts(file, how)
            for split, read in own.items():
                name = split_of(file.stem) or WHOLE if split == WHOLE else split
                by_split.setdefault(name, []).append(read)
    if WHOLE in by_split and len(by_split) == 2 and "test" in by_split:  # digits.csv, test.csv
        by_split["train"] = by_split.pop(WHOLE)
    return {
        split: partial(lambda reads: joined(read() for read in reads), reads)
        for split, reads in by_split.items()
    }


def _format(path: Path, head: bytes | None) -> Format | None:
    return next((form for form in FORMATS if form.fits(path, head)), None)


def _head(path: Path) -> bytes:
    with files.open_regular(path) as file:
        return file.read(HEAD_SIZE)


def _contents(path: Path) -> str:
    """What is at a path of no known format."""
    if not path.is_dir():
        return "not in a known format"
    names = sorted(each.name + "/" * each.is_dir() for each in path.iterdir())
    more = ", ..." if len(names) > 6 else ""
    return f"no data in a known format, only {', '.join(names[:6])}{more}" if names else "is empty"


def _checked(path: Path, read: Callable[[], Raw]) -> Raw:
    try:
        return read()
    except OSError as err:
        raise _unreadable(path, err) from err


def _unreadable(path: Path, err: OSError) -> DataError:
    return DataError(f"{err.filename or path}: not readable: {err.strerror or err}")
