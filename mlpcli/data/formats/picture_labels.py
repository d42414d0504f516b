"""Tables with the labels of pictures: metadata.csv or labels.csv, beside or above them."""

import csv
import hashlib
import io
import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from mlpcli import files
from mlpcli.data.formats.named_arrays import LABEL_WORDS
from mlpcli.data.pictures import SUFFIXES
from mlpcli.data.raw import Reading
from mlpcli.errors import DataError

NAMES = ("metadata.csv", "labels.csv")
FILE_COLUMNS = ("file_name", "filename", "file", "image", "path", "image_id", "id", "name")
LABEL_COLUMNS = LABEL_WORDS | {"breed", "category"}
SEPARATORS = ",\t;"
MAX_SIZE = 256 << 20  # bytes
MAX_COLUMNS_SHOWN = 6

Item = tuple[str, Path]  # label and file


def find(folder: Path) -> Path | None:
    """The table in a folder; None without one."""
    return next((folder / name for name in NAMES if (folder / name).is_file()), None)


def read(
    table: Path, root: Path, paths: Iterable[Path], how: Reading, digest: "hashlib._Hash"
) -> list[Item]:
    """Labels and files of the pictures that a table names, in its order.

    paths: of the files in root. A table above root may name others too, as of another split.
    digest: gets the bytes of the table. Raises DataError, and OSError as it is.
    """
    content = files.read(table, limit=MAX_SIZE)
    digest.update(content)
    rows = _rows(table, content)
    by_name = _by_name(paths, table.parent, root)
    head = [cell.lower() for cell in rows[0][1]] if rows else []
    if len(head) == 2 and _key(rows[0][1][0]) in by_name:  # a table without a first line of names
        file, label = 0, 1
    else:
        file, label = _columns(table, head, how)
        del rows[0]
    found, missing = [], ""
    for number, row in rows:
        if len(row) <= max(file, label) or not row[label]:
            raise DataError(f"{table}:{number}: has no label; leave out what has none")
        paths = by_name.get(_key(row[file]), [])
        if len(paths) > 1:
            raise DataError(f"{table}:{number}: {row[file]!r} may be {paths[0]} or {paths[1]}")
        found += [(row[label], path) for path in paths]
        missing = missing or ("" if paths else f"{table}:{number}: {row[file]!r} is not in {root}")
    if not found:
        raise DataError(
            f"{table}: names no picture that is in {root}; rename it if it is no list of pictures"
        )
    if missing and table.parent == root:
        raise DataError(missing)
    return found


def _rows(table: Path, content: bytes) -> list[tuple[int, list[str]]]:
    """The lines that are not blank, with their numbers."""
    try:
        text = content.decode("utf-8-sig")
        separator = max(SEPARATORS, key=text.partition("\n")[0].count)
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        return [(lines.line_num, [cell.strip() for cell in line]) for line in lines if line]
    except (UnicodeDecodeError, csv.Error) as err:
        raise DataError(f"{table}: not a table of UTF-8 text: {err}") from err


def _columns(table: Path, head: list[str], how: Reading) -> tuple[int, int]:
    """The columns of the files' names and of the labels."""
    words = {how.label.strip().lower()} if how.label else LABEL_COLUMNS
    named = [i for i, name in enumerate(head) if name in words]
    if not named and len(head) == 2 and not how.label:  # the other one of both
        named = [0 if head[1] in FILE_COLUMNS and head[0] not in FILE_COLUMNS else 1]
    if len(named) != 1 or len(head) < 2:
        shown = ", ".join(head[:MAX_COLUMNS_SHOWN]) or "nothing"
        raise DataError(
            f"{table}: its first line must name the columns file_name and label, got {shown}; "
            "--set data.label=NAME names the column of the labels"
        )
    (label,) = named
    places = [head.index(name) for name in FILE_COLUMNS if name in head]
    return next((i for i in places if i != label), 0 if label else 1), label


def _by_name(paths: Iterable[Path], *bases: Path) -> dict[str, list[Path]]:
    """Files by all that a table may call them: the path from a base, or the name alone.

    A picture's may lack the suffix. Where two files share a name, it means the one that has it in
    full.
    """
    paths = list(paths)
    pictures = {path for path in paths if path.suffix.lower() in SUFFIXES}
    full = {(p, p.relative_to(b).as_posix()) for b in bases for p in paths if p.is_relative_to(b)}
    found: dict[str, list[Path]] = {}
    for names in (
        full,
        {(path, path.name) for path in paths},
        {(path, os.path.splitext(name)[0]) for path, name in full if path in pictures},
        {(path, path.stem) for path in pictures},
    ):
        own: dict[str, list[Path]] = {}
        for path, name in sorted(names):
            own.setdefault(name, []).append(path)
        found = own | found
    return found


def _key(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).as_posix()
