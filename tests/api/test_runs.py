import shutil
from pathlib import Path

import pytest

from mlpcli.api import runs as index
from mlpcli.api.trainer import train
from mlpcli.config.load import load_config
from mlpcli.config.schema import Config
from mlpcli.errors import CheckpointError, ConfigError
from mlpcli.runs.folder import RunFolder


@pytest.fixture
def folder(settings: Config, tmp_path: Path) -> Path:
    """Three runs: one with AdamW, one deeper, and one whose record is torn."""
    other = settings.model_copy(
        update={"optimizer": load_config(None, ["optimizer.name=adamw"]).optimizer}
    )
    for name, chosen in (("a", settings), ("b", other), ("deep/seed-1", settings)):
        for _ in train(chosen.model_copy(update={"seed": len(name)}), tmp_path / "runs" / name):
            pass
    shutil.copytree(tmp_path / "runs" / "a", tmp_path / "runs" / "torn")
    (tmp_path / "runs" / "torn" / "run.json").write_text('{"schema": 1')
    return tmp_path / "runs"


def names(entries: list[index.Entry], folder: Path) -> list[str]:
    return [Path(entry.run).relative_to(folder).as_posix() for entry in entries]


def test_every_run_is_found_and_a_torn_one_is_called_damaged(folder: Path) -> None:
    found = index.find(folder)

    assert names(found, folder) == ["a", "b", "deep/seed-1", "torn"]
    assert [entry.status for entry in found] == [*["finished"] * 3, "damaged"]
    assert found[0].accuracy == RunFolder(folder / "a").load_record().best.validation_accuracy


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
    assert names(index.where(index.find(folder), conditions), folder) == expected


def test_runs_are_sorted_with_the_unknown_last(folder: Path) -> None:
    found = index.sort(index.find(folder), "seed", descending=True)

    assert names(found, folder) == ["deep/seed-1", "a", "b", "torn"]


@pytest.mark.parametrize("condition", ["data", "=mnist", "colour=red"])
def test_what_is_no_condition_is_refused(condition: str) -> None:
    with pytest.raises(ConfigError, match=f"--where {condition}: "):
        index.where([], [condition])


def test_the_settings_that_were_changed_are_told(folder: Path) -> None:
    changed = index.changed(folder / "b")

    assert changed["optimizer.name"] == "adamw"
    assert changed["network.hidden"] == [16, 8]
    assert "optimizer.lr" not in changed
    assert "network.activation" not in changed


def test_removing_a_run_leaves_what_is_not_its_own(folder: Path) -> None:
    (folder / "a" / "notes.txt").write_text("mine")

    index.remove(folder / "a")
    index.remove(folder / "torn")

    assert [path.name for path in (folder / "a").iterdir()] == ["notes.txt"]
    assert not (folder / "torn").exists()


def test_a_run_in_use_or_no_run_is_not_removed(folder: Path, tmp_path: Path) -> None:
    with held(folder / "a"), pytest.raises(CheckpointError, match="is writing a run here"):
        index.remove(folder / "a")
    with pytest.raises(CheckpointError, match="no run lies here"):
        index.remove(tmp_path)
    assert RunFolder(folder / "a").load_record().status == "finished"
