"""One use of the program and its outcome: in this process, or in one of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from mlpcli.cli import app

CONTRACT = Path(__file__).parents[2] / "docs" / "contract.md"
PATIENCE = 60  # seconds that a process of ours may take


class Outcome(NamedTuple):
    """What a script sees of a command."""

    status: int
    out: str
    err: str


def call(*args: str, stdin: bytes = b"") -> Outcome:
    """Of a command in this process; an exception that the program does not expect is raised."""
    result = CliRunner().invoke(app, args, prog_name="mlp", catch_exceptions=False, input=stdin)
    return Outcome(result.exit_code, result.stdout, result.stderr)


def facts(outcome: Outcome) -> dict[str, Any]:
    """The one JSON object on standard output of a command that succeeded."""
    assert outcome.status == 0, outcome.err
    found = json.loads(outcome.out)
    assert isinstance(found, dict)
    return found


def output(outcome: Outcome) -> str:
    """Standard output of a command that succeeded and printed nothing on standard error."""
    assert (outcome.status, outcome.err) == (0, ""), outcome
    return outcome.out


def refusal(*args: str) -> str:
    """The one line with which a command refuses, without "error: "."""
    status, out, err = call(*args)
    assert (status, out) == (2, ""), args
    assert err.startswith("error: "), args
    assert err.endswith("\n"), args
    assert err.count("\n") == 1, args
    return err.removeprefix("error: ").rstrip("\n")


def kinds(found: dict[str, Any]) -> dict[str, set[str]]:
    """The keys of a JSON object by the type of their values."""
    names = {type(value).__name__ for value in found.values()}
    return {n: {key for key in found if type(found[key]).__name__ == n} for n in names}


def documented(found: Any) -> bool:
    """Whether docs/contract.md names every key of a JSON object, nested ones included."""
    if isinstance(found, list):
        return all(map(documented, found))
    if not isinstance(found, dict):
        return True
    page = CONTRACT.read_text(encoding="utf-8")
    return all(f"`{key}`" in page and documented(value) for key, value in found.items())


def start(args: tuple[str, ...], env: dict[str, str], **streams: int) -> subprocess.Popen[str]:
    """A process of its own, with nobody there to answer a question."""
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    words = [sys.executable, "-m", "mlpcli", *args]
    options = {"stdin": subprocess.DEVNULL, "encoding": "utf-8", "env": os.environ | env}
    return subprocess.Popen(words, **pipes | options | streams)


def piped(*args: str, **env: str) -> Outcome:
    """Of a process whose standard output and standard error are pipes."""
    with start(args, env) as process:
        out, err = process.communicate(timeout=PATIENCE)
    return Outcome(process.returncode, out, err)


def python(script: str, *args: str, **env: str) -> Outcome:
    """Of a script in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", script, *args],
        env=os.environ | env,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def hung_up(*args: str) -> Outcome:
    """Of a process whose reader has gone, as after `| head -1` at the worst moment."""
    theirs, ours = os.pipe()
    os.close(theirs)
    with start(args, {}, stdout=ours) as process:
        os.close(ours)
        _, err = process.communicate(timeout=PATIENCE)
    return Outcome(process.returncode, "", err)


def on_terminal(*args: str, **env: str) -> Outcome:
    """Of a process whose standard error is a terminal; standard output is a pipe."""
    if not hasattr(os, "openpty"):
        pytest.skip("no pseudo-terminals here")
    ours, theirs = os.openpty()
    with start(args, env, stderr=theirs) as process:
        os.close(theirs)
        err = b"".join(iter(lambda: _read(ours), b"")).decode()
        os.close(ours)
        out, _ = process.communicate(timeout=PATIENCE)
    return Outcome(process.returncode, out, err)


def on_narrow_terminal(columns: int, *args: str) -> Outcome:
    """Of a process all of whose output goes to a terminal of that width."""
    termios = pytest.importorskip("termios", reason="no pseudo-terminals here")
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (40, columns))
    with start(args, {"NO_COLOR": "1"}, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        out = b"".join(iter(lambda: _read(ours), b"")).decode()
        os.close(ours)
        process.wait(timeout=PATIENCE)
    return Outcome(process.returncode, out.replace("\r\n", "\n"), "")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # how Linux says that the other side is closed
        return b""
