import json
import re
import shutil
from pathlib import Path

import pytest

from mlpcli.api import significance
from mlpcli.runs.folder import RunFolder
from tests.cli.outcome import call, documented, facts, kinds, on_terminal, output, piped, refusal


@pytest.fixture
def five(small: list[str]) -> str:
    """The folder of the runs of two seeds."""
    assert call("train", *small, "--out", "five", "--seeds", "2", "--quiet").status == 0
    return "five"


def test_train_with_seeds_prints_each_and_what_they_have_in_common(small: list[str]) -> None:
    status, out, err = call("train", *small, "--out", "five", "--seeds", "2", "--seed", "3")

    assert status == 0
    first, *others = (re.split(r"  +|: ", line)[0] for line in out.splitlines())
    assert (first, *others[:3]) == ("run", "seed", "3", "4")
    assert others[3:] == ["validation accuracy", "95% interval of the mean", "time"]
    assert [line for line in err.splitlines() if line.startswith("seed")] == [
        "seed 3: five/seed-3",
        "seed 4: five/seed-4",
    ]


def test_train_with_seeds_json_is_one_object_as_the_contract_has_it(small: list[str]) -> None:
    found = facts(call("train", *small, "--out", "five", "--seeds", "2", "--json"))

    assert kinds(found) == {
        "int": {"schema"},
        "str": {"run"},
        "float": {"validation_accuracy", "sd", "seconds"},
        "list": {"ci95", "seeds"},
        "bool": {"already_finished"},
    }
    alone = facts(call("train", *small, "--out", "a", "--json"))
    alone["seed"] = alone.pop("schema")
    del alone["already_finished"]
    assert kinds(found["seeds"][0]) == kinds(alone)
    accuracies = [seed["validation_accuracy"] for seed in found["seeds"]]
    assert found["validation_accuracy"] == sum(accuracies) / 2
    assert documented(found)


def test_eval_of_seeds_is_of_each_and_their_mean(five: str) -> None:
    found = facts(call("eval", five, "--json"))

    assert kinds(found) == {
        "int": {"schema"},
        "str": {"run", "data", "split", "weights"},
        "float": {"accuracy", "balanced_accuracy", "macro_f1", "sd"},
        "list": {"ci95", "seeds"},
    }
    alone = [facts(call("eval", f"five/seed-{seed}", "--json")) for seed in (0, 1)]
    for seed, each in zip(found["seeds"], alone, strict=True):
        assert {key: each.get(key, seed["seed"]) for key in seed} == seed
    assert found["accuracy"] == significance.summary([each["accuracy"] for each in alone]).mean
    assert documented(found)


def test_eval_of_seeds_is_readable_and_can_fail(five: str, spoiled: str) -> None:
    status, out, err = call("eval", five, "--data", spoiled, "--fail-under", "1")

    head, table, *_ = out.splitlines()
    assert head == "five (last weights) on the test split of spoiled.npz"
    assert table.split() == ["seed", "accuracy", "correct", "images", "loss", "ECE"]
    assert "\naccuracy: mean 9" in out
    assert "(t, 2 seeds)\ncalibration error (ECE): mean " in out
    assert status == 1
    assert err.startswith("error: five: accuracy must be at least 1.0, got 0.9")


def test_resume_asks_how_many_seeds_and_does_what_is_left(five: str, small: list[str]) -> None:
    told = refusal("train", "--resume", five)
    status, _, err = call("train", "--resume", five, "--seeds", "3")

    assert told == "five: contains runs of several seeds; give their number with --seeds"
    assert status == 0
    assert "seed 2: five/seed-2" in err
    assert "seed 0" not in err
    assert len(RunFolder(Path(five)).series()) == 3


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--seeds x", "invalid value for '--seeds': expected a whole number in [2, 1000], got 'x'"),
        ("--seeds 1", "expected a whole number in [2, 1000], got '1'"),
        ("--seeds 2 --overwrite", "--overwrite: is for one run"),
        ("--time-budget soon", "expected a time such as 20s, 2m or 1h, got 'soon'"),
        ("--time-budget 0s", "time_budget must be a number in (0, 10000000.0] or null"),
        ("--target 98", "target must be a number in (0, 1] or null, got 98.0; 98% is 0.98"),
        ("--resume none --seeds 2", "none: no such run"),
    ],
)
def test_what_makes_no_sense_is_one_line(words: str, told: str) -> None:
    out = ["--out", "a"] if "resume" not in words else []

    assert told in refusal("train", *out, *words.split())
    assert not Path("a").exists()


def test_compare_says_what_it_cannot_tell(run: str, small: list[str]) -> None:
    assert call("train", *small, "--out", "b", "--seed", "1", "-q").status == 0

    lines = output(call("compare", run, "b", "--fail-if-worse")).splitlines()

    assert re.fullmatch(r"the test split of .*dots.npz, 90 images, last weights", lines[0])
    assert lines[1].split() == ["accuracy", "only", "this", "run", "correct"]
    assert lines[2].startswith("run ")
    assert re.fullmatch(r"difference: \S+ points \(95% interval \S+ to \S+\)", lines[4])
    assert re.fullmatch(r"p = \d\.\d{3}, McNemar's exact test, one seed each", lines[5])
    assert lines[6] == "verdict: cannot tell which is better (p of 0.05 or more)"


@pytest.mark.parametrize("several", [False, True])
def test_compare_json_is_one_object_as_the_contract_has_it(
    several: bool, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue("five" if several else "run")

    shutil.copytree(folder, "copy")

    found = facts(call("compare", folder, "copy", "--json"))

    assert documented(found)
    assert isinstance(found.pop("only"), type(None) if several else list)
    assert kinds(found) == {
        "int": {"schema", "n"},
        "str": {"data", "split", "weights", "test", "verdict"},
        "float": {"difference", "p"},
        "list": {"runs", "accuracy", "ci95", "seeds", "selections"},
    }
    assert found["verdict"] == "cannot tell"


def test_a_worse_run_can_be_a_failed_check(run: str, small: list[str]) -> None:
    lost = ("--set", "optimizer.lr=1e-9", "--seed", "5")
    assert call("train", *small, *lost, "--out", "b", "-q", "--no-preflight").status == 0

    status, out, err = call("compare", run, "b", "--fail-if-worse")

    assert status == 1
    assert "p < 0.001, McNemar's mid-p test, one seed each\nverdict: b is worse than run\n" in out
    assert re.fullmatch(r"error: b: is worse than run by \d+\.\d\d points \(p < 0\.001\)\n", err)
    assert call("compare", run, "b").status == 0
    assert "verdict: run is better than b" in call("compare", "b", run, "--fail-if-worse").out


def test_more_than_two_runs_are_compared_with_the_best(run: str, small: list[str]) -> None:
    lost = ("--set", "optimizer.lr=1e-9", "--seed", "5", "--no-preflight")
    for name, words in (("lost", lost), ("again", ())):
        assert call("train", *small, *words, "--out", name, "-q").status == 0

    status, out, err = call("compare", "lost", run, "again", "--fail-if-worse")
    lines = out.splitlines()
    found = facts(call("compare", "lost", run, "again", "--json"))
    worse = call("compare", run, "again", "lost", "--fail-if-worse")

    assert (status, err) == (0, "")
    assert [line.split()[0] for line in lines[2:5]] == ["run", "again", "lost"]
    assert lines[2].endswith("  best")
    assert re.fullmatch(r"again +\S+% +cannot tell +[+]?0\.00 +-\S+ to \+\S+ +1\.000", lines[3])
    assert re.fullmatch(r"lost +\S+% +worse +-\S+ +-\S+ to -\S+ +< 0\.001", lines[4])
    assert lines[6].endswith(", one seed each; corrected for 3 pairs of runs (Holm)")
    assert lines[7] == (
        "verdict: run is better than 1 of the other 2; cannot tell for 1 (p of 0.05 or more)"
    )
    assert documented(found)
    assert (found["runs"], found["best"], found["pairs"]) == (["lost", run, "again"], run, 3)
    assert [each["run"] for each in found["comparisons"]] == ["again", "lost"]
    assert [each["verdict"] for each in found["comparisons"]] == ["cannot tell", "worse"]
    assert worse.status == 1
    assert re.fullmatch(r"error: lost: is worse than run by \S+ points \(p < 0\.001\)\n", worse.err)


def test_one_run_is_no_comparison(run: str) -> None:
    assert refusal("compare", run) == "compare: takes at least two runs, got 1"


def test_a_budget_and_a_target_are_told_in_the_result(small: list[str]) -> None:
    long = [*small[:-1], "100000"]

    ended = facts(call("train", *long, "--out", "a", "--time-budget", "0.2s", "--json", "-q"))
    reached = facts(call("train", *small, "--out", "b", "--target", "0.1", "--json", "-q"))

    assert (ended["ended_by"], reached["ended_by"]) == ("time_budget", "target")
    assert reached["epochs"] == 1
    assert json.loads(Path("a", "run.json").read_text())["reproducible"] is False
    assert call("eval", "a").status == 0


@pytest.mark.slow
def test_seeds_are_shown_on_a_terminal_and_in_a_pipe(small: list[str]) -> None:
    command = ("train", *small, "--seeds", "2")

    assert "seed 1: a/seed-1" in on_terminal(*command, "--out", "a").err
    assert "seed 1: b/seed-1\n" in piped(*command, "--out", "b").err
    assert piped(*command, "--out", "c", "--quiet").err == ""


@pytest.mark.parametrize("command", ["reproduce", "gradcheck --run"])
def test_the_runs_of_several_seeds_are_named_one_by_one(five: str, command: str) -> None:
    assert "such as five/seed-0" in refusal(*command.split(), five)


def test_folds_are_trained_evaluated_and_compared_as_seeds_are(small: list[str]) -> None:
    status, out, err = call("train", *small, "--out", "five", "--folds", "2")

    assert status == 0
    assert [line for line in err.splitlines() if line.startswith("fold")] == [
        "fold 0: five/fold-0",
        "fold 1: five/fold-1",
    ]
    assert out.splitlines()[1].split()[0] == "fold"
    assert "(t, 2 folds)" in out
    assert [each["fold"] for each in facts(call("eval", "five", "--json"))["folds"]] == [0, 1]
    shutil.copytree("five", "copy")
    assert facts(call("compare", "five", "copy", "--json"))["folds"] == [0, 1]
    told = refusal("train", "--resume", "five", "--seeds", "2")
    assert told == "five: contains runs of several folds; give their number with --folds"
    assert refusal("train", *small, "--seeds", "2", "--folds", "2").startswith(
        "--folds: cannot be combined with --seeds"
    )
