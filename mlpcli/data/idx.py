"""The IDX format of the MNIST family: a header of big-endian counts, then the values.

Source: LeCun, Cortes and Burges (1998), "The MNIST database of handwritten digits"; the label
table of QMNIST: Yadav and Bottou (2019), arXiv:1905.10498.
"""

import gzip
import hashlib
import io
import math
import os
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from mlpcli import files
from mlpcli.data.size_limits import MAX_FILE_SIZE, is_plausible_size
from mlpcli.errors import DataError

IMAGES, LABELS, LABEL_TABLE = 2051, 2049, 3074  # magic numbers: type and number of axes
TYPES: dict[int, np.dtype[Any]] = {
    IMAGES: np.dtype("u1"),
    LABELS: np.dtype("u1"),
    LABEL_TABLE: np.dtype(">i4"),
}
KINDS = {IMAGES: "images", LABELS: "labels", LABEL_TABLE: "labels"}
GZIP_PREFIX = b"\x1f\x8b"
CHUNK_SIZE = 1 << 20  # bytes unpacked at once; GzipFile needs a second buffer of this size


def images(path: Path, digest: "hashlib._Hash | None" = None) -> NDArray[Any]:
    """Images of a file: uint8 (n, height, width), memory-mapped if the file is uncompressed.

    digest: gets the very bytes that are decoded. Raises DataError, as `labels` does.
    """
    return _read(path, (IMAGES,), digest)


def labels(path: Path, digest: "hashlib._Hash | None" = None) -> NDArray[Any]:
    """Labels of a file: int64 (n,); of a label table, its first column."""
    values = _read(path, (LABELS, LABEL_TABLE), digest)
    if values.ndim == 2 and not values.shape[1]:
        raise DataError(f"{path}: its label table has no columns; fetch the file again")
    return (values[:, 0] if values.ndim == 2 else values).astype(np.int64)


def kind(path: Path) -> str | None:
    """What a file holds by its first bytes, "images" or "labels"; None if it is no such IDX file.

    Raises OSError.
    """
    with files.open_regular(path) as file:
        start = file.read(4)
        if start.startswith(GZIP_PREFIX):
            file.seek(0)
            try:
                with gzip.GzipFile(fileobj=file) as unpacked:
                    start = unpacked.read(4)
            except (EOFError, gzip.BadGzipFile, zlib.error):
                return None
    return KINDS.get(int.from_bytes(start, "big")) if len(start) == 4 else None


def header(magic: int, *counts: int) -> bytes:
    """The header of a file, which its values follow; counts: the length of each axis."""
    return np.array([magic, *counts], ">u4").tobytes()


def _read(path: Path, magics: tuple[int, ...], digest: "hashlib._Hash | None") -> NDArray[Any]:
    """The values of a file that begins with one of the magic numbers, in the shape it announces."""
    try:
        with files.open_regular(path) as file:
            if file.read(2) == GZIP_PREFIX:
                content = files.read(path, limit=MAX_FILE_SIZE)
                if digest is not None:
                    digest.update(content)
                with gzip.GzipFile(fileobj=io.BytesIO(content)) as unpacked:
                    return _unpack(unpacked, path, magics, len(content))
            file.seek(0)
            return _map(file, path, magics, digest)
    except EOFError as err:
        raise DataError(f"{path}: the gzip data is truncated; fetch the file again") from err
    except (gzip.BadGzipFile, zlib.error) as err:
        raise DataError(f"{path}: the gzip data is damaged; fetch the file again") from err
    except OSError as err:
        raise DataError(f"{path}: not readable: {err.strerror or err}") from err


def _unpack(
    file: gzip.GzipFile, path: Path, magics: tuple[int, ...], compressed: int
) -> NDArray[Any]:
    """The values of a compressed file of so many bytes."""
    dtype, shape = _read_header(file, path, magics)
    announced = math.prod(shape) * dtype.itemsize
    if not is_plausible_size(compressed, announced):
        raise DataError(f"{path}: its header promises {announced:,} bytes, which cannot be in it")
    values, size = np.empty(announced, np.uint8), 0
    while size < announced and (n := file.readinto(values[size : size + CHUNK_SIZE].data)):
        size += n
    if size == announced and not file.read(1):  # this read also verifies gzip's own checksum
        return values.view(dtype).reshape(shape)
    raise _wrong_size(path, shape, announced, f"{size:,}" if size < announced else "more")


def _map(
    file: BinaryIO, path: Path, magics: tuple[int, ...], digest: "hashlib._Hash | None"
) -> NDArray[Any]:
    """The values of an uncompressed file."""
    dtype, shape = _read_header(file, path, magics)
    start, announced = file.tell(), math.prod(shape) * dtype.itemsize
    size = os.fstat(file.fileno()).st_size - start
    if size != announced:
        raise _wrong_size(path, shape, announced, f"{size:,}")
    # a plain array: results of a np.memmap would be np.memmap too, which is slower
    content = np.asarray(np.memmap(file, np.uint8, mode="r"))
    if digest is not None:
        digest.update(content.data)
    return content[start:].view(dtype).reshape(shape)


def _wrong_size(path: Path, shape: tuple[int, ...], announced: int, held: str) -> DataError:
    return DataError(
        f"{path}: its header promises {'x'.join(map(str, shape))} values, {announced:,} bytes, "
        f"but it holds {held}; fetch the file again"
    )


def _read_header(
    file: BinaryIO | gzip.GzipFile, path: Path, magics: tuple[int, ...]
) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Type and shape of the values; leaves the file where they begin."""
    start = file.read(4)
    if start.lstrip()[:1] == b"<":
        raise DataError(f"{path}: is a web page, not IDX data; fetch the file again")
    magic = int.from_bytes(start, "big")
    if len(start) < 4 or magic not in magics:
        got = f"got {magic}" if len(start) == 4 else f"but the file has {len(start)} bytes"
        expected = " or ".join(map(str, magics))
        raise DataError(f"{path}: expected magic number {expected}, {got}; is it the right file?")
    counts = file.read(4 * (magic & 0xFF))
    if len(counts) < 4 * (magic & 0xFF):
        raise DataError(f"{path}: is truncated inside its header; fetch the file again")
    return TYPES[magic], tuple(int(n) for n in np.frombuffer(counts, ">u4"))
