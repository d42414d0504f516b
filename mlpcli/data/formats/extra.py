"""What the formats of other programs have in common."""

import hashlib
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlpcli import files
from mlpcli.data.size_limits import MAX_FILE_SIZE
from mlpcli.errors import DataError

EXTRA = "formats"  # of pip: the libraries that read Parquet and HDF5 files


def content(path: Path) -> tuple[bytes, dict[str, str]]:
    """The bytes of a file, and their SHA-256 by the file's name; raises OSError."""
    read = files.read(path, limit=MAX_FILE_SIZE)
    return read, {path.name: hashlib.sha256(read).hexdigest()}


DECODE_ERRORS = (  # what these libraries raise for damaged files
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    NotImplementedError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
)


@contextmanager
def errors_of(path: Path, form: str) -> Iterator[None]:
    """Turns a missing library, and what one raises for a damaged file, into DataError."""
    try:
        yield
    except ImportError as err:
        raise DataError(
            f"{path}: reading {form} needs {err.name}; pip install 'mlp-trainer[{EXTRA}]'"
        ) from err
    except DECODE_ERRORS as err:
        reason = f"{err}".partition("\n")[0] or type(err).__name__
        raise DataError(f"{path}: not a readable {form} file: {reason}") from err
