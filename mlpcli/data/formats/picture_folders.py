"""Folders of pictures: one for each class, or with a table of their labels."""

import csv
import hashlib
import io
import os
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpcli import files
from mlpcli.data import pictures
from mlpcli.data.fit import sized, stacked
from mlpcli.data.formats.form import Format
from mlpcli.data.raw import WHOLE, Parts, Raw, Reading, natural, split_of
from mlpcli.errors import DataError

LISTS = ("metadata.csv", "labels.csv")  # tables of labels, in the pictures' folder or above it
LABEL_COLUMNS = ("label", "class", "target", "y", "breed", "category")
MAX_LIST_SIZE = 256 << 20  # bytes of a table of labels
MAX_DEPTH = 3  # folders around the data's own
SAMPLE_SIZE = 20  # files of a folder that tell whether it holds pictures
IGNORED = ("__MACOSX", "Thumbs.db", "desktop.ini")

Item = tuple[str, Path]  # label and file


def _parts(path: Path, how: Reading) -> Parts:
    root = _root(path)
    folders = {split_of(folder.name): folder for folder in _folders(root)}
    named = {s: folder for s, folder in folders.items() if s and _holds_data(folder)}
    listed = _list(root)
    if named:
        return {s: partial(_read, folder, how, listed) for s, folder in named.items()}
    return {WHOLE: partial(_read, root, how, listed)}


def _root(path: Path, depth: int = 0) -> Path:
    """The folder itself, or the only one in it that leads to pictures."""
    folders = list(_folders(path))
    if depth == MAX_DEPTH or _list(path) or any(map(_holds_pictures, (path, *folders))):
        return path
    if any(split_of(folder.name) and _holds_data(folder) for folder in folders):
        return path
    inner = [_root(folder, depth + 1) for folder in folders if _leads_to_data(folder, depth + 1)]
    return inner[0] if len(inner) == 1 else path


def _leads_to_data(path: Path, depth: int = 0) -> bool:
    """Whether pictures of classes lie in the folder, or in folders in it."""
    folders = list(_folders(path))
    if bool(_list(path)) or any(map(_holds_pictures, folders)):
        return True
    return depth < MAX_DEPTH and any(_leads_to_data(folder, depth + 1) for folder in folders)


def _holds_data(folder: Path) -> bool:
    return _holds_pictures(folder) or any(map(_holds_pictures, _folders(folder)))


def _read(root: Path, how: Reading, above: Path | None) -> Raw:
    """The pictures in root, labelled by their folders or by a table there or above."""
    digest = hashlib.sha256()  # over the files' bytes, in order
    skipped: list[tuple[str, str]] = []
    table = _list(root) or above
    if table:
        items = _items_of_list(root, table, digest)
    else:
        items = _items_of_folders(root)
        skipped += [
            (str(root / name), "beside the folders of the classes") for name in _stray(root)
        ]
    labels, images = [], []
    for label, file in items:
        image = _read_picture(file, digest, skipped, how)
        if image is not None:
            labels.append(label)
            images.append(image)
    if not images:
        raise DataError(f"{root}: holds no images")
    notes = tuple(_notes(skipped))
    checksums = {root.name: digest.hexdigest()}
    return Raw(
        stacked(images),
        np.array(labels),
        checksums,
        notes=notes,
        skipped=tuple(skipped),
        fitted=how.fit is not None,
    )


def _items_of_folders(root: Path) -> Iterator[Item]:
    folders = {folder.name: folder for folder in _folders(root)}
    classes = [name for name in natural(folders) if _holds_pictures(folders[name])]
    if not classes:
        raise DataError(
            f"{root}: its pictures have no labels; sort them into one folder a class, or add "
            f"{LISTS[0]} with the columns file_name and label"
        )
    for name in classes:
        for file in _names(folders[name]):
            yield name, folders[name] / file


def _stray(root: Path) -> list[str]:
    """Pictures that lie beside the folders of the classes."""
    return [name for name in _names(root) if os.path.splitext(name)[1].lower() in pictures.SUFFIXES]


def _items_of_list(root: Path, table: Path, digest: "hashlib._Hash") -> Iterator[Item]:
    """The pictures that a table names and root has, in the order of the table."""
    content = files.read(table, limit=MAX_LIST_SIZE)
    digest.update(content)
    try:
        lines = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        rows = [row for row in lines if row]
    except (UnicodeDecodeError, csv.Error) as err:
        raise DataError(f"{table}: not a table of UTF-8 text: {err}") from err
    column = _label_column(rows, table)
    by_stem = {os.path.splitext(name)[0]: name for name in _names(root)}
    found = False
    for number, row in enumerate(rows[1:], 2):
        if len(row) <= column:
            raise DataError(f"{table}:{number}: has {len(row)} columns, and none for the label")
        name = row[0]
        if ".." in Path(name).parts or Path(name).is_absolute():
            raise DataError(f"{table}:{number}: {name!r} leads out of the folder")
        file, other = root / by_stem.get(name, name), table.parent / name
        if table.parent != root and not file.is_file():
            if not (other.is_relative_to(root) and other.is_file()):  # of another split
                continue
            file = other
        found = True
        yield row[column], file
    if not found:
        raise DataError(f"{table}: names no picture that is in {root}")


def _label_column(rows: list[list[str]], table: Path) -> int:
    """The column of the labels: by its name, or the second of two."""
    head = [name.strip().lower() for name in rows[0]] if rows else []
    named = [i for i, name in enumerate(head) if i and name in LABEL_COLUMNS]
    if len(named) == 1:
        return named[0]
    if len(head) == 2:
        return 1
    raise DataError(
        f"{table}: its first line must name the columns file_name and label, got "
        f"{', '.join(rows[0][:6]) if rows else 'nothing'}"
    )


def _read_picture(
    path: Path, digest: "hashlib._Hash", skipped: list[tuple[str, str]], how: Reading
) -> NDArray[Any] | None:
    """The picture in a file; None for another file, which is added to those skipped."""
    content = files.read(path, limit=pictures.MAX_FILE_SIZE)
    if path.suffix.lower() not in pictures.SUFFIXES and not pictures.is_picture(content):
        skipped.append((str(path), pictures.UNREADABLE.get(path.suffix.lower(), "no picture")))
        return None
    digest.update(content)
    return sized(str(path), pictures.decode(content, str(path)), how)


def _notes(skipped: list[tuple[str, str]]) -> Iterator[str]:
    for reason, count in Counter(reason for _, reason in skipped).items():
        first = next(name for name, why in skipped if why == reason)
        more = f" and {count - 1:,} more" if count > 1 else ""
        yield f"left out {first}{more}: {reason}"


def _folders(path: Path) -> Iterator[Path]:
    with os.scandir(path) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir())
    return (path / name for name in names if name[0] != "." and name not in IGNORED)


def _names(folder: Path) -> list[str]:
    """The names in a folder, without hidden ones."""
    return sorted(name for name in os.listdir(folder) if name[0] != "." and name not in IGNORED)


def _list(folder: Path) -> Path | None:
    return next((folder / name for name in LISTS if (folder / name).is_file()), None)


def _holds_pictures(folder: Path) -> bool:
    names = _names(folder)
    if any(os.path.splitext(name)[1].lower() in pictures.SUFFIXES for name in names):
        return True
    sample = (folder / name for name in names[:SAMPLE_SIZE])
    return any(_is_picture(file) for file in sample if file.is_file())


def _is_picture(path: Path) -> bool:
    with files.open_regular(path) as file:
        return pictures.is_picture(file.read(pictures.SIGNATURE_SIZE))


def _fits(path: Path, head: bytes | None) -> bool:
    return head is None and (_holds_pictures(path) or _leads_to_data(path))


FORMATS = (Format("picture folders", "train/cat/1.png, test/dog/2.jpg", _fits, _parts),)
