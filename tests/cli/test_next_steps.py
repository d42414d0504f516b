"""The line with which commands end on a terminal: what people run next."""

import re
import shlex
import stat
from pathlib import Path

import pytest

from tests.cli.outcome import call, on_narrow_terminal, on_terminal, piped

DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(autouse=True)
def installed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `mlp` that the shell finds."""
    program = place / "bin" / "mlp"
    program.parent.mkdir()
    program.touch()
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")


def last(*words: str) -> str:
    """The last line on a terminal, of a command that succeeded."""
    status, shown, _ = on_narrow_terminal(80, *words)
    assert status == 0, shown
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).splitlines()[-1]


def test_a_training_leads_to_its_report(small: list[str]) -> None:
    line = last("train", *small, "--name", "my first")

    assert line == "next: mlp report 'my first' --open"
    _, report, run, *_ = shlex.split(line.removeprefix("next: "))
    assert call(report, run).status == 0


def test_a_run_is_named_so_that_it_is_found(small: list[str], run: str) -> None:
    assert last("train", *small, "--out", "a") == "next: mlp report a --open"
    assert last("train", *small, "--name", run) == f"next: mlp report runs/{run} --open"


def test_several_seeds_lead_to_their_evaluation(small: list[str]) -> None:
    assert last("train", *small, "--seeds", "2", "--name", "two") == "next: mlp eval two"


@pytest.mark.skipif(not DATA.is_dir(), reason="needs the published files in ../shared/data")
def test_a_download_leads_to_a_training() -> None:
    assert last("download", "mnist", "--from", str(DATA)) == "next: mlp train mnist"
    assert "next:" not in last("download", "mnist", "--json")
    assert "next:" not in last("download", "mnist", "--verify")


@pytest.mark.parametrize("option", ["--quiet", "--json", "--markdown"])
def test_who_asks_for_less_gets_no_next_step(small: list[str], option: str) -> None:
    assert "next:" not in last("train", *small, "--out", "a", option)


def test_a_pipe_and_a_log_get_no_next_step(
    small: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = [on_terminal("train", *small, "--out", "a"), piped("train", *small, "--out", "b")]
    monkeypatch.setenv("CI", "true")
    outcomes.append(on_narrow_terminal(80, "train", *small, "--out", "c"))

    for status, out, err in outcomes:
        assert status == 0
        assert "next:" not in out + err


def test_a_program_that_the_shell_does_not_find_is_named_by_its_path(
    small: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    assert last("train", *small, "--out", "a") == "next: python -m mlpcli report a --open"
