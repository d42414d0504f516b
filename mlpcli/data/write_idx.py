"""Writes a data set as a folder of plain IDX files, which are mapped when read, not loaded."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpcli.data import dataset, idx, synth
from mlpcli.errors import DataError

PART = 10_000  # images drawn and written at once
FILES = {"train": "train", "test": "t10k"}  # how the names of files call the splits
IMAGES, LABELS = "{}-images-idx3-ubyte", "{}-labels-idx1-ubyte"
MOST = 256  # classes that a label of one byte can tell apart

Part = tuple[NDArray[np.uint8], NDArray[Any]]


def write(
    name: str, folder: Path, *, images: int | None = None, offline: bool = False
) -> Iterator[tuple[int, int]]:
    """Write both splits of a data set into a new folder; yields images written, and to write.

    images: how many training images to draw, for synth alone; they are never in memory together.
    The folder appears when all is in it. Raises DataError.
    """
    if not folder.name or folder.name == "..":
        raise DataError(f"{folder}: name a new folder")
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise DataError(f"{folder}: exists; name a new folder")
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    try:
        temporary.mkdir(parents=True)
        yield from _fill(temporary, name, images=images, offline=offline)
        temporary.replace(folder)
    except OSError as err:
        raise DataError(f"{folder}: cannot write: {err.strerror}") from err
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def counts(folder: Path) -> dict[str, int]:
    """How many images each split has that `write` has put into a folder."""
    return {s: len(idx.labels(folder / LABELS.format(prefix))) for s, prefix in FILES.items()}


def _fill(
    folder: Path, name: str, *, images: int | None, offline: bool
) -> Iterator[tuple[int, int]]:
    if name == "synth":
        counts = {**synth.SIZES, **({"train": images} if images is not None else {})}
        shapes = dict.fromkeys(counts, (synth.SIDE, synth.SIDE))
        classes = synth.CLASSES
        parts = {split: _drawn(split, count) for split, count in counts.items()}
    else:
        splits = {s: dataset.load(name, s, offline=offline, images=images) for s in FILES}
        counts = {split: len(held.labels) for split, held in splits.items()}
        shapes = {split: held.images.shape[1:] for split, held in splits.items()}
        classes = splits["train"].classes
        parts = {split: _cut(held) for split, held in splits.items()}
    if len(classes) > MOST:
        raise DataError(f"{name}: has {len(classes)} classes; IDX labels hold at most {MOST}")
    if odd := [each for each in classes if each.splitlines(keepends=True) != [each.strip()]]:
        raise DataError(f"{name}: a class is named {odd[0]!r}, which cannot be a line of a file")
    (folder / "classes.txt").write_text("".join(f"{c}\n" for c in classes), encoding="utf-8")
    done, total = 0, sum(counts.values())
    for split, count in counts.items():
        for written in _write_split(folder, FILES[split], count, shapes[split], parts[split]):
            done += written
            yield done, total


def _drawn(split: str, count: int) -> Iterator[Part]:
    for first in range(0, count, PART):
        yield synth.draw(split, first, min(first + PART, count))


def _cut(held: dataset.Split) -> Iterator[Part]:
    for first in range(0, len(held.labels), PART):
        yield held.images[first : first + PART], held.labels[first : first + PART]


def _write_split(
    folder: Path, prefix: str, count: int, shape: tuple[int, ...], parts: Iterator[Part]
) -> Iterator[int]:
    """Write the images and the labels of a split; yields how many after each part."""
    with (
        (folder / IMAGES.format(prefix)).open("wb") as images,
        (folder / LABELS.format(prefix)).open("wb") as labels,
    ):
        images.write(idx.opening(idx.IMAGES, count, *shape))
        labels.write(idx.opening(idx.LABELS, count))
        for x, y in parts:
            images.write(np.ascontiguousarray(x).data)
            labels.write(y.astype(np.uint8).data)
            yield len(y)
        for file in (images, labels):
            file.flush()
            os.fsync(file.fileno())
