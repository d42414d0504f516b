import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from tests.cli.outcome import PATIENCE, call, documented, facts, kinds, output, piped, refusal

pytestmark = pytest.mark.slow


def test_playground_writes_one_page_into_the_runs_folder(run: str) -> None:
    out = output(call("playground", run))

    page = Path(run, "playground.html")
    assert out == f"playground: {page} ({page.stat().st_size / 1e6:.1f} MB)\n"
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>\n")


def test_playground_json_is_one_object_as_the_contract_has_it(run: str) -> None:
    found = facts(call("playground", run, "--out", "a.html", "--json"))

    assert kinds(found) == {
        "int": {"schema", "bytes", "images"},
        "str": {"playground", "run", "weights"},
        "dict": {"selection"},
    }
    assert found["playground"] == "a.html"
    assert found["bytes"] == Path("a.html").stat().st_size
    assert found["images"] == 50
    assert documented(found)


def test_a_page_is_replaced_and_another_file_only_if_told(run: str) -> None:
    for _ in range(2):
        assert call("playground", run, "--out", "a.html").status == 0
    Path("b.html").write_text("mine")
    assert "has not written it" in refusal("playground", run, "--out", "b.html")
    assert Path("b.html").read_text() == "mine"

    assert call("playground", run, "--out", "b.html", "--overwrite").status == 0
    assert Path("b.html").read_bytes() == Path("a.html").read_bytes()


@pytest.mark.parametrize(("first", "second"), [("playground", "report"), ("report", "playground")])
def test_neither_page_replaces_the_other(run: str, first: str, second: str) -> None:
    assert call(first, run, "--out", "a.html").status == 0
    before = Path("a.html").read_bytes()
    assert "has not written it" in refusal(second, run, "--out", "a.html")
    assert Path("a.html").read_bytes() == before


def test_a_new_training_in_the_folder_removes_the_page(small: list[str], run: str) -> None:
    assert call("playground", run).status == 0

    assert call("train", *small, "--out", run, "--overwrite", "--quiet").status == 0

    assert not Path(run, "playground.html").exists()


def test_what_cannot_be_a_run_or_a_page_is_refused_and_nothing_is_written(
    run: str, place: Path
) -> None:
    Path("empty").mkdir()
    before = sorted(place.rglob("*"))
    for args, told in (
        (["nowhere"], "nowhere: no such run; `mlp train` makes one"),
        (["empty"], "empty/best.safetensors: no such file; is this a run folder?"),
        ([run, "--out", f"{run}/config.yaml"], "config.yaml: is a file of the run itself"),
        ([run, "--out", "empty"], "empty: is a folder; name a file"),
        ([run, "--out", "nowhere/a.html"], "nowhere/a.html: cannot write: nowhere is not a folder"),
        ([], "no finished run in runs/; `mlp train` makes one"),
    ):
        assert told in refusal("playground", *args)
    assert sorted(place.rglob("*")) == before


def test_a_run_of_several_seeds_names_its_runs(small: list[str]) -> None:
    assert call("train", *small, "--seeds", "2", "--out", "many", "--quiet").status == 0

    assert "name one of its runs, such as many/seed-0" in refusal("playground", "many")


def test_without_its_data_a_run_still_has_a_page(run: str, dots: str) -> None:
    Path(dots).unlink()

    status, out, err = call("playground", run, "--json")

    assert status == 0
    assert '"images": 0' in out
    assert err.startswith(f"warning: data set {dots!r}: neither a name nor a path that exists")
    assert err.endswith("; the page has no test images\n")


@pytest.mark.skipif(sys.platform != "linux", reason="replaces xdg-open")
def test_open_hands_the_file_to_the_browser(run: str, place: Path) -> None:
    Path("bin").mkdir()
    opener = Path("bin", "xdg-open")
    opener.write_text(f'#!/bin/sh\necho "$1" > "{place}/opened"\n')
    opener.chmod(0o755)
    path = f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}"

    assert output(piped("playground", run, "--open", PATH=path)).startswith("playground: ")

    deadline = time.monotonic() + PATIENCE
    while not Path("opened").exists() or not Path("opened").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert Path("opened").read_text() == f"{place / run / 'playground.html'}\n"


@pytest.mark.skipif(sys.platform != "linux", reason="needs a system without xdg-open")
def test_without_a_browser_the_file_is_still_named(run: str, place: Path) -> None:
    assert shutil.which("xdg-open", path=str(place)) is None

    status, out, err = piped("playground", run, "--open", PATH=str(place))

    assert status == 0
    assert out.startswith("playground: ")
    assert err == f"warning: no browser could be started; open {Path(run, 'playground.html')}\n"
