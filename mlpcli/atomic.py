"""Files that are written whole or not at all."""

import os
from contextlib import suppress
from pathlib import Path

from mlpcli.errors import OutputError


def write(path: Path, data: bytes) -> None:
    """Put a file in place at once: temporary name, fsync, rename, fsync of the folder.

    Raises OutputError where the disk refuses; an earlier file is then as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync(path.parent)
    except OSError as err:
        with suppress(OSError):  # a disk that refuses writing may refuse this too
            temporary.unlink()
        raise OutputError(f"{path}: cannot write: {err.strerror}") from err


def sync(folder: Path) -> None:
    """Flush to the disk which files a folder has."""
    if os.name == "nt":  # Windows has no handle for a folder
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
