"""The option --markdown: what a job appends to its summary."""

from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.cli.outcome import call, output, piped, refusal

SMALL = ("--set", "network.hidden=[16,8]", "--set", "data.name=synth", "--quick")


def tables(text: str) -> list[list[str]]:
    """The first cell of each row of each table."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    found: list[list[str]] = []
    for before, row, token in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if before.type == "table_open":
            found.append([])
        if row.type in ("th_open", "td_open") and before.type == "tr_open":
            found[-1].append(token.content)
    return found


def test_eval_prints_its_scores_and_its_confusion_matrix(run: str) -> None:
    out = output(call("eval", run, "--markdown"))

    assert out.startswith("### run (last weights) on the test split of ")
    assert out.splitlines()[2].startswith("- accuracy: ")
    assert tables(out) == [["class", "0", "1", "2"], ["", "0", "1", "2"]]


def test_a_failed_check_prints_its_result(run: str, spoiled: str) -> None:
    status, out, err = call(
        "eval", run, "--data", spoiled, "--fail-under", "1", "--markdown", "--split", "test"
    )

    assert status == 1
    assert tables(out)[0] == ["check", "accuracy at least 1.0"]
    assert "| failed: accuracy must be at least 1.0, got 0.9" in out
    assert len(tables(out)) == 3
    assert err.startswith("error: run: accuracy must be at least 1.0")


def test_compare_and_runs_print_the_runs(run: str, small: list[str]) -> None:
    assert call("train", *small, "--seed", "1", "--out", "other", "--quiet").status == 0

    pair = output(call("compare", run, "other", "--markdown"))
    listed = output(call("runs", "--in", ".", "--markdown"))

    assert tables(pair) == [["", "run", "other"]]
    assert "- verdict: " in pair
    assert sorted(tables(listed)[0]) == ["other", "run", "run"]


def test_train_prints_the_run_and_its_seeds(small: list[str]) -> None:
    one = output(call("train", *small, "--out", "run", "--quiet", "--markdown"))
    two = output(call("train", *small, "--seeds", "2", "--out", "two", "--quiet", "--markdown"))

    assert one.startswith("### run: run\n\n- validation accuracy: ")
    assert tables(two) == [["seed", "0", "1"]]


def test_data_check_prints_its_splits(dots: str) -> None:
    out = output(call("data", "check", dots, "--markdown"))

    assert tables(out) == [["split", "train", "test"]]
    assert out.endswith("- finding: none\n")


def test_gradcheck_prints_the_verdict_of_each_comparison() -> None:
    out = output(call("gradcheck", *SMALL, "--markdown"))

    (points,) = tables(out)
    assert out.startswith("### gradient of 1024-16-8-10: 16,626 parameters")
    assert set(points) == {"checked", "initial parameters", "after 25 steps of training"}
    assert out.count("| passed |") == len(points) - 1


@pytest.mark.slow
def test_grade_and_workbook_print_the_verdict_of_each_step_and_statement() -> None:
    Path("my.py").write_text("def grad_z3(h3, y): return (h3 - y) / len(y)\n")
    graded = call("grade", "my.py", "--markdown")
    proved = output(call("workbook", "--verify", "--markdown"))

    assert graded.out.startswith("### my.py\n\n- ")
    assert "| grad\\_z3 | passed |" in graded.out
    assert "| grad\\_W3 | skipped: not defined |" in graded.out
    assert proved.count("| passed |") == len(tables(proved)[0]) - 1 > 60


@pytest.mark.parametrize("options", ["--json --markdown", "--markdown --json"])
@pytest.mark.parametrize("words", ["eval run", "gradcheck", "runs", "explain", "train"])
def test_json_and_markdown_exclude_each_other(words: str, options: str) -> None:
    assert refusal(*words.split(), *options.split()) == "--json and --markdown: give one of them"


def test_lines_are_whole_whatever_the_width(run: str) -> None:
    assert piped("eval", run, "--markdown", COLUMNS="20").out == output(
        call("eval", run, "--markdown")
    )
