"""One process at a time in a folder.

The lock is the kernel's, so it goes with its process however that ends: there is no stale one.
"""

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

LOCK_FILE = ".lock"  # holds the owner's PID; stays behind, since removing a lock's file is a race
MAX_SIGNING_TIME = 1.0  # seconds for an owner to write its PID after it has the lock


@contextmanager
def folder_lock(folder: Path, busy: Callable[[str], None]) -> Iterator[None]:
    """Hold an existing folder; raises OSError where it cannot be written.

    busy: called with the PID of the process that holds it already; unless this raises, the folder
    is waited for.
    """
    path = folder / LOCK_FILE
    lock = FileLock(path, preserve_lock_file=True, on_acquired=_sign)
    try:
        lock.acquire(blocking=False)
    except NotImplementedError as err:
        raise OSError(errno.ENOLCK, "its file system has no locks") from err
    except Timeout:
        busy(_owner(path))
        lock.acquire()
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
        if _runs(owner) or time.monotonic() > deadline:
            return owner or "unknown"
        time.sleep(0.01)


def _runs(pid: str) -> bool:
    """Whether a process of this machine has that PID."""
    try:
        os.kill(int(pid), 0)
    except (ValueError, OverflowError, OSError) as err:
        return isinstance(err, PermissionError)  # it is another user's
    return True
