"""Files that are written whole or not at all.

A folder may be moved while its files are written; with a descriptor of it, `dir_fd`, they go to
where it is now.
"""

import errno
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from mlpcli.errors import OutputError
from mlpcli.lock import is_running

CANNOT_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
HAS_DIR_FD = {os.open, os.rename, os.unlink} <= os.supports_dir_fd  # Windows has not


def write(path: Path, data: bytes, *, dir_fd: int | None = None) -> None:
    """Put a file in place at once: temporary name, fsync, rename, fsync of the folder.

    Raises OutputError where the disk refuses; an earlier file is then as it was.
    """
    new = temporary(path)
    try:
        try:
            with open(_at(new, dir_fd), "wb", opener=_opener(dir_fd)) as file:
                file.write(data)
                flush(file)
            source, target = _at(new, dir_fd), _at(path, dir_fd)
            os.replace(source, target, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
        except BaseException:
            with suppress(OSError):  # a disk that refuses writing may refuse this too
                os.unlink(_at(new, dir_fd), dir_fd=dir_fd)
            raise
        sync(path.parent, dir_fd=dir_fd)
    except OSError as err:
        raise OutputError(f"{path}: cannot write: {err.strerror}") from err


def append(path: Path, data: bytes, *, dir_fd: int | None = None) -> None:
    """Add to the end of a file and flush it; raises OutputError where the disk refuses."""
    try:
        with open(_at(path, dir_fd), "ab", opener=_opener(dir_fd)) as file:
            file.write(data)
            flush(file)
    except OSError as err:
        raise OutputError(f"{path}: cannot write: {err.strerror}") from err


def remove(path: Path, *, dir_fd: int | None = None) -> None:
    """Remove a file, if it is there; of a link, the link."""
    with suppress(FileNotFoundError):
        os.unlink(_at(path, dir_fd), dir_fd=dir_fd)


def sweep(path: Path, *, dir_fd: int | None = None) -> None:
    """Remove what killed processes have left of a file that they were about to write."""
    for leftover in leftovers(path, dir_fd=dir_fd):
        remove(leftover, dir_fd=dir_fd)


def temporary(path: Path) -> Path:
    """The name under which this process makes a file or folder, before it moves it into place."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def leftovers(path: Path, *, dir_fd: int | None = None) -> list[Path]:
    """What processes that are gone have made under such names."""
    pattern = re.compile(rf"\.{re.escape(path.name)}\.(\d+)\.tmp")
    names = os.listdir(path.parent if dir_fd is None else dir_fd)
    matches = [match for match in map(pattern.fullmatch, names) if match]
    return [path.with_name(match[0]) for match in matches if not is_running(match[1])]


def flush(file: IO[bytes]) -> None:
    """Flush to the disk what has been written into an open file."""
    file.flush()
    os.fsync(file.fileno())


def sync(folder: Path, *, dir_fd: int | None = None) -> None:
    """Flush to the disk which files a folder has, where its file system can."""
    if os.name == "nt":  # Windows has no handle for a folder
        return
    handle = os.open(folder, os.O_RDONLY) if dir_fd is None else dir_fd
    try:
        os.fsync(handle)
    except OSError as err:
        if err.errno not in CANNOT_SYNC:
            raise
    finally:
        if dir_fd is None:
            os.close(handle)


def _at(path: Path, dir_fd: int | None) -> Path | str:
    """A path as the functions of `os` take it: with the folder's descriptor, only its name."""
    return path if dir_fd is None else path.name


def _opener(dir_fd: int | None) -> Any:
    """How `open` opens a file for writing; a link in its place is an error, and not followed."""

    def opener(path: str, flags: int) -> int:
        flags |= getattr(os, "O_NOFOLLOW", 0)
        return os.open(path, flags, 0o666, dir_fd=dir_fd)

    return opener
