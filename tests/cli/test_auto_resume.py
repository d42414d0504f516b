"""`mlp train --auto-resume`: one command starts a run, resumes it, and leaves it when finished."""

import signal
from pathlib import Path

import pytest

from mlpcli.runs.folder import RunFolder
from mlpcli.show import live
from mlpcli.training.progress import Metrics
from tests.cli.outcome import Outcome, call, refusal
from tests.fingerprint import result

DONE = "nothing is left to train; --"


def interrupted(*words: str, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """A command that a signal stops in its second epoch."""

    def row(metrics: Metrics, epochs: int, *, metric: str) -> str:
        signal.raise_signal(signal.SIGTERM)
        return ""

    with monkeypatch.context() as patch:
        patch.setattr(live, "row", row)
        return call(*words)


def test_one_command_starts_resumes_and_leaves_a_run(
    small: list[str], run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("train", *small, "--out", "a", "--auto-resume")

    stopped = interrupted(*words, monkeypatch=monkeypatch)
    resumed, finished = call(*words), call(*words)

    assert [each.status for each in (stopped, resumed, finished)] == [143, 0, 0]
    assert result(Path("a")) == result(Path(run))
    assert finished.err == f"warning: a: {DONE}epochs N adds epochs\n"
    assert finished.out == resumed.out


def test_one_command_starts_resumes_and_leaves_the_runs_of_seeds(
    small: list[str], run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("train", *small, "--name", "five", "--seeds", "2", "--auto-resume")

    stopped = interrupted(*words, monkeypatch=monkeypatch)
    resumed, finished = call(*words), call(*words)

    assert [each.status for each in (stopped, resumed, finished)] == [143, 0, 0]
    assert result(Path("runs/five/seed-0")) == result(Path(run))
    assert len(RunFolder(Path("runs/five")).series()) == 2
    assert finished.err == f"warning: runs/five: {DONE}seeds N adds seeds\n"
    assert finished.out == resumed.out


def test_settings_follow_the_rules_of_resume(small: list[str], run: str) -> None:
    words = ("train", *small, "--out", run, "--auto-resume")

    told = call(*words, "--set", "optimizer.lr=0.3").err.splitlines()
    added = call(*words, "--epochs", "4")

    assert told[0] == f"error: {run}: the settings differ; --force resumes all the same"
    assert told[1:] == ["  optimizer.lr: 0.1 in the run, 0.3 now"]
    assert added.status == 0
    assert RunFolder(Path(run)).load_record().epochs == 4


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("", "--auto-resume: needs the run's folder, --out or --name, and neither --resume nor"),
        ("--out a --overwrite", "--auto-resume: needs"),
        ("--resume run", "--auto-resume: needs"),
        ("--out run --seeds 2", "run: already contains a run"),
        ("--out a --name b", "--out and --name: both name the run's folder"),
    ],
)
def test_what_makes_no_sense_is_one_line(words: str, told: str, run: str) -> None:
    before = result(Path(run))

    assert refusal("train", "--auto-resume", *words.split()).startswith(told)
    assert result(Path(run)) == before
    assert not Path("a").exists()
