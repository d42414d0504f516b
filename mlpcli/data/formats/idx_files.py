"""Folders of IDX files: the published names of the MNIST family, in any layout."""

import hashlib
import os
import re
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path

from mlpcli import files
from mlpcli.data import idx, pictures
from mlpcli.data.formats.form import Format
from mlpcli.data.raw import SPLITS, WHOLE, Parts, Raw, Reading, split_of
from mlpcli.errors import DataError

MAX_NAMES_SIZE = 1 << 20  # bytes of classes.txt
CLASS_FILE = "classes.txt"
KINDS = {"images": "idx3", "labels": "idx1"}  # and how their names go on
WORD = re.compile("images|labels|idx|ubyte", re.IGNORECASE)
NAME = re.compile(r"(?:^|[-_.])(images|labels)[-_.]?idx", re.IGNORECASE)  # as published
PICTURES = tuple(pictures.SUFFIXES)  # of which a folder may have very many
MAX_DEPTH = 3  # folders within the one that is named: torchvision's data has MNIST/raw


def _parts_of_folder(path: Path) -> Parts:
    found = _found(path)
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


def _found(path: Path) -> dict[str, dict[str, list[Path]]]:
    """IDX files by split and by what they hold, from the outermost folders that have them."""
    found: dict[str, dict[str, list[Path]]] = {}
    folders = [path]
    for _ in range(MAX_DEPTH + 1):
        level: dict[tuple[str, str], list[Path]] = {}
        entries = [_entries(folder) for folder in folders]
        for file, kind in chain.from_iterable(map(_files, entries)):
            inner = split_of(file.parent.name) if file.parent != path else None
            split = split_of(file.name) or inner or WHOLE
            level.setdefault((split, kind), []).append(file)
        for (split, kind), paths in level.items():
            found.setdefault(split, {}).setdefault(kind, paths)
        if found and all(len(kinds) == len(KINDS) for kinds in found.values()):
            break
        folders = [Path(e.path) for e in chain.from_iterable(entries) if e.is_dir()]
    return found


def _read(path: Path, split: str, by_kind: dict[str, list[Path]]) -> Raw:
    paths = [_single(path, split, kind, by_kind.get(kind, [])) for kind in KINDS]
    digests = [hashlib.sha256() for _ in paths]
    images, labels = idx.images(paths[0], digests[0]), idx.labels(paths[1], digests[1])
    checksums = {p.name: each.hexdigest() for p, each in zip(paths, digests, strict=True)}
    places = [folder / CLASS_FILE for folder in (path, paths[0].parent)]
    names = next((place for place in places if os.path.lexists(place)), None)
    return Raw(images, labels, checksums, _class_names(names) if names else ())


def _single(path: Path, split: str, kind: str, found: list[Path]) -> Path:
    """The IDX file of a split; an uncompressed one is preferred."""
    plain = [file for file in found if file.suffix != ".gz"]
    if len(plain or found) != 1:
        names = ", ".join(str(file.relative_to(path)) for file in found) or "none"
        prefix = {"test": "t10k"}.get(split, split)
        example = f"{prefix}-{kind}-{KINDS[kind]}-ubyte.gz"
        raise DataError(f"{path}: expected one file of {split} {kind} like {example}, got {names}")
    return (plain or found)[0]


def _class_names(path: Path) -> tuple[str, ...]:
    """The lines of a file that are not blank."""
    try:
        lines = files.read(path, limit=MAX_NAMES_SIZE).decode().split("\n")
    except UnicodeDecodeError as err:
        raise DataError(f"{path}: not UTF-8 text at byte {err.start}") from err
    return tuple(name.strip() for name in lines if name.strip())


def _entries(folder: Path) -> list["os.DirEntry[str]"]:
    with os.scandir(folder) as found:
        shown = [each for each in found if not files.is_hidden(each.name)]
    return sorted(shown, key=lambda entry: entry.name)


def _files(entries: list["os.DirEntry[str]"]) -> Iterator[tuple[Path, str]]:
    """The IDX files of a folder, and what they hold.

    By a name such as t10k-images-idx3-ubyte.gz, else by the first bytes.
    """
    for entry in entries:
        if not WORD.search(entry.name) or entry.name.lower().endswith(PICTURES):
            continue
        if entry.is_file() and (kind := _kind(Path(entry.path))):
            yield Path(entry.path), kind


def _kind(path: Path) -> str | None:
    """What an IDX file holds, "images" or "labels"; None for another file."""
    if match := NAME.search(path.name):
        return match[1].lower()
    return idx.kind(path)


def _beside(path: Path, how: Reading) -> Parts:
    """The split of a file of images or labels and the other of both, which lies beside it."""
    kind = _kind(path)
    if kind is None:
        raise DataError(f"{path}: holds neither images nor labels")
    other = "labels" if kind == "images" else "images"
    name = path.name.lower().removesuffix(".gz")
    name = name.replace(kind, other).replace(KINDS[kind], KINDS[other])
    near = [Path(each.path) for each in _entries(path.parent) if each.is_file()]
    pair = [each for each in near if each.name.lower().removesuffix(".gz") == name]
    partner = next((each for each in pair if each != path and _kind(each) == other), None)
    if partner is None:
        example = name if other in name else f"train-{other}-{KINDS[other]}-ubyte"
        raise DataError(f"{path}: has no file of {other} beside it, such as {example}")
    split = split_of(path.name) or WHOLE
    return {split: partial(_read, path.parent, split, {kind: [path], other: [partner]})}


def _fits(path: Path, head: bytes | None) -> bool:
    if head is None:
        return bool(_found(path))
    return head.startswith((b"\0\0\x08", b"\0\0\x0c", b"\x1f\x8b")) and _kind(path) is not None


def _parts(path: Path, how: Reading) -> Parts:
    return _parts_of_folder(path) if path.is_dir() else _beside(path, how)


FORMATS = (
    Format(
        "IDX files",
        "train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-...; classes.txt",
        _fits,
        _parts,
    ),
)
