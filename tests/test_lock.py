"""A folder that another process holds is refused with the PID of that process."""

import errno
import os
import re
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from mlpcli.api.trainer import Notice, train
from mlpcli.config.schema import Config
from mlpcli.lock import LOCK_FILE, folder_lock
from mlpcli.runs.folder import RunFolder


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


@pytest.fixture(params=["ENOLCK", "ENOSYS", "EINVAL", "ENOTSUP"])
def without_locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without locks, which cannot flush folders either."""
    fcntl = pytest.importorskip("fcntl")
    number = getattr(errno, request.param)
    fsync = os.fsync

    def refuse_lock(handle: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    def refuse_folders(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(number if number != errno.ENOLCK else errno.EINVAL, "no")
        fsync(handle)

    monkeypatch.setattr(fcntl, "flock", refuse_lock)
    monkeypatch.setattr(os, "fsync", refuse_folders)


@pytest.mark.usefixtures("without_locks")
def test_without_locks_a_file_names_the_owner_and_its_host(tmp_path: Path) -> None:
    with folder_lock(tmp_path, refuse) as kind:
        assert kind == "soft"
        with (
            pytest.raises(Busy, match=f"^{os.getpid()} on {re.escape(socket.gethostname())}$"),
            folder_lock(tmp_path, refuse),
        ):
            pass
    with folder_lock(tmp_path, refuse) as kind:
        assert kind == "soft"


@pytest.mark.usefixtures("without_locks")
def test_without_locks_a_run_is_trained_with_a_warning(settings: Config, tmp_path: Path) -> None:
    events = list(train(settings, tmp_path / "run", preflight=False))

    (notice,) = [event for event in events if isinstance(event, Notice)]
    assert "its file system has no locks, so .lock.soft is used instead" in notice.text
    assert RunFolder(tmp_path / "run").load_record().status == "finished"
    assert not (tmp_path / "run" / ".lock.soft").exists()


@pytest.mark.parametrize("content", ["mine", "1 2", "-1", "9" * 30])
def test_a_file_of_that_name_that_is_no_lock_is_kept(tmp_path: Path, content: str) -> None:
    (tmp_path / LOCK_FILE).write_text(content)

    with pytest.raises(OSError, match="is not a lock of mlp"), folder_lock(tmp_path, refuse):
        pass
    assert (tmp_path / LOCK_FILE).read_text() == content
