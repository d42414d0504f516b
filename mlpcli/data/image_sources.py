"""From paths and standard input to images: pictures, IDX and npz files, and folders.

The type of a file is decided by its first bytes, not by its name.
"""

import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli import files
from mlpcli.data import dataset, idx, npz, pictures
from mlpcli.errors import DataError

STDIN = "-"
MAX_STREAM_SIZE = 2 << 30  # bytes that are kept of a pipe
PIECE_SIZE = 1 << 20  # bytes
# first bytes of a file
IDX_PREFIXES = (b"\0\0\x08", b"\x1f\x8b")  # of unsigned bytes, and with gzip
NPZ_PREFIX = b"PK"
PICTURE_PREFIXES = (b"\x89PNG", b"\xff\xd8", b"GIF8", b"RIFF", b"BM", b"II", b"MM")
ARRAY_NAMES = ("images", "x", "arr_0", "x_test")  # of the images in an npz file, first match


class Source(NamedTuple):
    """Images of one size from one file."""

    name: str  # of the file, or "-"
    images: NDArray[np.uint8]  # (n, height, width)
    numbered: bool  # the format can hold many images; a picture file holds one


def find(paths: Iterable[str], stdin: BinaryIO) -> Iterator[Source | DataError]:
    """The images of each path, in order, or the error that prevents reading them.

    paths: files, folders, or "-" for standard input, which is either the content of one file or
    the paths of files and folders, one per line, each read as it arrives.
    """
    for path in paths:
        if path == STDIN:
            yield from _read_stdin(stdin)
        else:
            yield from _find_at(path)


def _find_at(path: str) -> Iterator[Source | DataError]:
    if not os.path.isdir(path):
        yield _read_named(path)
        return
    root = Path(path)
    files = sorted(file for file in root.rglob("*") if _is_picture(file.relative_to(root)))
    if not files:
        yield DataError(f"{path}: holds no pictures; name IDX and npz files themselves")
    for file in files:
        yield _read_file(str(file))


def _read_named(path: str) -> Source | DataError:
    """The images of a file, or of what a named pipe sends."""
    try:
        if stat.S_ISFIFO(os.stat(path).st_mode):
            with open(path, "rb") as pipe:
                return _read_stream(pipe, path)
    except OSError as err:
        return DataError(f"{path}: not readable: {err.strerror}")
    except ValueError:
        pass  # told by what follows
    return _read_file(path)


def _is_picture(path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.parts)
    return path.suffix.lower() in pictures.SUFFIXES and not hidden


def _read_file(path: str, name: str | None = None) -> Source | DataError:
    """The images of a file; name: shown in place of its path."""
    name = name or path
    try:
        with files.open_regular(Path(path)) as file:
            head = file.read(4)
        many = head.startswith((NPZ_PREFIX, *IDX_PREFIXES))
        return Source(name, _read_images(Path(path), head), numbered=many)
    except OSError as err:
        return DataError(f"{name}: not readable: {err.strerror or err}")
    except ValueError:
        return DataError(f"{name}: cannot be the name of a file")
    except DataError as err:
        return DataError(str(err).replace(path, name, 1))


def _read_images(path: Path, head: bytes) -> NDArray[np.uint8]:
    """The images of a file that begins with head: uint8 (n, height, width), n at least 1."""
    if head.startswith(NPZ_PREFIX):
        images = _read_npz(path)
    elif head.startswith(IDX_PREFIXES):
        images = idx.images(path)
    else:
        images = pictures.read(path)[None]
    if not images.size:
        raise DataError(f"{path}: holds no images")
    return images


def _read_npz(path: Path) -> NDArray[np.uint8]:
    """The first of the arrays of ARRAY_NAMES, (n, height, width) or one image (height, width)."""
    arrays = npz.arrays(path, set(ARRAY_NAMES))
    array = next((arrays[name] for name in ARRAY_NAMES if name in arrays), None)
    if array is None:
        raise DataError(f"{path}: has none of the arrays {', '.join(ARRAY_NAMES)}")
    images = array[None] if array.ndim == 2 else array
    dataset.require_images(str(path), images)
    return images


def _read_stdin(stdin: BinaryIO) -> Iterator[Source | DataError]:
    first = stdin.readline()
    if not first:
        yield DataError(f"{STDIN}: is empty; give it an image, or paths of images, one per line")
    if not _is_file_content(first):
        names = (os.fsdecode(line.rstrip(b"\r\n")) for line in chain([first], stdin))
        for name in filter(None, names):
            yield from _find_at(name)
        return
    yield _read_stream(stdin, STDIN, first)


def _read_stream(stream: BinaryIO, name: str, first: bytes | None = None) -> Source | DataError:
    """The images of a file that is sent; first: what of it has been read already."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder, "images")
        size, piece = 0, stream.read(PIECE_SIZE) if first is None else first
        with path.open("wb") as file:
            while piece and size <= MAX_STREAM_SIZE:
                size += file.write(piece)
                piece = stream.read(PIECE_SIZE)
        if size > MAX_STREAM_SIZE:
            return DataError(f"{name}: sends more than {MAX_STREAM_SIZE:,} bytes")
        return _read_file(str(path), name)


def _is_file_content(line: bytes) -> bool:
    """Whether the first line of standard input is the start of a file, not the path of one."""
    if b"\0" in line:
        return True
    is_path = os.path.exists(line.rstrip(b"\r\n"))
    return line.startswith((*PICTURE_PREFIXES, *IDX_PREFIXES, NPZ_PREFIX)) and not is_path
