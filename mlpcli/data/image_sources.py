"""From what a user points at to images: pictures, IDX and npz files, folders, standard input.

What a file is, its first bytes decide, not its name.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli.data import dataset, idx, npz, pictures
from mlpcli.errors import DataError

STDIN = "-"
IDX = (b"\0\0\x08", b"\x1f\x8b")  # first bytes: of unsigned bytes, or packed with gzip
NPZ = b"PK"
PICTURES = (b"\x89PNG", b"\xff\xd8", b"GIF8", b"RIFF", b"BM", b"II", b"MM")
ARRAYS = ("images", "x", "arr_0", "x_test")  # where an npz file has its images, the first found


class Source(NamedTuple):
    """Images of one size from one place."""

    name: str  # of the file, or "-"
    images: NDArray[np.uint8]  # (n, height, width)
    numbered: bool  # it may hold many; a picture file holds one


def find(places: Iterable[str], stdin: BinaryIO) -> Iterator[Source | DataError]:
    """The images at each place, one after the other, or why there are none.

    places: files, folders, or "-" for standard input, which is the bytes of one file, or names of
    files and folders, one a line, each looked at when it comes. Raises ConfigError without Pillow.
    """
    for place in places:
        if place == STDIN:
            yield from _piped(stdin)
        else:
            yield from _at(place)


def _at(place: str) -> Iterator[Source | DataError]:
    if not os.path.isdir(place):
        yield _file(place)
        return
    root = Path(place)
    files = sorted(file for file in root.rglob("*") if _is_picture(file.relative_to(root)))
    if not files:
        yield DataError(f"{place}: holds no pictures; IDX and npz files are named themselves")
    for file in files:
        yield _file(str(file))


def _is_picture(path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.parts)
    return path.suffix.lower() in pictures.SUFFIXES and not hidden


def _file(place: str, name: str | None = None) -> Source | DataError:
    """The images of a file, which goes by another name where one is given."""
    name = name or place
    try:
        with open(place, "rb") as file:
            head = file.read(4)
        many = head.startswith((NPZ, *IDX))
        return Source(name, _images(Path(place), head), numbered=many)
    except OSError as err:
        return DataError(f"{name}: not readable: {err.strerror or err}")
    except ValueError:
        return DataError(f"{name}: cannot be the name of a file")
    except DataError as err:
        return DataError(str(err).replace(place, name, 1))


def _images(path: Path, head: bytes) -> NDArray[Any]:
    if head.startswith(NPZ):
        images = _npz(path)
    elif head.startswith(IDX):
        images = idx.images(path)
    else:
        images = pictures.read(path)[None]
    if not images.size:
        raise DataError(f"{path}: holds no images")
    return images


def _npz(path: Path) -> NDArray[Any]:
    held = npz.arrays(path, set(ARRAYS))
    array = next((held[name] for name in ARRAYS if name in held), None)
    if array is None:
        raise DataError(f"{path}: has none of the arrays {', '.join(ARRAYS)}")
    images = array[None] if array.ndim == 2 else array
    dataset.require_images(str(path), images)
    return images


def _piped(stdin: BinaryIO) -> Iterator[Source | DataError]:
    first = stdin.readline()
    if not first:
        yield DataError(f"{STDIN}: is empty; give it names of images, one a line, or an image")
    if not _begins_a_file(first):
        names = (os.fsdecode(line.rstrip(b"\r\n")) for line in chain([first], stdin))
        yield from (found for name in names if name for found in _at(name))
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder, "stdin")
        with path.open("wb") as file:
            file.write(first)
            shutil.copyfileobj(stdin, file)
        yield _file(str(path), STDIN)


def _begins_a_file(line: bytes) -> bool:
    """Whether these bytes, up to a line's end, begin a file and are not the name of one."""
    if b"\0" in line:
        return True
    name = line.rstrip(b"\r\n")
    return line.startswith((*PICTURES, *IDX, NPZ)) and not os.path.exists(name)
