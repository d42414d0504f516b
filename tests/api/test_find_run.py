"""Which run a word means: a folder, a name in runs/, or the latest finished one."""

import json
import os
from pathlib import Path

import pytest

from mlpcli.api.find_run import MAX_LISTED, find, latest
from mlpcli.errors import CheckpointError


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def made(folder: str, *, status: str = "finished", age: int = 0) -> Path:
    """A folder with what `find` and `latest` look at."""
    path = Path(folder)
    path.mkdir(parents=True)
    (path / "config.yaml").write_text("seed: 0\n")
    record = path / "run.json"
    record.write_text(json.dumps({"status": status}))
    os.utime(record, (1e9 - age, 1e9 - age))
    return path


def complaint(name: str) -> list[str]:
    with pytest.raises(CheckpointError) as caught:
        find(name)
    return list(caught.value.args)


def test_a_path_wins_over_a_name() -> None:
    below, here = made("runs/first"), made("first")

    assert find("runs/first") == below
    assert find("first") == here


@pytest.mark.parametrize("name", ["first", "five", "five/seed-1", "runs/five/seed-0"])
def test_a_name_is_found_in_runs(name: str) -> None:
    for folder in ("runs/first", "runs/five/seed-0", "runs/five/seed-1"):
        made(folder)

    assert find(name) == Path("runs") / name.removeprefix("runs/")


def test_a_folder_of_runs_lists_them() -> None:
    for folder in ("runs/b", "runs/a", "runs/five/seed-0", "runs/five/seed-1"):
        made(folder)

    assert complaint("runs") == [
        "runs: contains 3 runs; choose one:",
        "  runs/a",
        "  runs/b",
        "  runs/five",
    ]


def test_of_many_runs_the_first_are_listed() -> None:
    for number in range(MAX_LISTED + 5):
        made(f"runs/{number:03}")

    lines = complaint("runs")
    assert len(lines) == MAX_LISTED + 2
    assert lines[-1] == "  and 5 more"


def test_a_folder_without_runs_is_left_to_its_caller() -> None:
    Path("empty").mkdir()

    assert find("empty") == Path("empty")


def test_what_does_not_exist_is_answered_with_the_nearest() -> None:
    assert complaint("first") == ["first: no such run; `mlp train` makes one"]
    made("runs/first")
    assert complaint("frist") == ["frist: no such run; did you mean 'first'?"]
    assert complaint("runs/frist") == ["runs/frist: no such run; did you mean 'first'?"]
    assert complaint("zzz") == ["zzz: no such run; `mlp runs` lists the runs"]


def test_a_file_is_no_run() -> None:
    Path("seven.jpg").write_bytes(b"")

    assert complaint("seven.jpg") == ["seven.jpg: is a file, not the folder of a run"]


def test_the_latest_is_the_last_that_can_be_used() -> None:
    made("runs/old", age=30)
    made("runs/group/imported", status="imported", age=20)
    made("runs/dead", status="interrupted", age=10)
    made("runs/now", status="running")
    made("runs/odd", status="failed")
    Path("runs/odd/run.json").write_text("[")

    assert latest() == Path("runs/group/imported")


def test_without_a_finished_run_there_is_no_latest() -> None:
    made("runs/now", status="running")

    with pytest.raises(CheckpointError, match="no finished run in runs/; `mlp train`"):
        latest()
