"""The .npz format: a zip archive of named NumPy arrays.

Before memory is allocated, the shape in an array's header is compared with the size in the
archive's directory. Code in a file is never run.
"""

import hashlib
import io
import math
import warnings
import zipfile
import zlib
from pathlib import Path
from tokenize import TokenError
from typing import Any

from numpy.lib import format as npy
from numpy.typing import NDArray

from mlpcli import files
from mlpcli.data.idx import is_plausible_size
from mlpcli.errors import DataError

MAX_FILE_SIZE = 4 << 30  # bytes that are read into memory
# as np.savez and np.savez_compressed write
COMPRESSION_TYPES = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
READ_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, ArithmeticError, TokenError)
HEADER_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


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
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about headers that another NumPy version wrote
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            return {name: _read_array(archive, members[name]) for name in wanted & members.keys()}
    except READ_ERRORS as err:
        reason = f"{err}".partition("\n")[0]
        raise DataError(f"{path}: not a readable .npz file: {reason}") from err
    except (RuntimeError, MemoryError, TypeError) as err:
        reason = "it has a password or invalid headers"
        raise DataError(f"{path}: not a readable .npz file: {reason}") from err


def _read_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    """An array of the archive; raises ValueError if its header and its size disagree."""
    if member.compress_type not in COMPRESSION_TYPES:
        raise ValueError(f"{member.filename!r} is not compressed as NumPy does")
    with archive.open(member) as file:
        version = npy.read_magic(file)
        if version not in HEADER_READERS:
            raise ValueError(f"{member.filename!r} has a header of version {version}")
        shape, _, dtype = HEADER_READERS[version](file)
        if dtype.hasobject:
            raise ValueError("it holds Python objects, which are not loaded; store plain arrays")
        announced, size = math.prod(shape) * dtype.itemsize, member.file_size - file.tell()
        if announced != size:
            raise ValueError(
                f"{member.filename!r} promises {dtype} of shape {shape}, {announced:,} bytes, "
                f"but {size:,} are in it"
            )
        if not is_plausible_size(member.compress_size, announced):
            raise ValueError(
                f"{member.filename!r} unpacks from {member.compress_size:,} to {announced:,} "
                "bytes, as no images do"
            )
    with archive.open(member) as file:
        return npy.read_array(file, allow_pickle=False)
