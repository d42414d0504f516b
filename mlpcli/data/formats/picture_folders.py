"""Folders of pictures: one for each class, or with a table of their labels."""

import hashlib
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
from mlpcli.data.formats import picture_labels
from mlpcli.data.formats.form import Format
from mlpcli.data.raw import WHOLE, Parts, Raw, Reading, natural, split_of
from mlpcli.errors import DataError

MAX_DEPTH = 4  # folders within the data's own that lead to pictures
SAMPLE_SIZE = 20  # files of a folder by which it is known to hold pictures

NO_SPLIT = "not in the folder of a split"
UNLABELED = (
    "its pictures have no labels; sort them into one folder a class, or add "
    f"{picture_labels.NAMES[0]} with the columns file_name and label"
)

Skipped = tuple[tuple[str, str], ...]  # name and reason


def _parts(path: Path, how: Reading) -> Parts:
    root = _root(path)
    table = picture_labels.find(root)
    by_split: dict[str, Path] = {}
    others = []
    for folder in filter(_leads_to_pictures, _folders(root)):
        split = split_of(folder.name)
        if split is None:
            others.append((str(folder), NO_SPLIT))
        elif split in by_split:
            raise DataError(
                f"{root}: {by_split[split].name} and {folder.name} may both hold the {split} "
                "images; rename or remove one of them"
            )
        else:
            by_split[split] = folder
    if not by_split:
        return {WHOLE: partial(_read, root, how, table)}
    skipped = (*_left_out(root, _files(root), NO_SPLIT), *others)
    reporter = "train" if "train" in by_split else next(iter(by_split))  # of what is skipped
    return {
        split: partial(
            _read, _root(folder, in_split=True), how, table, skipped if split == reporter else ()
        )
        for split, folder in by_split.items()
    }


def _root(path: Path, depth: int = 0, *, in_split: bool = False) -> Path:
    """The folder itself, or the only one in it that leads to pictures of classes."""
    folders = list(_folders(path))
    if depth == MAX_DEPTH or picture_labels.find(path):
        return path
    if any(map(holds_pictures, (path, *folders))):
        return path
    leading = list(filter(_leads_to_pictures, folders))
    if not in_split and any(split_of(folder.name) for folder in leading):
        return path
    return _root(leading[0], depth + 1, in_split=in_split) if len(leading) == 1 else path


def _leads_to_pictures(path: Path, depth: int = 0) -> bool:
    """Whether pictures lie in the folder, or in folders in it."""
    if holds_pictures(path):
        return True
    return depth < MAX_DEPTH and any(_leads_to_pictures(each, depth + 1) for each in _folders(path))


def _read(root: Path, how: Reading, above: Path | None, beside: Skipped = ()) -> Raw:
    """The pictures in root, labelled by their folders or by a table there or above.

    beside: pictures elsewhere, which a note lists.
    """
    digest = hashlib.sha256()  # over the files' bytes, in order
    skipped = list(beside)
    table = picture_labels.find(root) or above
    if table:
        here = _files(root)
        here += [f"{inner.name}/{name}" for inner in _folders(root) for name in _files(inner)]
        items = picture_labels.read(table, root, here, how, digest)
        named = {name for _, name in items}
        unnamed = [name for name in here if name not in named]
        skipped += _left_out(root, unnamed, f"not in {table.name}")
    else:
        items = _items_of_folders(root, skipped)
    labels, images = [], []
    for label, name in items:
        image = _read_picture(root / name, digest, skipped, how)
        if image is not None:
            labels.append(label)
            images.append(image)
    if not images:
        raise DataError(f"{root}: holds no images")
    return Raw(
        stacked(images),
        np.array(labels),
        {root.name: digest.hexdigest()},
        notes=tuple(_notes(skipped)),
        skipped=tuple(skipped),
        fitted=how.fit is not None,
    )


def _items_of_folders(root: Path, skipped: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The label of each file of root, and its name in it.

    Mutates skipped, to which it adds what is in no folder of a class."""
    folders = {folder.name: folder for folder in _folders(root)}
    if not any(map(holds_pictures, folders.values())):
        raise DataError(f"{root}: {UNLABELED}")
    skipped += _left_out(root, _files(root), "beside the folders of the classes")
    items = []
    for name in natural(folders):
        items += [(name, f"{name}/{file}") for file in _files(folders[name])]
        inner = filter(_leads_to_pictures, _folders(folders[name]))
        skipped += [(str(folder), "a folder in the folder of a class") for folder in inner]
    return items


def _read_picture(
    path: Path, digest: "hashlib._Hash", skipped: list[tuple[str, str]], how: Reading
) -> NDArray[Any] | None:
    """The picture in a file; None for another file, which is added to those skipped."""
    content = b""
    reason = None if _has_suffix(path.name) else pictures.reason_to_skip(path)
    if reason is None:
        content = files.read(path, limit=pictures.MAX_FILE_SIZE)
        reason = pictures.foreign(content)
    if reason is not None:
        skipped.append((str(path), reason))
        return None
    digest.update(content)
    return sized(str(path), pictures.decode(content, str(path)), how)


def _notes(skipped: list[tuple[str, str]]) -> Iterator[str]:
    for reason, count in Counter(reason for _, reason in skipped).items():
        first = next(name for name, why in skipped if why == reason)
        more = f" and {count - 1:,} more" if count > 1 else ""
        yield f"left out {first}{more}: {reason}"


def _folders(path: Path) -> list[Path]:
    with os.scandir(path) as entries:
        return [path / name for name in _shown(entry.name for entry in entries if entry.is_dir())]


def _files(folder: Path) -> list[str]:
    """The names of the files in a folder, without hidden ones."""
    with os.scandir(folder) as entries:
        return _shown(entry.name for entry in entries if not entry.is_dir())


def _shown(names: Iterator[str]) -> list[str]:
    return sorted(name for name in names if not files.is_hidden(name))


def _left_out(folder: Path, names: list[str], reason: str) -> Iterator[tuple[str, str]]:
    """The pictures among files that are left out, and why: for the reason, if they can be read."""
    for name in names:
        own = None if _has_suffix(name) else pictures.reason_to_skip(folder / name)
        if own != pictures.NO_PICTURE:
            yield str(folder / name), own or reason


def _has_suffix(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in pictures.SUFFIXES


def holds_pictures(folder: Path) -> bool:
    """Whether pictures lie directly in a folder, by their names or a sample of first bytes."""
    names = _files(folder)
    if any(map(_has_suffix, names)):
        return True
    sample = (folder / name for name in names[:SAMPLE_SIZE])
    return any(file.is_file() and pictures.reason_to_skip(file) is None for file in sample)


def _fits(path: Path, head: bytes | None) -> bool:
    if head is not None or not _leads_to_pictures(path):
        return False
    root = _root(path)  # whose own pictures need a table
    return picture_labels.find(root) is not None or any(map(_leads_to_pictures, _folders(root)))


FORMATS = (
    Format(
        "picture folders",
        "train/cat/1.png, test/dog/2.jpg; or pictures and metadata.csv: file_name,label",
        _fits,
        _parts,
    ),
)
