"""The drawn digits, kept in the cache of data sets, since drawing them takes longer than reading.

A file holds the default number of images of a split, which begin every larger or smaller one. Its
name tells apart what can change a bit: the source that draws, NumPy and the processor's
instructions. It begins with the checksum of what follows; a file that is damaged, foreign or
cannot be read is drawn anew, and one that cannot be written is not needed.
"""

import hashlib
import os
import platform
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpcli import atomic, files
from mlpcli.data import cache as data_cache
from mlpcli.data import synth
from mlpcli.errors import DataError, OutputError

FOLDER = "synth"
MIN_COUNT = 2_000  # images; fewer are drawn as fast as the file is read
MAX_FILES = 3  # of a split, from several versions
# environment variables that choose other instructions, and so other last bits
VARIABLES = ("OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES")

Drawn = tuple[NDArray[np.uint8], NDArray[np.int64], str]


def split(name: str, count: int | None = None) -> Drawn:
    """What `synth.split` returns for these arguments, read from the cache where that is faster."""
    size = synth.SIZES[name]
    n = size if count is None else count
    stored = _read(name) if n >= MIN_COUNT else None
    if stored is None:
        drawn = synth.split(name, n)
        if n == size:
            _write(name, drawn)
        return drawn
    images, labels, _ = stored
    if n == size:
        return stored
    if n > size:
        more_images, more_labels = synth.draw(name, size, n)
        images = np.concatenate([images, more_images])
        labels = np.concatenate([labels, more_labels])
    images, labels = images[:n], labels[:n]
    return images, labels, synth.checksum(images, labels)


def _read(name: str) -> Drawn | None:
    """The images of a split in the cache; None unless they are whole and ours."""
    size = synth.SIZES[name]
    images = np.empty((size, synth.SIDE, synth.SIDE), np.uint8)
    labels = np.empty(size, np.int64)
    head = _head(name, "0" * 64)
    with suppress(OSError, DataError), files.open_regular(_path(name)) as file:
        if os.fstat(file.fileno()).st_size != len(head) + images.nbytes + labels.nbytes:
            return None
        head = file.read(len(head))
        file.readinto(images.data.cast("B"))
        file.readinto(labels.data.cast("B"))
        checksum = synth.checksum(images, labels)
        return (images, labels, checksum) if head == _head(name, checksum) else None
    return None


def _write(name: str, drawn: Drawn) -> None:
    """Keep the images of a split, and none of the oldest versions; a disk may refuse."""
    images, labels, checksum = drawn
    with suppress(OSError, DataError, OutputError):
        path = _path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write(path, b"".join([_head(name, checksum), images.data, labels.data]))
        atomic.sweep(path)
        versions = path.parent.glob(f"{name}-*.bin")
        for old in sorted(versions, key=_time, reverse=True)[MAX_FILES:]:
            old.unlink(missing_ok=True)


def _path(name: str) -> Path:
    return data_cache.folder() / FOLDER / f"{name}-{_version()[:12]}.bin"


def _head(name: str, checksum: str) -> bytes:
    """The line that begins a file."""
    return f"mlpcli {FOLDER} {name} {synth.SIZES[name]} {_version()} {checksum}\n".encode()


@cache
def _version() -> str:
    """A checksum of all on which a bit of the images can depend."""
    build: Any = np.show_config(mode="dicts")
    parts = (
        Path(synth.__file__).read_bytes(),
        np.__version__,
        platform.machine(),
        build.get("SIMD Extensions"),
        build.get("Build Dependencies", {}).get("blas"),
        *map(os.environ.get, VARIABLES),
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _time(path: Path) -> float:
    return path.stat().st_mtime
