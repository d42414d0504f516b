import os
import signal
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from mlpcli.api.grade_process import Outcome, run

CALLING = 'import sys; sys.stdout.write(\'{"event": "calling", "step": "grad_z3"}\\n\')\n'


def outcome(folder: Path, script: str, timeout: int = 20) -> Outcome:
    (folder / "script.py").write_text(textwrap.dedent(script), encoding="utf-8")
    packages = str(Path(np.__file__).parents[1])
    return run(str(folder / "script.py"), folder, packages=packages, timeout=timeout)


def test_messages_and_the_exit_status_are_reported(tmp_path: Path) -> None:
    found = outcome(tmp_path, CALLING + "sys.exit(7)")

    assert [message.header.step for message in found.messages] == ["grad_z3"]
    assert (found.status, found.garbled) == (7, False)


def test_a_process_that_sends_something_else_is_stopped(tmp_path: Path) -> None:
    found = outcome(tmp_path, CALLING + "while True: sys.stdout.write('x' * 10**6)", timeout=60)

    assert len(found.messages) == 1
    assert (found.status, found.garbled) == (-9, True)


def test_a_process_that_does_not_end_is_stopped(tmp_path: Path) -> None:
    found = outcome(tmp_path, CALLING + "sys.stdout.flush()\nwhile True: pass", timeout=1)

    assert len(found.messages) == 1
    assert found.status is None


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_a_child_that_got_away_with_the_pipe_is_not_waited_for(tmp_path: Path) -> None:
    found = outcome(
        tmp_path,
        """
        import os, time
        if os.fork() == 0:
            os.setsid()
            open("pid", "w").write(str(os.getpid()))
            time.sleep(60)
        while not os.path.exists("pid") or not open("pid").read(): time.sleep(0.01)
        """,
    )

    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)  # it is alive
    assert found.status == 0


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_a_child_in_its_session_ends_with_it(tmp_path: Path) -> None:
    outcome(
        tmp_path,
        """
        import os, time
        if os.fork() == 0:
            open("pid", "w").write(str(os.getpid()))
            time.sleep(60)
        while not os.path.exists("pid") or not open("pid").read(): time.sleep(0.01)
        """,
    )

    pid = int((tmp_path / "pid").read_text())
    for _ in range(500):  # it is killed, but takes a moment to end, and to be reaped
        if not _is_alive(pid):
            break
        time.sleep(0.01)
    assert not _is_alive(pid)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_it_gets_no_variable_that_it_does_not_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SECRET", "8")

    outcome(tmp_path, "import os, sys; print(sorted(os.environ), file=sys.stderr)")

    err = capfd.readouterr().err
    assert "SECRET" not in err
    assert str(tmp_path) not in err.replace("HOME", "")


def test_its_output_is_escaped_and_bounded(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    outcome(tmp_path, "import sys; sys.stderr.write('a\\x1b[31m' + 'é' * 100_000)")

    err = capfd.readouterr().err
    assert err.startswith("a\\u001b[31mé")
    assert err.endswith("\n... (more than 64 KiB of output; the rest is left out)\n")
    assert len(err.encode()) < 66_000
