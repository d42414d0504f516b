"""A folder that another process holds is refused with the PID of that process."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from mlpcli.lock import LOCK_FILE, folder_lock


class Busy(Exception):
    """Raised instead of waiting."""


@pytest.mark.parametrize("left", ["", "of a process that is gone"])
def test_an_owner_that_has_not_signed_yet_is_waited_for(tmp_path: Path, left: str) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    path = tmp_path / LOCK_FILE
    path.write_text(left and str(gone.pid))

    with FileLock(path, preserve_lock_file=True):
        signing = threading.Timer(0.1, path.write_text, [str(os.getpid())])
        signing.start()
        with pytest.raises(Busy, match=f"^{os.getpid()}$"), folder_lock(tmp_path, refuse):
            pass
        signing.join()


@pytest.mark.slow
def test_an_owner_that_never_signs_is_called_unknown(tmp_path: Path) -> None:
    with (
        FileLock(tmp_path / LOCK_FILE, preserve_lock_file=True),
        pytest.raises(Busy, match=r"^unknown$"),
        folder_lock(tmp_path, refuse),
    ):
        pass


def refuse(owner: str) -> None:
    raise Busy(owner)
