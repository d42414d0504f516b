"""`mlp train --auto-resume`: one command starts a run, resumes it, and leaves it when finished."""

import signal
from operator import methodcaller
from pathlib import Path

import pytest

from mlpcli.runs.folder import RunFolder
from mlpcli.show import live
from mlpcli.training.progress import Metrics
from tests.cli.outcome import Outcome, call, documented, facts, on_terminal, refusal
from tests.fingerprint import result
from tests.trainings import edit_json


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
    assert finished.err == "note: a: already finished after 3 epochs; a larger --epochs adds more\n"
    assert finished.out == "run: a\n"


def test_one_command_starts_resumes_and_leaves_the_runs_of_seeds(
    small: list[str], run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("train", *small, "--name", "five", "--seeds", "2", "--auto-resume")

    stopped = interrupted(*words, monkeypatch=monkeypatch)
    resumed, finished = call(*words), call(*words)

    assert [each.status for each in (stopped, resumed, finished)] == [143, 0, 0]
    assert result(Path("runs/five/seed-0")) == result(Path(run))
    assert len(RunFolder(Path("runs/five")).series()) == 2
    assert (
        finished.err == "note: runs/five: all 2 seeds are already finished; --seeds N adds more\n"
    )
    assert finished.out == "run: runs/five\n"


@pytest.mark.parametrize("options", [(), ("--auto-resume", "--quiet")])
def test_json_has_the_result_of_a_finished_run_and_says_that_it_is_not_new(
    small: list[str], options: tuple[str, ...]
) -> None:
    words = ("train", *small, "--json", "--out", "a")
    new = facts(call(*words))

    again = call(*words, *options) if options else call("train", "--resume", "a", "--json")
    old = facts(again)

    assert (new.pop("already_finished"), old.pop("already_finished")) == (False, True)
    assert old == new
    assert documented({"already_finished": True})
    assert again.err == "note: a: already finished after 3 epochs; a larger --epochs adds more\n"


def test_the_speed_is_that_of_all_epochs_also_of_a_resumed_run(
    small: list[str], run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for line, (seconds, speed) in enumerate([(1.0, 100.0), (3.0, 300.0), (0.0, 0.0)]):
        values = {"seconds": seconds, "images_per_second": speed}
        edit_json(Path(run, "metrics.jsonl"), methodcaller("update", values), line)

    found = facts(call("train", "--resume", run, "--json"))

    assert found["images_per_second"] == 250


@pytest.mark.slow
def test_a_terminal_gets_the_note_on_a_finished_run_and_no_panel(run: str) -> None:
    status, out, err = on_terminal("train", "--resume", run)

    told = f"note: {run}: already finished after 3 epochs; a larger --epochs adds more"
    assert (status, out) == (0, f"run: {run}\n")
    assert err == f"{told}\r\n"


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
