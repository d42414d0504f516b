"""Folders of IDX files: the published names of the MNIST family, in any layout."""

import hashlib
import os
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from mlpcli import files
from mlpcli.data import idx
from mlpcli.data.formats.form import Format
from mlpcli.data.raw import SPLITS, WHOLE, Parts, Raw, Reading, split_of
from mlpcli.errors import DataError

MAX_NAMES_SIZE = 1 << 20  # bytes of classes.txt
CLASS_FILE = "classes.txt"
KINDS = {"images": "images-idx3-ubyte", "labels": "labels-idx1-ubyte"}
MAX_DEPTH = 2  # folders within the one that is named: torchvision's root has MNIST/raw


def _parts(path: Path, how: Reading) -> Parts:
    found: dict[str, dict[str, list[Path]]] = {}
    for file, kind in _files(path):
        split = split_of(file.name) or split_of(file.parent.name) or WHOLE
        found.setdefault(split, {}).setdefault(kind, []).append(file)
    if WHOLE in found and len(found) > 1:
        raise DataError(
            f"{path}: the names of its IDX files must say train or test, got "
            f"{next(iter(found[WHOLE].values()))[0].name}"
        )
    return {
        split: partial(_read, path, split, found[split])
        for split in (*SPLITS, WHOLE)
        if split in found
    }


def _read(path: Path, split: str, by_kind: dict[str, list[Path]]) -> Raw:
    paths = [_single(path, split, kind, by_kind.get(kind, [])) for kind in KINDS]
    digests = [hashlib.sha256() for _ in paths]
    images, labels = idx.images(paths[0], digests[0]), idx.labels(paths[1], digests[1])
    checksums = {p.name: each.hexdigest() for p, each in zip(paths, digests, strict=True)}
    names = path / CLASS_FILE
    return Raw(images, labels, checksums, _class_names(names) if os.path.lexists(names) else ())


def _single(path: Path, split: str, kind: str, found: list[Path]) -> Path:
    """The IDX file of a split; an uncompressed one is preferred."""
    plain = [file for file in found if file.suffix != ".gz"]
    if len(plain or found) != 1:
        names = ", ".join(file.name for file in found) or "none"
        prefix = {"test": "t10k"}.get(split, split)
        example = f"{prefix}-{KINDS[kind]}.gz"
        raise DataError(f"{path}: expected one file of {split} {kind} like {example}, got {names}")
    return (plain or found)[0]


def _class_names(path: Path) -> tuple[str, ...]:
    """The lines of a file that are not blank."""
    try:
        lines = files.read(path, limit=MAX_NAMES_SIZE).decode().split("\n")
    except UnicodeDecodeError as err:
        raise DataError(f"{path}: not UTF-8 text at byte {err.start}") from err
    return tuple(name.strip() for name in lines if name.strip())


def _files(folder: Path, depth: int = 0) -> Iterator[tuple[Path, str]]:
    """IDX files by their names, e.g. t10k-images-idx3-ubyte.gz, t10k-images.idx3; and their kind.

    Those of the folder itself, or of the folders in it.
    """
    entries = sorted(folder.iterdir())
    direct = [
        (entry, match[1].lower())
        for entry in entries
        if (match := re.search(r"(?:^|[-_.])(images|labels)[-_.]?idx", entry.name, re.IGNORECASE))
        and entry.is_file()
    ]
    yield from direct
    if not direct and depth < MAX_DEPTH:
        for entry in entries:
            if entry.is_dir() and not entry.name.startswith("."):
                yield from _files(entry, depth + 1)


def _fits(path: Path, head: bytes | None) -> bool:
    return head is None and any(_files(path))


FORMATS = (
    Format(
        "IDX files",
        "train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-...; classes.txt",
        _fits,
        _parts,
    ),
)
