"""An exception that nobody foresaw, and memory that runs out."""

from pathlib import Path

import pytest

from tests.cli.outcome import Outcome, piped, python

CRASH = """
import sys
from mlpcli.__main__ import main
from mlpcli.cli.error_boundary import Group

def fail(*args):
    raise ZeroDivisionError("one\\x1b[31m\\ntwo")

Group.invoke = fail
main()
"""
LIMITED = """
import resource
from mlpcli.__main__ import main

resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
main()
"""
WHAT = "internal error: ZeroDivisionError: one\\u001b[31m; "


def crashed(*args: str, **env: str) -> Outcome:
    return python(CRASH, *args, **env)


def test_a_mistake_is_told_in_one_line_and_the_details_are_in_a_file(tmp_path: Path) -> None:
    done = crashed("summary", "--json", TMPDIR=str(tmp_path))

    (details,) = tmp_path.iterdir()
    assert done == Outcome(70, "", f"{WHAT}the details are in {details}\n")
    text = details.read_text()
    assert text.startswith("mlp summary --json\nmlp ")
    assert "Traceback" in text
    assert text.endswith("two\n")


@pytest.mark.parametrize("args", [("--debug", "summary"), ("summary", "--debug")])
def test_debug_prints_the_details(tmp_path: Path, args: tuple[str, ...]) -> None:
    done = crashed(*args, TMPDIR=str(tmp_path))

    assert (done.status, done.out) == (70, "")
    assert "Traceback" in done.err
    assert not list(tmp_path.iterdir())


def test_details_that_cannot_be_written_do_not_hide_the_mistake(tmp_path: Path) -> None:
    nowhere = tmp_path / "none"
    script = f"import tempfile; tempfile.tempdir = {str(nowhere)!r}\n{CRASH}"
    done = python(script, "summary")

    expected = "--debug prints the details, which cannot be written: No such file or directory"
    assert done == Outcome(70, "", f"{WHAT}{expected}\n")


def test_a_command_that_works_may_be_debugged() -> None:
    assert piped("--debug", "summary") == piped("summary") == piped("summary", "--debug")


@pytest.mark.slow
@pytest.mark.parametrize("threads", ["1", "2"])
def test_too_little_memory_is_told_with_what_needs_less(tmp_path: Path, threads: str) -> None:
    pytest.importorskip("resource")
    words = "train --set data.name=synth --no-preflight --set network.hidden=[32768,8192] --threads"
    done = python(LIMITED, *words.split(), threads, "--out", str(tmp_path / "run"))

    assert (done.status, done.out) == (2, "")
    assert done.err.splitlines()[-1].startswith("error: not enough memory"), done
    assert "fewer --threads need less" in done.err
    assert done.err.count("\n") == 2  # the first line is of the data
