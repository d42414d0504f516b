"""One process at a time in a folder.

The lock is the kernel's, so it goes with its process however that ends: there is no stale one. A
file system that has no locks gets a file that names its owner's PID and host.
"""

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

LOCK_FILE = ".lock"  # holds the owner's PID; stays behind, since removing a lock's file is a race
SOFT_LOCK_FILE = ".lock.soft"  # where the file system has no locks; gone with its owner's work
MAX_PID_LENGTH = 20  # digits
MAX_SIGNING_TIME = 1.0  # seconds for an owner to write its PID after it has the lock
NO_FILE = (errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.EINVAL)  # a folder, link, socket
HAS_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)

Kind = Literal["kernel", "soft"]


@contextmanager
def folder_lock(folder: Path, busy: Callable[[str], None]) -> Iterator[Kind]:
    """Hold an existing folder; raises OSError where it cannot be written.

    busy: called with the owner, where a process holds it already; unless this raises, the folder is
    waited for. Yields the kind of lock: "soft" where the file system has no others.
    """
    path = folder / LOCK_FILE
    if os.path.lexists(path) and not is_ours(path):
        raise OSError(errno.EEXIST, f"{LOCK_FILE} is not a lock of mlp", str(path))
    try:
        with _held(FileLock(path, preserve_lock_file=True, on_acquired=_sign), busy, _owner):
            yield "kernel"
    except _NoLocksError:
        with _held(SoftFileLock(folder / SOFT_LOCK_FILE), busy, _soft_owner):
            yield "soft"


def soft_warning(folder: Path) -> str:
    """What there is to know of a folder that is held by a soft lock."""
    return (
        f"{folder}: its file system has no locks, so {SOFT_LOCK_FILE} is used instead; if this "
        "process is killed, delete that file before you continue on another host"
    )


def is_ours(path: Path) -> bool:
    """Whether a file can be a lock of `folder_lock`: it is empty, or holds a PID.

    Raises OSError where a file cannot be read.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        with open(path, "rb", opener=lambda name, _: os.open(name, flags)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return False
            content = file.read(MAX_PID_LENGTH + 1)
    except OSError as err:
        if err.errno in NO_FILE:
            return False
        raise
    return not content or (content.isdigit() and len(content) <= MAX_PID_LENGTH)


def is_running(pid: str) -> bool:
    """Whether a process of this machine has that PID."""
    try:
        os.kill(int(pid), 0)
    except (ValueError, OverflowError, OSError) as err:
        return isinstance(err, PermissionError)  # it is another user's
    return True


class _NoLocksError(Exception):
    """The file system of a folder has no locks."""


@contextmanager
def _held(
    lock: BaseFileLock, busy: Callable[[str], None], owner: Callable[[Path], str]
) -> Iterator[None]:
    try:
        try:
            lock.acquire(blocking=False)
        except Timeout:
            busy(owner(Path(lock.lock_file)))
            lock.acquire()
    except NotImplementedError as err:
        raise _NoLocksError from err
    except ExceptionGroup as err:  # from signing the lock, and from releasing it after that
        raise err.exceptions[0] from err
    except OSError as err:
        if err.errno in HAS_NO_LOCKS and not isinstance(lock, SoftFileLock):
            raise _NoLocksError from err
        raise
    try:
        yield
    finally:
        lock.release()


def _sign(handle: int) -> None:
    os.ftruncate(handle, 0)
    os.write(handle, str(os.getpid()).encode())


def _owner(path: Path) -> str:
    """PID of the process that has the lock; until it signs, the file may name one that is gone."""
    deadline = time.monotonic() + MAX_SIGNING_TIME
    while True:
        owner = path.read_text(encoding="utf-8", errors="replace").strip()
        if is_running(owner) or time.monotonic() > deadline:
            return owner or "unknown"
        time.sleep(0.01)


def _soft_owner(path: Path) -> str:
    """PID and host of the process that has the lock."""
    try:
        pid, host, *_ = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except (OSError, ValueError):  # it has just been released, or is being written
        return "unknown"
    return f"{pid} on {host}"
