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


def find(folder: Path) -> Path | None:
    """The table in a folder; None without one."""
    return next((folder / name for name in NAMES if (folder / name).is_file()), None)


def read(
    table: Path, root: Path, names: Iterable[str], how: Reading, digest: "hashlib._Hash"
) -> list[tuple[str, str]]:
    """Labels and names of the pictures in root that a table names, in its order.

    names: of the files in root, those in its folders like images/1.png. A table above root may
    name others too, as of another split.
    digest: gets the bytes of the table. Raises DataError, and OSError as it is.
    """
    content = files.read(table, limit=MAX_SIZE)
    digest.update(content)
    rows = _rows(table, content)
    by_name = _by_name(names, root.relative_to(table.parent).as_posix())
    head = rows[0][1] if rows else []
    has_head = len(head) != 2 or _key(head[0]) not in by_name  # a head names no picture
    file, label = _columns(table, head, how) if has_head else (0, 1)
    found, missing = [], ""
    for number, row in rows[has_head:]:
        if len(row) <= max(file, label) or not row[label]:
            raise DataError(f"{table}:{number}: has no label; leave out what has none")
        own = by_name.get(_key(row[file]), [])
        if len(own) > 1:
            raise DataError(f"{table}:{number}: {row[file]!r} may be {own[0]} or {own[1]}")
        found += [(row[label], name) for name in own]
        missing = missing or ("" if own else f"{table}:{number}: {row[file]!r} is not in {root}")
    if not found:
        raise DataError(
            f"{table}: names no picture in {root}; rename it if it is not a list of pictures"
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
    """The columns of the files' names and of the labels, by a table's first line."""
    head = [name.lower() for name in head]
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


def _by_name(names: Iterable[str], above: str) -> dict[str, list[str]]:
    """Files by all that a table may call them: their path, also from the table, or name alone.

    A picture's may lack the suffix. Where two files share a name, it means the one that has it in
    full. above: the path of their folder from the table's.
    """
    paths = [(name, name) for name in names]
    paths += [(name, f"{above}/{name}") for name, _ in paths if above != "."]
    paths_and_names = [paths, [(name, os.path.basename(name)) for name, _ in paths]]
    found: dict[str, list[str]] = {}
    for forms in (*paths_and_names, *map(_without_suffix, paths_and_names)):
        own: dict[str, list[str]] = {}
        for name, form in dict.fromkeys(forms):
            own.setdefault(form, []).append(name)
        found = own | found
    return found


def _without_suffix(forms: list[tuple[str, str]]) -> list[tuple[str, str]]:
    split = [(name, os.path.splitext(form)) for name, form in forms]
    return [(name, stem) for name, (stem, suffix) in split if suffix.lower() in SUFFIXES]


def _key(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).as_posix()
