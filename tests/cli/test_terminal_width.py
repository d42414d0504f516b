"""Results, tables and warnings fit a narrow terminal, without a break inside a word."""

import re

import pytest
from rich.cells import cell_len

from tests.cli.outcome import call, on_narrow_terminal, on_terminal

pytestmark = pytest.mark.slow
CONTROL = r"\x1b\[[0-9;?]*[A-Za-z]"  # such as the end of a progress line
COMMANDS = [
    "compare {run} second-run-with-a-long-name",
    "config list",
    "data show {data} --out shown.png",
    "data write {data} written",
    "data list",
    "eval five",
    "eval {run}",
    "explain",
    "export {run} --out run.npz --format npz",
    "gradcheck --quick --run {run}",
    "gradcheck --run {run}",
    "gradcheck --sweep",
    "predict {run} shown.png",
    "runs show {run}",
    "runs --in .",
    "runs --in . --columns all",
    "runs show five",
    "summary",
    "workbook",
    "workbook --list",
    "workbook --verify",
]
# refuses; its plot is of letters; leaves out columns and says which
ONCE = ("data write {data} written", "gradcheck --sweep", "runs --in .")


@pytest.fixture
def folders(run: str, dots: str, small: list[str]) -> dict[str, str]:
    """Runs, one with a long name, and a picture."""
    for words in (("second-run-with-a-long-name", "--seed", "1"), ("five", "--seeds", "2")):
        assert call("train", *small, "-q", "--out", *words).status == 0
    assert call("data", "show", dots, "--out", "shown.png").status == 0
    return {"run": run, "data": dots}


def check(text: str, columns: int) -> None:
    """Assert that no line is wider, but for a single word that is."""
    lines = re.split(r"[\r\n]+", re.sub(CONTROL, "", text))
    assert [n for n in lines if cell_len(n) > columns and len(n.split()) > 1] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_result_fits_and_loses_no_word(command: str, folders: dict[str, str]) -> None:
    words = command.format(**folders).split()

    status, narrow, _ = on_narrow_terminal(50, *words)

    assert status == 0, narrow
    check(narrow, 50)
    if command not in ONCE:
        whole = call(*words)
        lost = set(re.findall(r"[A-Za-z_]{3,}", whole.out + whole.err))
        assert lost <= set(re.findall(r"[A-Za-z_]{3,}", re.sub(CONTROL, "", narrow)))


@pytest.mark.parametrize("columns", [50, 60, 80, 120])
def test_a_table_uses_the_width_there_is(columns: int) -> None:
    status, out, _ = on_narrow_terminal(columns, "summary")

    assert status == 0
    check(out, columns)
    assert out.count("layer ") == (1 if columns >= 80 else 2)


@pytest.mark.parametrize("quiet", [(), ("-q",)])
def test_warnings_and_errors_fit(quiet: tuple[str, ...], small: list[str]) -> None:
    words = ("train", *small, "--set", "optimizer.lr=100", "--threads", "64", "--out", "a", *quiet)

    status, out, _ = on_narrow_terminal(50, *words)

    assert status in (0, 1)
    assert "warning: 64 threads" in out
    check(out, 50)


def test_the_output_of_a_pipe_stays_whole(run: str) -> None:
    status, out, err = on_terminal("runs", "show", run, COLUMNS="50")

    assert (status, err) == (0, "")
    assert max(map(len, out.splitlines())) > 50
