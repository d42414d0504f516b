"""One process at a time in a run's folder.

The lock is the kernel's, so it goes with its process however that ends: there is no stale one.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from mlpcli.errors import CheckpointError

LOCK = ".lock"  # holds the owner's PID; stays behind, since removing a lock's file is a race


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold an existing folder; raises CheckpointError naming the process that holds it already."""
    path = folder / LOCK
    lock = FileLock(path, blocking=False, preserve_lock_file=True, on_acquired=_sign)
    try:
        lock.acquire()
    except Timeout as err:
        owner = path.read_text(encoding="utf-8", errors="replace").strip() or "unknown"
        raise CheckpointError(
            f"{folder}: process {owner} is writing a run here; wait for it or choose another folder"
        ) from err
    except OSError as err:
        raise CheckpointError(f"{folder}: cannot write the run here: {err.strerror}") from err
    except NotImplementedError as err:
        raise CheckpointError(
            f"{folder}: its file system has no locks; choose another --out"
        ) from err
    try:
        yield
    finally:
        lock.release()


def check_free(folder: Path) -> None:
    """Raise CheckpointError, as `held` does, when a process holds the folder now."""
    if (folder / LOCK).exists():
        with held(folder):
            pass


def _sign(handle: int) -> None:
    os.ftruncate(handle, 0)
    os.write(handle, str(os.getpid()).encode())
