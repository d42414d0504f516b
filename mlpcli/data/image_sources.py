"""From paths and standard input to images: pictures, data of any format, and folders.

The type of a file is decided by its first bytes, not by its name.
"""

import os
import stat
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli import files
from mlpcli.data import idx, interpret, npz, pictures
from mlpcli.data.class_labels import label_count
from mlpcli.data.formats import archives
from mlpcli.data.formats import find as formats
from mlpcli.data.formats.numpy_files import NPY_PREFIX
from mlpcli.data.raw import AS_FOUND, WHOLE, Reading
from mlpcli.errors import DataError

STDIN = "-"
MAX_STREAM_SIZE = 2 << 30  # bytes that are kept of a pipe
PIECE_SIZE = 1 << 20  # bytes
# first bytes of a file
IDX_PREFIX = b"\0\0\x08"  # of unsigned bytes
DATA_PREFIXES = (IDX_PREFIX, idx.GZIP_PREFIX, b"PK", NPY_PREFIX)
PICTURE_PREFIXES = (b"\x89PNG", b"\xff\xd8", b"GIF8", b"RIFF", b"BM", b"II", b"MM")
SPLIT_ORDER = ("test", WHOLE, "train", "validation")  # the first that a file has is read


class Source(NamedTuple):
    """Images of one size from one file."""

    name: str  # of the file, or "-"
    images: NDArray[np.uint8]  # (n, height, width), with white 255
    numbered: bool  # the format can hold many images; a picture file holds one
    white: float = 255  # in the file


class Skipped(NamedTuple):
    """A file that was left out, of a folder or an archive."""

    name: str
    reason: str


Event = Source | DataError | Skipped


def find(paths: Iterable[str], stdin: BinaryIO, how: Reading = AS_FOUND) -> Iterator[Event]:
    """The images of each path, in order, or the error that prevents reading them.

    paths: files, folders, or "-" for standard input, which is either the content of one file or
    the paths of files and folders, one per line, each read as it arrives.
    how: what the files leave open; its white is that of files whose pixels come near it.
    """
    for path in paths:
        yield from _read_stdin(stdin, how) if path == STDIN else _find_at(path, how)


def _find_at(path: str, how: Reading) -> Iterator[Event]:
    if not os.path.isdir(path):
        content = _archive(path)
        if content is None or isinstance(content, DataError):
            yield content or _read_named(path, how)
            return
        for event in _find_at(str(content.root), how):
            yield _named(event, str(content.top), path)
        return
    is_picture = {file: _is_picture(file) for file in sorted(_files(Path(path)))}
    if not any(is_picture.values()):
        yield _read_file(path, how)
        return
    for file, whether in is_picture.items():
        yield _read_file(str(file), how) if whether else Skipped(str(file), pictures.NO_PICTURE)


def _files(root: Path) -> Iterator[Path]:
    """The files in a folder and in its folders, without hidden ones."""
    for file in root.rglob("*"):
        if not any(map(files.is_hidden, file.relative_to(root).parts)) and not file.is_dir():
            yield file


def _is_picture(path: Path) -> bool:
    """Whether a file in a folder is a picture, or cannot be read, which is an error later."""
    try:
        return pictures.reason_to_skip(path) != pictures.NO_PICTURE
    except OSError:
        return True


def _archive(path: str) -> archives.Unpacked | DataError | None:
    """What an archive holds; None for another file."""
    try:
        if os.path.isfile(path) and archives.is_archive(
            Path(path), _head(Path(path), formats.HEAD_SIZE)
        ):
            return archives.unpacked(Path(path))
    except OSError as err:
        return DataError(f"{path}: not readable: {err.strerror or err}")
    except DataError as err:
        return err
    return None


def _named(event: Event, old: str, new: str) -> Event:
    """An event that names the archive, not the folder that it was unpacked into."""
    if isinstance(event, DataError):
        return DataError(f"{event}".replace(old, new))
    return event._replace(name=event.name.replace(old, new))


def _read_named(path: str, how: Reading) -> Source | DataError:
    """The images of a file, or of what a named pipe sends."""
    try:
        if stat.S_ISFIFO(os.stat(path).st_mode):
            with open(path, "rb") as pipe:
                return _read_stream(pipe, path, how)
    except OSError as err:
        return DataError(f"{path}: not readable: {err.strerror}")
    except ValueError:
        pass  # a path that cannot be one, which `_read_file` reports
    return _read_file(path, how)


def _head(path: Path, size: int) -> bytes:
    try:
        with files.open_regular(path) as file:
            return file.read(size)
    except OSError:
        return b""


def _read_file(path: str, how: Reading, name: str | None = None) -> Source | DataError:
    """The images of a file or of a folder of data; name: shown in place of its path."""
    name = name or path
    try:
        head = None
        if not os.path.isdir(path):
            with files.open_regular(Path(path)) as file:
                head = file.read(formats.HEAD_SIZE)
        return _read_source(Path(path), head, name, how)
    except OSError as err:
        return DataError(f"{name}: not readable: {err.strerror or err}")
    except DataError as err:
        return DataError(str(err).replace(path, name, 1))


def _read_source(path: Path, head: bytes | None, name: str, how: Reading) -> Source:
    """The images of a file that begins with head, or of a folder; there is at least one."""
    array = _lone_array(path, head)
    if array is not None:
        picture, pixels = False, _images(array, None, how, path)
    elif formats.is_data(path, head):
        parts = formats.parts(path, how)
        raw = parts[next(split for split in (*SPLIT_ORDER, *parts) if split in parts)]()
        n = None if raw.labels is None else label_count(raw.labels, raw.images)
        picture, pixels = False, _images(raw.images, n, how, path)
    else:
        picture, pixels = True, pictures.read(path)[None]
    white = interpret.white_level_near(pixels, how.white or 255, source=f"{path}")
    if picture and white != how.white:
        white = 255  # one picture may well be dark
    return Source(name, interpret.to_bytes(pixels, white), not picture, float(white))


def _lone_array(path: Path, head: bytes | None) -> NDArray[Any] | None:
    """The array of an IDX or npy file, which need not have others beside it."""
    if head is None:
        return None
    if head.startswith(IDX_PREFIX) or _unpacked(head).startswith(IDX_PREFIX):
        return idx.images(path)
    return npz.array(path) if head.startswith(NPY_PREFIX) else None


def _unpacked(head: bytes) -> bytes:
    """The first bytes that a gzip file unpacks to; of other files, none."""
    if not head.startswith(idx.GZIP_PREFIX):
        return b""
    try:
        return zlib.decompressobj(wbits=31).decompress(head, 4)
    except zlib.error:
        return IDX_PREFIX  # whose reader says what is wrong


def _images(array: NDArray[Any], n: int | None, how: Reading, path: Path) -> NDArray[Any]:
    """Images (n, height, width) in their own dtype; an array (side, side) is one image."""
    if not array.size:
        raise DataError(f"{path}: holds no images")
    if n is None and array.ndim == 2 and array.shape[0] == array.shape[1]:
        array = array[None]
    return interpret.images(array, n, how, source=f"{path}")


def _read_stdin(stdin: BinaryIO, how: Reading) -> Iterator[Event]:
    first = stdin.readline()
    if not first:
        yield DataError(f"{STDIN}: is empty; give it an image, or paths of images, one per line")
    if not _is_file_content(first):
        names = (os.fsdecode(line.rstrip(b"\r\n")) for line in chain([first], stdin))
        for name in filter(None, names):
            yield from _find_at(name, how)
        return
    yield _read_stream(stdin, STDIN, how, first)


def _read_stream(
    stream: BinaryIO, name: str, how: Reading, first: bytes | None = None
) -> Source | DataError:
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
        return _read_file(str(path), how, name)


def _is_file_content(line: bytes) -> bool:
    """Whether the first line of standard input is the start of a file, not the path of one."""
    if b"\0" in line:
        return True
    is_path = os.path.exists(line.rstrip(b"\r\n"))
    begins = line.startswith((*PICTURE_PREFIXES, *DATA_PREFIXES)) or pictures.is_picture(line)
    return begins and not is_path
