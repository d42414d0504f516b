import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from mlpcli.runs.folder import BEST, RUN_FILES
from tests.cli.outcome import PATIENCE, call, documented, facts, kinds, output, piped, refusal

pytestmark = pytest.mark.slow


def test_report_writes_one_page_into_the_runs_folder(run: str) -> None:
    out = output(call("report", run))

    page = Path(run, "report.html")
    assert out == f"report: {page} ({page.stat().st_size / 1e3:,.0f} kB)\n"
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>\n")


def test_report_json_is_one_object_as_the_contract_has_it(run: str) -> None:
    found = facts(call("report", run, "--out", "a.html", "--json"))

    assert kinds(found) == {"int": {"schema", "bytes"}, "str": {"report"}, "list": {"runs"}}
    assert found["report"] == "a.html"
    assert found["bytes"] == Path("a.html").stat().st_size
    fractions = {"accuracy", "calibration_error", "temperature"}
    part = {"str": {"run", "weights"}, "float": fractions, "dict": {"uncalibrated", "selection"}}
    assert kinds(found["runs"][0]) == part
    assert found["runs"][0]["accuracy"] == facts(call("eval", run, "--json"))["accuracy"]
    assert documented(found)


def test_several_runs_share_a_page_in_the_working_folder(small: list[str], run: str) -> None:
    assert call("train", *small, "--out", "other", "--seed", "1", "--quiet").status == 0

    found = facts(call("report", run, "other", "--json"))

    assert found["report"] == "report.html"
    assert [each["run"] for each in found["runs"]] == [run, "other"]
    assert "Comparison" in Path("report.html").read_text(encoding="utf-8")


def test_runs_of_several_seeds_stand_side_by_side(small: list[str]) -> None:
    assert call("train", *small, "--seeds", "2", "--out", "many", "--quiet").status == 0

    found = facts(call("report", "many", "--json"))

    assert found["report"] == str(Path("many", "report.html"))
    runs = [str(Path("many", f"seed-{i}")) for i in (0, 1)]
    assert [each["run"] for each in found["runs"]] == runs


def test_runs_of_the_same_name_are_told_apart_by_their_paths(small: list[str]) -> None:
    for folder in ("x/one", "y/one"):
        assert call("train", *small, "--out", folder, "--quiet").status == 0

    assert call("report", "x/one", "y/one").status == 0

    page = Path("report.html").read_text(encoding="utf-8")
    assert f"<bdi>{Path('x/one')}</bdi>" in page
    assert f"<bdi>{Path('y/one')}</bdi>" in page


def test_a_report_can_be_on_the_validation_images(run: str) -> None:
    found = facts(call("report", run, "--split", "validation", "--json"))

    same = facts(call("eval", run, "--split", "validation", "--json"))
    assert found["runs"][0]["accuracy"] == same["accuracy"]


def test_a_new_training_in_the_folder_removes_the_report(small: list[str], run: str) -> None:
    assert call("report", run).status == 0

    assert call("train", *small, "--out", run, "--overwrite", "--quiet").status == 0

    assert not Path(run, "report.html").exists()


def test_a_removed_run_takes_its_report_along(run: str) -> None:
    assert call("report", run).status == 0

    assert call("runs", "rm", run).status == 0

    assert not Path(run).exists()


@pytest.mark.parametrize("name", [name for name in RUN_FILES if name != BEST])
def test_a_half_deleted_run_gives_one_line(run: str, name: str) -> None:
    Path(run, name).unlink()

    assert refusal("report", run).startswith(run)
    assert not Path(run, "report.html").exists()


def test_refusals_give_one_line_and_write_nothing(run: str, place: Path) -> None:
    Path("empty").mkdir()
    Path("notes.html").write_text("mine")
    before = sorted(place.rglob("*"))
    for args, told in (
        (["nowhere"], "nowhere: no such run; `mlp train` makes one"),
        (["empty"], "empty: no config.yaml here; is this a run folder?"),
        (["notes.html"], "notes.html: is a file, not the folder of a run"),
        ([run, run], "report: takes each run once"),
        ([run, f"{run}/../{run}"], "report: takes each run once"),
        ([run] * 9, "report: takes at most 8 runs, got 9"),
        ([run, "--out", "notes.html"], "notes.html: exists, and this command has not written it"),
        ([run, "--out", f"{run}/config.yaml"], "config.yaml: is a file of the run itself"),
        ([run, "--out", "empty"], "empty: is a folder; name a file"),
        ([run, "--out", "nowhere/a.html"], "nowhere/a.html: cannot write: nowhere is not a folder"),
        ([], "no finished run in runs/; `mlp train` makes one"),
    ):
        assert told in refusal("report", *args)
    assert sorted(place.rglob("*")) == before
    assert Path("notes.html").read_text() == "mine"


def test_missing_test_images_give_one_line(run: str, dots: str) -> None:
    Path(dots).unlink()

    assert "neither a name nor a path that exists" in refusal("report", run, "--offline")


@pytest.mark.skipif(sys.platform != "linux", reason="replaces xdg-open")
def test_open_hands_the_file_to_the_browser(run: str, place: Path) -> None:
    Path("bin").mkdir()
    opener = Path("bin", "xdg-open")
    opener.write_text(f'#!/bin/sh\necho "$1" > "{place}/opened"\n')
    opener.chmod(0o755)
    path = f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}"

    out = output(piped("report", run, "--open", PATH=path))

    assert out.startswith("report: ")
    deadline = time.monotonic() + PATIENCE
    while not Path("opened").exists() or not Path("opened").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert Path("opened").read_text() == f"{place / run / 'report.html'}\n"


@pytest.mark.skipif(sys.platform != "linux", reason="needs a system without xdg-open")
def test_without_a_browser_the_file_is_still_named(run: str, place: Path) -> None:
    assert shutil.which("xdg-open", path=str(place)) is None

    status, out, err = piped("report", run, "--open", PATH=str(place))

    assert status == 0
    assert out.startswith("report: ")
    assert err == f"warning: no browser could be started; open {Path(run, 'report.html')}\n"
