import csv
import json
from pathlib import Path

import pytest

from tests.cli.outcome import call, facts, output, refusal


@pytest.fixture
def two(small: list[str]) -> None:
    for name, seed in (("first", "1"), ("second", "2")):
        assert call("train", *small, "--name", name, "--seed", seed, "--quiet").status == 0


def test_runs_are_listed_as_table_csv_and_json(two: None) -> None:
    lines = output(call("runs", "--sort", "seed")).splitlines()
    rows = list(csv.DictReader(call("runs", "--csv", "--sort", "seed").out.splitlines()))
    found = facts(call("runs", "--json", "--where", "seed=2"))["runs"]

    assert [line.split()[0] for line in lines] == ["run", "runs/first", "runs/second"]
    assert [row["run"] for row in rows] == ["runs/first", "runs/second"]
    assert [run["run"] for run in found] == ["runs/second"]


def test_the_best_comes_first(two: None) -> None:
    found = [run["accuracy"] for run in facts(call("runs", "--json", "--best"))["runs"]]

    assert found == sorted(found, reverse=True)


def test_a_run_is_shown_with_what_was_changed(two: None) -> None:
    status, out, _ = call("runs", "show", "runs/first")

    assert status == 0
    assert "status: finished\n" in out
    assert "stop reason: epochs\n" in out
    assert "  network.hidden: [16, 8]\n" in out
    assert "1 threads" not in out
    assert facts(call("runs", "show", "runs/first", "--json"))["changed"]["seed"] == 1


def test_removed_runs_are_gone(two: None) -> None:
    status, out, _ = call("runs", "rm", "runs/first", "runs/second")

    assert (status, out) == (0, "runs/first: removed\nruns/second: removed\n")
    assert list(Path("runs").iterdir()) == []
    assert call("runs").out == "no runs\n"


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("runs",), "runs: no such folder"),
        (("runs", "--in", ".", "--where", "x"), "--where x: expected key=value"),
        (("runs", "--in", ".", "--sort", "size"), "--sort size: expected one of run,"),
        (("runs", "--json", "--csv"), "--json and --csv: give one of them"),
        (("runs", "--best", "--sort", "seed"), "--best and --sort: give one of them"),
        (("runs", "rm", "nowhere"), "nowhere: no such run"),
    ],
)
def test_bad_usage_gives_one_line_and_exit_status_2(args: tuple[str, ...], told: str) -> None:
    assert refusal(*args).startswith(told)


def test_json_of_rm_lists_what_was_removed_before_an_error(run: str) -> None:
    status, out, err = call("runs", "rm", run, "nowhere", "--json")

    assert status == 2
    assert json.loads(out) == {"schema": 1, "removed": [run]}
    assert err == "error: nowhere: no such run folder\n"
