"""NumPy's formats: .npy, an array, and .npz, a zip archive of named arrays.

Before memory is allocated, the shape in an array's header is compared with the size in the
archive's directory. Code in a file is never run.
"""

import hashlib
import io
import math
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from mlpcli import files
from mlpcli.data.size_limits import MAX_FILE_SIZE, is_plausible_size
from mlpcli.errors import DataError

# as np.savez and np.savez_compressed write
COMPRESSION_TYPES = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
READ_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, ArithmeticError, TokenError)
HEADER_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


class Header(NamedTuple):
    """What is known of an array before it is read."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def is_archive(path: Path) -> bool:
    """Whether a zip file holds NumPy arrays; raises OSError."""
    try:
        with files.open_regular(path) as file, zipfile.ZipFile(file) as archive:
            return any(name.endswith(".npy") for name in archive.namelist())
    except (*READ_ERRORS, RuntimeError):  # also for a version that Python does not know
        return False


def headers(path: Path) -> dict[str, Header]:
    """Shape and dtype of each array of an .npz file; raises DataError, and OSError as it is.

    Members that are no arrays are left out, and arrays in a form for objects or records alone.
    """
    with (
        files.open_regular(path) as file,
        _errors_of(path, ".npz"),
        zipfile.ZipFile(file) as archive,
    ):
        found = (
            (m.filename.removesuffix(".npy"), _header_of(archive, m)) for m in archive.infolist()
        )
        return {name: header for name, header in found if header}


def arrays(
    path: Path, wanted: set[str], digest: "hashlib._Hash | None" = None
) -> dict[str, NDArray[Any]]:
    """Those of the wanted arrays that the file has, by name, in their own shape and dtype.

    digest: gets the very bytes that are decoded. Raises DataError for a damaged file, and OSError
    as it is.
    """
    content = files.read(path, limit=MAX_FILE_SIZE)
    if digest is not None:
        digest.update(content)
    with _errors_of(path, ".npz"), zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        return {name: _read_array(archive, members[name]) for name in wanted & members.keys()}


def header(path: Path) -> Header:
    """Shape and dtype of the array in an .npy file; raises as `headers` does."""
    with files.open_regular(path) as file, _errors_of(path, ".npy"):
        return _read_header(file, path.name)


def array(path: Path, digest: "hashlib._Hash | None" = None) -> NDArray[Any]:
    """The array in an .npy file; digest and errors as `arrays` has them."""
    content = files.read(path, limit=MAX_FILE_SIZE)
    if digest is not None:
        digest.update(content)
    with _errors_of(path, ".npy"):
        file = io.BytesIO(content)
        _require_size(_read_header(file, path.name), len(content) - file.tell(), path.name)
        file.seek(0)
        return np.asarray(npy.read_array(file, allow_pickle=False))


@contextmanager
def _errors_of(path: Path, form: str) -> Iterator[None]:
    """Turns what NumPy and zipfile raise for a damaged file into DataError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about headers that another NumPy version wrote
            yield
    except READ_ERRORS as err:
        reason = f"{err}".partition("\n")[0]
        raise DataError(f"{path}: not a readable {form} file: {reason}") from err
    except (RuntimeError, MemoryError, TypeError) as err:
        reason = "it has a password or invalid headers"
        raise DataError(f"{path}: not a readable {form} file: {reason}") from err


def _header_of(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Header | None:
    if member.compress_type not in COMPRESSION_TYPES:
        raise ValueError(f"{member.filename!r} is not compressed as NumPy does")
    with archive.open(member) as file:
        start = file.read(npy.MAGIC_LEN)
        if start[:-2] != npy.MAGIC_PREFIX or tuple(start[-2:]) not in HEADER_READERS:
            return None
    with archive.open(member) as file:
        return _read_header(file, member.filename)


def _read_header(file: IO[bytes], name: str) -> Header:
    """The header that a file begins with; leaves the file where the values begin."""
    version = npy.read_magic(file)
    if version not in HEADER_READERS:
        raise ValueError(f"{name!r} has a header of version {version}")
    shape, _, dtype = HEADER_READERS[version](file)
    return Header(shape, dtype)


def _require_size(found: Header, size: int, name: str) -> int:
    """The bytes that a header announces; raises ValueError unless there are as many plain ones."""
    if found.dtype.hasobject:
        raise ValueError(
            f"{name!r} holds Python objects, which are not loaded, as they may run code; "
            "save it as numbers or text, by .astype(int) or .astype(str)"
        )
    announced = math.prod(found.shape) * found.dtype.itemsize
    if announced != size:
        raise ValueError(
            f"{name!r} promises {found.dtype} of shape {found.shape}, {announced:,} bytes, "
            f"but {size:,} are in it"
        )
    return announced


def _read_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    """An array of the archive; raises ValueError if its header and its size disagree."""
    if member.compress_type not in COMPRESSION_TYPES:
        raise ValueError(f"{member.filename!r} is not compressed as NumPy does")
    with archive.open(member) as file:
        found = _read_header(file, member.filename)
        announced = _require_size(found, member.file_size - file.tell(), member.filename)
        if not is_plausible_size(member.compress_size, announced):
            raise ValueError(
                f"{member.filename!r} unpacks from {member.compress_size:,} to {announced:,} "
                "bytes, as no images do"
            )
    with archive.open(member) as file:
        return np.asarray(npy.read_array(file, allow_pickle=False))
