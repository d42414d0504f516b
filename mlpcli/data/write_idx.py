"""Writes a data set as a folder of plain IDX files, which are memory-mapped when read."""

from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpcli import atomic
from mlpcli.data import dataset, idx, synth
from mlpcli.errors import DataError

CHUNK_SIZE = 10_000  # images drawn and written at once
PREFIXES = {"train": "train", "test": "t10k"}  # of the file names, by split
IMAGE_FILE, LABEL_FILE = "{}-images-idx3-ubyte", "{}-labels-idx1-ubyte"
CLASS_FILE = "classes.txt"
MAX_LABELS = 256  # distinct labels of one byte

Chunk = tuple[NDArray[np.uint8], NDArray[Any]]  # images (n, height, width), labels (n,)
# shape of a split's images, and what reads those from `first` to `last - 1`
Source = tuple[tuple[int, ...], Callable[[int, int], Chunk]]


def write(
    name: str, folder: Path, *, images: int | None = None, offline: bool = False
) -> Generator[tuple[int, int]]:
    """Write both splits of a data set into a new folder; yields (images written, images in all).

    images: number of training images to draw, only for synth; they are never in memory together.
    The folder appears once it is complete. Raises DataError.
    """
    if not folder.name or folder.name == "..":
        raise DataError(f"{folder}: name a new folder")
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise DataError(f"{folder}: exists; name a new folder")
    new = atomic.temporary(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        for leftover in (new, *atomic.leftovers(folder)):
            _remove(leftover)
        new.mkdir()
        yield from _fill(new, name, images=images, offline=offline)
        atomic.sync(new)
        new.replace(folder)
        atomic.sync(folder.parent)
    except OSError as err:
        raise DataError(f"{folder}: cannot write: {err.strerror}") from err
    finally:
        _remove(new)


def counts(folder: Path) -> dict[str, int]:
    """The number of images of each split in a folder that `write` has made."""
    return {
        s: len(idx.labels(folder / LABEL_FILE.format(prefix))) for s, prefix in PREFIXES.items()
    }


def _fill(
    folder: Path, name: str, *, images: int | None, offline: bool
) -> Generator[tuple[int, int]]:
    """Write the files of a data set into a folder; yields as `write` does."""
    sources: dict[str, Source]
    if name == "synth":
        sizes = synth.SIZES | ({} if images is None else {"train": images})
        classes, side = synth.CLASSES, synth.SIDE
        sources = {s: ((size, side, side), partial(synth.draw, s)) for s, size in sizes.items()}
    else:
        if images is not None:
            raise DataError(f"--images: {name!r} has its own number of images; only synth is drawn")
        splits = {s: dataset.load(name, s, offline=offline) for s in PREFIXES}
        classes = splits["train"].classes
        sources = {s: (split.images.shape, partial(_rows, split)) for s, split in splits.items()}
    if len(classes) > MAX_LABELS:
        raise DataError(f"{name}: has {len(classes)} classes; IDX labels hold at most {MAX_LABELS}")
    if bad := [each for each in classes if each.splitlines(keepends=True) != [each.strip()]]:
        raise DataError(f"{name}: a class is named {bad[0]!r}, which cannot be a line of a file")
    with (folder / CLASS_FILE).open("wb") as file:
        file.write("".join(f"{c}\n" for c in classes).encode())
        atomic.flush(file)
    done, total = 0, sum(shape[0] for shape, _ in sources.values())
    for split, source in sources.items():
        for written in _write_split(folder, PREFIXES[split], source):
            done += written
            yield done, total


def _remove(folder: Path) -> None:
    """Remove a folder that has not been finished, if it is there."""
    names = [
        form.format(prefix) for form in (IMAGE_FILE, LABEL_FILE) for prefix in PREFIXES.values()
    ]
    with suppress(OSError):
        for name in (CLASS_FILE, *names):
            (folder / name).unlink(missing_ok=True)
        folder.rmdir()


def _rows(split: dataset.Split, first: int, last: int) -> Chunk:
    return split.images[first:last], split.labels[first:last]


def _write_split(folder: Path, prefix: str, source: Source) -> Iterator[int]:
    """Write the images and labels of a split; yields the size of each chunk."""
    (n, *size), read = source
    with (
        (folder / IMAGE_FILE.format(prefix)).open("wb") as images,
        (folder / LABEL_FILE.format(prefix)).open("wb") as labels,
    ):
        images.write(idx.header(idx.IMAGES, n, *size))
        labels.write(idx.header(idx.LABELS, n))
        for first in range(0, n, CHUNK_SIZE):
            x, y = read(first, min(first + CHUNK_SIZE, n))
            images.write(np.ascontiguousarray(x).data)
            labels.write(y.astype(np.uint8).data)
            yield len(y)
        for file in (images, labels):
            atomic.flush(file)
