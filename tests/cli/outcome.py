"""One use of the program and its outcome: in this process, or in one of its own."""

import json
import os
import subprocess
import sys
from typing import Any, NamedTuple

from typer.testing import CliRunner

from mlpcli.cli import app

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


def start(
    args: tuple[str, ...],
    env: dict[str, str],
    *,
    stdout: int = subprocess.PIPE,
    stderr: int = subprocess.PIPE,
) -> subprocess.Popen[str]:
    """A process of its own, with nobody there to answer a question."""
    return subprocess.Popen(
        [sys.executable, "-m", "mlpcli", *args],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        encoding="utf-8",
        env=os.environ | env,
    )


def piped(*args: str, **env: str) -> Outcome:
    """Of a process whose standard output and standard error are pipes."""
    with start(args, env) as process:
        out, err = process.communicate(timeout=PATIENCE)
    return Outcome(process.returncode, out, err)


def on_terminal(*args: str, **env: str) -> Outcome:
    """Of a process whose standard error is a terminal; standard output is a pipe."""
    ours, theirs = os.openpty()
    with start(args, env, stderr=theirs) as process:
        os.close(theirs)
        err = b"".join(iter(lambda: _read(ours), b"")).decode()
        os.close(ours)
        out, _ = process.communicate(timeout=PATIENCE)
    return Outcome(process.returncode, out, err)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # how Linux says that the other side is closed
        return b""
