"""Which format the data at a path has."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from mlpcli import files
from mlpcli.data.formats import (
    archives,
    hdf5,
    idx_files,
    matlab,
    numpy_files,
    parquet,
    picture_folders,
    refused,
    tables,
)
from mlpcli.data.formats.form import Format
from mlpcli.data.pictures import SUFFIXES
from mlpcli.data.raw import SPLITS, WHOLE, Parts, Raw, Reading, joined, split_of
from mlpcli.errors import DataError

HEAD_SIZE = 512  # bytes by which a format is known
MAX_LISTED_FILES = 100  # of a folder, that are looked at to say what is in it
HUB_FOLDER = "data"  # of a repository of the Hugging Face hub
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
    if head is not None and (known := refused.kind(path, head)):
        raise DataError(f"{path}: is {known.name}; {known.instead}")
    if form := _format(path, head):
        return form.parts(path, how)
    for folder in (path, path / HUB_FOLDER) if head is None else ():
        if folder.is_dir() and (found := _folder_of_files(folder, how)):
            return found
    if head is None and picture_folders.holds_pictures(path):
        raise DataError(f"{path}: {picture_folders.UNLABELED}")
    raise DataError(f"{path}: {_contents(path)}; {HELP}")


def _folder_of_files(folder: Path, how: Reading) -> Parts:
    """The splits of a folder whose files have a format each, such as train.npz and test.npz."""
    by_split: dict[str, list[Callable[[], Raw]]] = {}
    for file in sorted(folder.iterdir()):
        if file.name.startswith(".") or file.suffix.lower() in SUFFIXES or not file.is_file():
            continue  # of pictures there may be very many
        head = _head(file)
        if not refused.kind(file, head) and (form := _format(file, head)):
            own = form.parts(file, how)
            for split, read in own.items():
                name = split_of(file.stem) or WHOLE if split == WHOLE else split
                by_split.setdefault(name, []).append(read)
    if WHOLE in by_split and len(by_split) == 2 and "test" in by_split:  # digits.csv, test.csv
        by_split["train"] = by_split.pop(WHOLE)
    return {split: partial(_read_all, reads) for split, reads in by_split.items()}


def _read_all(reads: list[Callable[[], Raw]]) -> Raw:
    return joined(read() for read in reads)


def _format(path: Path, head: bytes | None) -> Format | None:
    return next((form for form in FORMATS if form.fits(path, head)), None)


def _head(path: Path) -> bytes:
    with files.open_regular(path) as file:
        return file.read(HEAD_SIZE)


def _contents(path: Path) -> str:
    """What is at a path of no known format."""
    if not path.is_dir():
        return "not in a known format"
    for file in sorted(each for each in path.iterdir() if each.is_file())[:MAX_LISTED_FILES]:
        if known := refused.kind(file, _head(file)):
            return f"no data in a known format; {file.name} is {known.name}: {known.instead}"
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


def _archive(path: Path, how: Reading) -> Parts:
    """The splits of what an archive holds."""
    content = archives.unpacked(path)

    def read(inner: Callable[[], Raw]) -> Raw:
        with _errors_of(path, content):
            raw = inner()
        notes = tuple(note.replace(str(content.top), str(path)) for note in raw.notes)
        skipped = tuple(
            (name.replace(str(content.top), str(path)), why) for name, why in raw.skipped
        )
        return raw._replace(files={path.name: content.sha256}, notes=notes, skipped=skipped)

    with _errors_of(path, content):
        found = parts(content.root, how)
    return {split: partial(read, inner) for split, inner in found.items()}


@contextmanager
def _errors_of(path: Path, content: archives.Unpacked) -> Iterator[None]:
    """Errors name the archive, not the folder that it was unpacked into."""
    try:
        yield
    except DataError as err:
        raise DataError(f"{err}".replace(str(content.top), str(path))) from err


FORMATS: tuple[Format, ...] = (
    *idx_files.FORMATS,
    *numpy_files.FORMATS,
    *picture_folders.FORMATS,
    *tables.FORMATS,
    *parquet.FORMATS,
    *matlab.FORMATS,
    *hdf5.FORMATS,
    Format(
        "archives", "digits.zip or digits.tar.gz with any other form", archives.is_archive, _archive
    ),
)
