"""The files that a user names: what is read from, and what is written to."""

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from mlpcli import atomic
from mlpcli.errors import OutputError

PIECE_SIZE = 1 << 20  # bytes
SYSTEM_NAMES = ("__MACOSX", "Thumbs.db", "desktop.ini")
KINDS = {
    stat.S_IFIFO: "named pipe",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
    stat.S_IFSOCK: "socket",
}


def is_hidden(name: str) -> bool:
    """Whether a file or a folder is hidden, or one that a system puts beside others."""
    return name.startswith(".") or name in SYSTEM_NAMES


def open_regular(path: Path) -> BufferedReader:
    """A file, open for reading; raises OSError at once for a folder, named pipe, device, socket."""
    try:
        # to open a named pipe could take for ever, and to read a device too
        handle = os.open(
            path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        )
    except OSError as err:
        if err.errno == errno.ENXIO:  # from a socket
            raise _wrong_kind(path, stat.S_IFSOCK) from err
        raise
    except ValueError as err:  # such as a byte 0 in the name
        raise OSError(errno.EINVAL, "cannot be the name of a file", str(path)) from err
    kind = stat.S_IFMT(os.fstat(handle).st_mode)
    if kind == stat.S_IFREG:
        return open(handle, "rb")
    os.close(handle)
    raise _wrong_kind(path, kind)


def read(path: Path, *, limit: int, allow_special: bool = False) -> bytes:
    """The content of a file; raises OSError, also where it has more than `limit` bytes.

    allow_special: the user has named this very file, so that it may be a named pipe or a device.
    """
    with path.open("rb") if allow_special else open_regular(path) as file:
        # piece by piece: a single read would take all the memory of the limit
        pieces = iter(partial(file.read, PIECE_SIZE), b"")
        content = b"".join(islice(pieces, limit // PIECE_SIZE + 1))
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"has more than {limit:,} bytes", str(path))
    return content


def claim(path: Path, is_ours: Callable[[BinaryIO], bool], *, overwrite: bool | None) -> None:
    """Raise OutputError unless a result may be written to a path.

    is_ours: whether the content of a file comes from the same command; such a file, and an empty
    one, is replaced without overwrite. overwrite: None if there is no such option.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        folder = (path.resolve() if path.is_symlink() else path).parent
        if not folder.is_dir():
            raise OutputError(f"{path}: cannot write: {folder} is not a folder") from None
        return
    except OSError as err:
        raise OutputError(f"{path}: cannot write: {err.strerror}") from err
    if stat.S_ISDIR(status.st_mode):
        raise OutputError(f"{path}: is a folder; name a file in it")
    if not stat.S_ISREG(status.st_mode):  # a device or a named pipe, which is written into
        return
    if not status.st_mode & 0o222:
        raise OutputError(f"{path}: is read-only; choose another file or make it writable")
    if status.st_size and not overwrite and not _is(path, is_ours):
        option = " or use --overwrite" if overwrite is not None else ""
        raise OutputError(
            f"{path}: exists, and this command has not written it; choose another name{option}"
        )


def write(path: Path, data: bytes) -> None:
    """Write a result: a file in one piece, in place of what a link leads to; raises OutputError.

    A device is written into, and a named pipe that is being read.
    """
    if path.exists() and not path.is_file():
        _write_into(path, data)
        return
    target = path.resolve()
    atomic.write(target, data)
    with suppress(OSError):  # the result is in place
        atomic.sweep(target)


def _write_into(path: Path, data: bytes) -> None:
    try:
        # without waiting for a reader, who may never come
        handle = os.open(path, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
        os.set_blocking(handle, True)
        with open(handle, "wb") as file:
            file.write(data)
    except OSError as err:
        reason = "nobody reads from it" if err.errno == errno.ENXIO else err.strerror
        raise OutputError(f"{path}: cannot write: {reason}") from err


def _is(path: Path, is_ours: Callable[[BinaryIO], bool]) -> bool:
    try:
        with open_regular(path) as file:
            return is_ours(file)
    except OSError as err:
        raise OutputError(f"{path}: cannot be read, so it is not replaced: {err.strerror}") from err


def _wrong_kind(path: Path, kind: int) -> OSError:
    if kind == stat.S_IFDIR:
        return IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    return OSError(errno.EINVAL, f"is a {KINDS.get(kind, 'special file')}, not a file", str(path))
