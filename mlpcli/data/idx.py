"""The IDX format of the MNIST family: a header of big-endian counts, then the values.

Source: LeCun, Cortes and Burges (1998), "The MNIST database of handwritten digits"; the label
table of QMNIST: Yadav and Bottou (2019), arXiv:1905.10498.
"""

import gzip
import math
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from mlpcli.errors import DataError

IMAGES, LABELS, LABEL_TABLE = 2051, 2049, 3074  # magic numbers: type and number of axes
TYPES: dict[int, np.dtype[Any]] = {
    IMAGES: np.dtype("u1"),
    LABELS: np.dtype("u1"),
    LABEL_TABLE: np.dtype(">i4"),
}
CHUNK_SIZE = 1 << 20  # bytes unpacked at once: GzipFile fills a buffer by way of a copy as large
MAX_TRUSTED_SIZE = 64 << 20  # bytes
MAX_COMPRESSION_RATIO = (
    200  # times; images pack to a fifth, and what packs so much better is made to harm
)


def images(path: Path) -> NDArray[Any]:
    """Images of a file as uint8 (n, height, width); an uncompressed file is mapped, not read."""
    return _read(path, (IMAGES,))


def labels(path: Path) -> NDArray[Any]:
    """Labels of a file as int64 (n,); of a label table, its first column."""
    values = _read(path, (LABELS, LABEL_TABLE))
    if values.ndim == 2 and not values.shape[1]:
        raise DataError(f"{path}: its label table has no columns; fetch the file again")
    return (values[:, 0] if values.ndim == 2 else values).astype(np.int64)


def header(magic: int, *counts: int) -> bytes:
    """What a file opens with, before its values; counts: the length of each axis."""
    return np.array([magic, *counts], ">u4").tobytes()


def is_plausible_size(packed: int, promised: int) -> bool:
    """Whether memory may be asked for on the word of a file of `packed` bytes."""
    return promised <= max(MAX_TRUSTED_SIZE, MAX_COMPRESSION_RATIO * packed)


def _read(path: Path, magics: tuple[int, ...]) -> NDArray[Any]:
    try:
        with path.open("rb") as file:
            if file.read(2) != b"\x1f\x8b":
                return _read_uncompressed(file, path, magics)
            file.seek(0)
            with gzip.GzipFile(fileobj=file) as unzipped:
                return _read_gzip(unzipped, path, magics)
    except EOFError as err:
        raise DataError(f"{path}: the gzip data is truncated; fetch the file again") from err
    except (gzip.BadGzipFile, zlib.error) as err:
        raise DataError(f"{path}: the gzip data is damaged; fetch the file again") from err
    except OSError as err:
        raise DataError(f"{path}: not readable: {err.strerror or err}") from err


def _read_uncompressed(file: BinaryIO, path: Path, magics: tuple[int, ...]) -> NDArray[Any]:
    file.seek(0)
    dtype, shape = _read_header(file, path, magics)
    start, promised = file.tell(), math.prod(shape) * dtype.itemsize
    held = path.stat().st_size - start
    if held != promised:
        raise DataError(_size_mismatch(path, shape, promised, held))
    if promised == 0:
        return np.empty(shape, dtype)
    # a plain array, since np.memmap hands its class, and its cost, on to all that is made of it
    return np.asarray(np.memmap(path, dtype, mode="r", offset=start, shape=shape))


def _read_gzip(file: gzip.GzipFile, path: Path, magics: tuple[int, ...]) -> NDArray[Any]:
    dtype, shape = _read_header(file, path, magics)
    promised = math.prod(shape) * dtype.itemsize
    if not is_plausible_size(path.stat().st_size, promised):
        raise DataError(f"{path}: its header promises {promised:,} bytes, which cannot be in it")
    values = np.empty(promised, np.uint8)
    held = 0
    while held < promised and (n := file.readinto(values[held : held + CHUNK_SIZE].data)):
        held += n
    if held < promised or file.read(1):  # the last read checks the sum at the end as well
        raise DataError(_size_mismatch(path, shape, promised, held if held < promised else None))
    return values.view(dtype).reshape(shape)


def _read_header(
    file: BinaryIO | gzip.GzipFile, path: Path, magics: tuple[int, ...]
) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Type and shape of the values; leaves the file where they begin."""
    head = file.read(4)
    if head.lstrip()[:1] == b"<":
        raise DataError(f"{path}: is a web page, not IDX data; fetch the file again")
    magic = int.from_bytes(head, "big")
    if len(head) < 4 or magic not in magics:
        got = f"got {magic}" if len(head) == 4 else f"but the file has {len(head)} bytes"
        expected = " or ".join(map(str, magics))
        raise DataError(f"{path}: expected magic number {expected}, {got}; is it the right file?")
    counts = file.read(4 * (magic & 0xFF))
    if len(counts) < 4 * (magic & 0xFF):
        raise DataError(f"{path}: is truncated inside its header; fetch the file again")
    return TYPES[magic], tuple(int(n) for n in np.frombuffer(counts, ">u4"))


def _size_mismatch(path: Path, shape: tuple[int, ...], promised: int, held: int | None) -> str:
    size = "x".join(map(str, shape))
    found = "more" if held is None else f"{held:,}"
    return (
        f"{path}: its header promises {size} values, {promised:,} bytes, but it holds {found}; "
        "fetch the file again"
    )
