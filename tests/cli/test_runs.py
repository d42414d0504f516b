import csv
import json
import re
from pathlib import Path

import pytest

from mlpcli.errors import CheckpointError
from mlpcli.runs.folder import RunFolder
from tests.cli.outcome import call, documented, facts, output, refusal


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


@pytest.fixture
def several(two: None, small: list[str]) -> None:
    """Two runs, three seeds, and a run that differs in its settings."""
    words = ("train", *small, "--quiet", "--name")
    assert call(*words, "five", "--seeds", "3", "--note", "with a note").status == 0
    assert call(*words, "other", "--set", "optimizer.lr=0.05", "--note", "slow").status == 0


def test_seeds_are_one_line_and_their_members_are_in_json_and_csv(several: None) -> None:
    lines = output(call("runs", "--sort", "run")).splitlines()
    found = facts(call("runs", "--json", "--sort", "run"))
    rows = list(csv.DictReader(call("runs", "--csv", "--sort", "run").out.splitlines()))

    listed = ["runs/first", "runs/five", "runs/other", "runs/second"]
    assert [line.split()[0] for line in lines[1:]] == listed
    assert re.search(r" \d+\.\d\d±\d+\.\d\d% .* 3 seeds +0\.1 .*with a note$", lines[2])
    members = [f"runs/five/seed-{seed}" for seed in range(3)]
    everyone = ["runs/first", *members, "runs/other", "runs/second"]
    assert [run["run"] for run in found["runs"]] == [row["run"] for row in rows] == everyone
    (five,) = found["series"]
    accuracies = [run["accuracy"] for run in found["runs"] if run["series"] == "runs/five"]
    assert (five["run"], five["kind"], five["n"]) == ("runs/five", "seed", 3)
    assert five["accuracy"] == pytest.approx(sum(accuracies) / 3)
    assert found["runs"][4]["settings"]["optimizer.lr"] == 0.05
    assert (rows[4]["optimizer.lr"], rows[4]["note"], rows[1]["series"]) == (
        *("0.05", "slow", "runs/five"),
    )
    alone = output(call("runs", "--members", "--sort", "run")).splitlines()[1:]
    assert [line.split()[0] for line in alone] == everyone
    for run in found["runs"]:
        run.pop("settings")  # by the keys of a config
    assert documented(found)


def test_columns_limit_and_conditions_go_together(several: None) -> None:
    lines = output(call("runs", "--columns", "run,lr,epochs", "--sort", "lr", "--limit", "1"))
    table = call("runs", "--csv", "--columns", "run, learning-rate", "--where", "lr=0.05")

    assert [line.split() for line in lines.splitlines()] == [
        ["run", "lr", "epochs"],
        ["runs/other", "0.05", "3"],
    ]
    assert output(table) == "run,optimizer.lr\nruns/other,0.05\n"
    assert len(facts(call("runs", "--json", "--limit", "2"))["runs"]) == 2
    assert "started" in output(call("runs", "--columns", "all"))


def test_tags_and_notes_are_given_shown_and_taken_away(two: None) -> None:
    assert output(call("runs", "tag", "runs/first", "runs/second", "good")) == (
        "runs/first: good\nruns/second: good\n"
    )
    assert output(call("runs", "tag", "runs/second", "slow")) == "runs/second: good slow\n"
    assert output(call("runs", "note", "runs/first", "why? \x1b[31m")) == (
        "runs/first: good; why? \\u001b[31m\n"
    )
    assert "why? \\u001b[31m" in output(call("runs"))

    shown = facts(call("runs", "show", "runs/first", "--json"))
    assert (shown["tags"], shown["note"]) == (["good"], "why? \x1b[31m")
    assert "tags: good\nnote: why?" in output(call("runs", "show", "runs/first"))
    found = facts(call("runs", "--json", "--where", "tag=slow"))["runs"]
    assert [run["run"] for run in found] == ["runs/second"]

    gone = facts(call("runs", "tag", "runs/second", "good", "--remove", "--json"))
    assert gone["runs"] == [{"run": "runs/second", "tags": ["slow"], "note": None}]
    assert documented(gone)
    assert output(call("runs", "note", "runs/first", "--remove")) == "runs/first: good\n"
    assert output(call("runs", "tag", "runs/first", "good", "--remove")) == "runs/first: no tags\n"


def test_a_note_survives_resuming_and_is_replaced_by_another(small: list[str]) -> None:
    words = ("train", *small, "--out", "a", "--auto-resume", "--quiet", "--note")
    for note in ("first", "first", "second"):
        assert call(*words, note).status == 0

    assert Path("a", "tags.jsonl").read_text().count("\n") == 2
    assert facts(call("runs", "show", "a", "--json"))["note"] == "second"
    assert call("train", "--resume", "a", "--epochs", "5", "--quiet").status == 0
    assert facts(call("runs", "show", "a", "--json"))["note"] == "second"
    anew = ("train", *small, "--out", "a", "--overwrite", "--quiet")
    assert call(*anew).status == 0
    assert facts(call("runs", "show", "a", "--json"))["note"] is None
    assert call(*anew, "--note", "third").status == 0
    assert facts(call("runs", "show", "a", "--json"))["note"] == "third"


def test_a_note_that_is_too_long_stops_a_training_before_it_begins(small: list[str]) -> None:
    assert refusal("train", *small, "--out", "a", "--note", "x" * 2001).startswith(
        "note: must have at most 2,000 characters"
    )
    assert not Path("a").exists()


def test_the_folder_of_several_seeds_is_shown_and_removed(several: None) -> None:
    out = output(call("runs", "show", "runs/five"))
    found = facts(call("runs", "show", "runs/five", "--json"))

    assert out.startswith("run: runs/five, 3 seeds\nnote: with a note\nseed ")
    assert re.search(r"\nvalidation accuracy: mean \S+%, standard deviation", out)
    assert "  network.hidden: [16, 8]\n" in out
    assert "  seed: " not in out
    assert [member["seed"] for member in found["seeds"]] == [0, 1, 2]
    assert found["seeds"][1]["record"]["seed"] == 1
    assert output(call("runs", "rm", "runs/five", "runs/first")) == (
        "runs/five: removed (3 runs)\nruns/first: removed\n"
    )
    assert sorted(path.name for path in Path("runs").iterdir()) == ["other", "second"]


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("runs",), "runs: no such folder"),
        (("runs", "--in", ".", "--where", "x"), "--where x: expected key=value"),
        (("runs", "--in", ".", "--sort", "colour"), "--sort colour: unknown column 'colour'; expe"),
        (
            ("runs", "--in", ".", "--columns", "run,hiden"),
            "--columns: unknown column 'hiden'; did ",
        ),
        (("runs", "--json", "--columns", "run"), "--json and --columns: JSON has all columns"),
        (
            ("runs", "tag", "good"),
            "good: give runs and then a tag, as in `mlp runs tag first good`",
        ),
        (("runs", "tag", "nowhere", "good"), "nowhere: no such run"),
        (("runs", "tag", "a", "runs/b"), "runs/b: a tag has up to 50 letters"),
        (("runs", "note", "nowhere"), "runs note: give a text, or --remove"),
        (("runs", "note", "nowhere", "text", "--remove"), "runs note: give a text, or --remove"),
        (("runs", "--json", "--csv"), "--json and --csv: give one of them"),
        (("runs", "--best", "--sort", "seed"), "--best and --sort: give one of them"),
        (("runs", "--json", "show", "x"), "--json: is an option of the list; leave it out, or"),
        (("runs", "--in", "runs", "rm", "x"), "--in: is an option of the list; leave it out, or"),
        (("runs", "rm", "nowhere"), "nowhere: no such run"),
    ],
)
def test_bad_usage_gives_one_line_and_exit_status_2(args: tuple[str, ...], told: str) -> None:
    assert refusal(*args).startswith(told)


def test_the_metric_that_decides_is_shown(small: list[str]) -> None:
    words = ("train", *small, "--set", "train.metric=macro_f1", "--quiet", "--out")
    assert call(*words, "a").status == 0
    assert call(*words, "b", "--seeds", "2").status == 0

    assert re.search(
        r"\nbest: epoch \d, validation accuracy \S+%, validation macro F1 \S+%, loss ",
        output(call("runs", "show", "a")),
    )
    assert re.search(
        r"\nseed +status +accuracy +macro F1 +loss ", output(call("runs", "show", "b"))
    )
    assert "  macro_f1  " in output(call("runs", "--in", "."))


def test_nothing_is_removed_unless_all_can_be(run: str) -> None:
    Path("other").mkdir()

    assert refusal("runs", "rm", run, "other", "--json").startswith("other: not a run folder")
    assert refusal("runs", "rm", run, "nowhere").startswith("nowhere: no such run")
    assert Path(run, "run.json").is_file()


def test_json_of_rm_lists_what_was_removed_before_an_error(
    two: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: RunFolder) -> None:
        if self.path.name == "second":
            raise CheckpointError(f"{self}: cannot remove: Input/output error")
        remove(self)

    remove = RunFolder.remove
    monkeypatch.setattr(RunFolder, "remove", refuse)

    status, out, err = call("runs", "rm", "first", "second", "--json")

    assert (status, json.loads(out)) == (2, {"schema": 1, "removed": ["runs/first"]})
    assert err == "error: runs/second: cannot remove: Input/output error\n"
