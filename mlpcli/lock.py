"""One process at a time in a folder.

The lock is the kernel's, so it goes with its process however that ends: there is no stale one.
"""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

LOCK = ".lock"  # holds the owner's PID; stays behind, since removing a lock's file is a race


@contextmanager
def held(folder: Path, busy: Callable[[str], None]) -> Iterator[None]:
    """Hold an existing folder; raises OSError where it cannot be written.

    busy: called with the PID of the process that holds it already; unless this raises, the folder
    is waited for.
    """
    path = folder / LOCK
    lock = FileLock(path, preserve_lock_file=True, on_acquired=_sign)
    try:
        lock.acquire(blocking=False)
    except NotImplementedError as err:
        raise OSError(errno.ENOLCK, "its file system has no locks") from err
    except Timeout:
        busy(path.read_text(encoding="utf-8", errors="replace").strip() or "unknown")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _sign(handle: int) -> None:
    os.ftruncate(handle, 0)
    os.write(handle, str(os.getpid()).encode())
