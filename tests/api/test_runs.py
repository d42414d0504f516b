import shutil
from pathlib import Path

import pytest

from mlpcli.api import runs
from mlpcli.api.trainer import train
from mlpcli.config.schema import Config
from mlpcli.errors import CheckpointError, ConfigError
from mlpcli.runs.folder import RunFolder
from tests.trainings import changed


@pytest.fixture
def folder(settings: Config, tmp_path: Path) -> Path:
    """Three runs: one with AdamW, one deeper, and one whose record is torn."""
    other = changed(settings, "optimizer.name=adamw")
    for name, chosen in (("a", settings), ("b", other), ("deep/seed-1", settings)):
        list(train(chosen.replace(seed=len(name)), tmp_path / "runs" / name))
    shutil.copytree(tmp_path / "runs" / "a", tmp_path / "runs" / "torn")
    record = tmp_path / "runs" / "torn" / "run.json"
    record.write_bytes(record.read_bytes()[:100])
    return tmp_path / "runs"


def names(entries: list[runs.Entry], folder: Path) -> list[str]:
    return [Path(entry.run).relative_to(folder).as_posix() for entry in entries]


def test_every_run_is_found_and_a_torn_one_is_called_damaged(folder: Path) -> None:
    found = runs.find(folder)

    assert names(found, folder) == ["a", "b", "deep/seed-1", "torn"]
    assert [entry.status for entry in found] == [*["finished"] * 3, "damaged"]
    best = RunFolder(folder / "a").load_record().best
    assert best is not None
    assert found[0].accuracy == best.validation_accuracy


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (["optimizer.name=adamw"], ["b"]),
        (["seed=11"], ["deep/seed-1"]),
        (["status=finished", "optimizer.name=sgd"], ["a", "deep/seed-1"]),
        (["data=elsewhere"], []),
    ],
)
def test_conditions_are_met_all_at_once(
    folder: Path, conditions: list[str], expected: list[str]
) -> None:
    assert names(runs.where(runs.find(folder), conditions), folder) == expected


def test_runs_are_sorted_with_the_unknown_last(folder: Path) -> None:
    found = runs.sort(runs.find(folder), "seed", descending=True)

    assert names(found, folder) == ["deep/seed-1", "a", "b", "torn"]


@pytest.mark.parametrize("condition", ["data", "=mnist", "colour=red"])
def test_what_is_no_condition_is_refused(condition: str) -> None:
    with pytest.raises(ConfigError, match=f"--where {condition}: "):
        runs.where([], [condition])


def test_details_have_the_record_and_the_changed_settings(folder: Path) -> None:
    run, record, changed = runs.details(folder / "b")

    assert run == str(folder / "b")
    assert record == RunFolder(folder / "b").load_record()
    assert changed["optimizer.name"] == "adamw"
    assert changed["network.hidden"] == [16, 8]
    assert "optimizer.lr" not in changed
    assert "network.activation" not in changed


def test_hidden_folders_hold_no_runs(folder: Path) -> None:
    shutil.copytree(folder / "a", folder / ".trash" / "a")

    assert names(runs.find(folder), folder) == ["a", "b", "deep/seed-1", "torn"]
    assert names(runs.find(folder / ".trash"), folder / ".trash") == ["a"]


def test_removing_a_run_leaves_what_is_not_its_own(folder: Path) -> None:
    (folder / "a" / "notes.txt").write_text("mine")
    for killed in (
        ".run.json.123.tmp",
        ".report.html.123.tmp",
    ):  # a process that was killed left it
        (folder / "a" / killed).touch()

    runs.remove(folder / "a")
    runs.remove(folder / "torn")

    assert [path.name for path in (folder / "a").iterdir()] == ["notes.txt"]
    assert not (folder / "torn").exists()


def test_a_run_in_use_or_no_run_is_not_removed(folder: Path, tmp_path: Path) -> None:
    with (
        RunFolder(folder / "a").lock(),
        pytest.raises(CheckpointError, match="is writing a run here"),
    ):
        runs.remove(folder / "a")
    with pytest.raises(CheckpointError, match="not a run folder"):
        runs.remove(tmp_path)
    assert RunFolder(folder / "a").load_record().status == "finished"
