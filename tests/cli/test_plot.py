"""`mlp plot`, and the curves that stay after a training."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pyte
import pytest
from PIL import Image
from safetensors.numpy import save_file

from mlpcli.runs.folder import RunFolder
from tests.cli.outcome import (
    call,
    documented,
    facts,
    on_narrow_terminal,
    on_terminal,
    output,
    piped,
    refusal,
)


def screen(columns: int, *args: str) -> list[str]:
    """What stays on a terminal of 40 lines, and above it, after a command that succeeded."""
    status, out, _ = on_narrow_terminal(columns, *args)
    terminal = pyte.HistoryScreen(columns, 40, history=1000)
    pyte.Stream(terminal).feed(out.replace("\n", "\r\n"))
    assert status == 0
    assert not terminal.history.top
    return [line.rstrip() for line in terminal.display]


UNICODE = {"PYTHONIOENCODING": "utf-8"}


def test_a_pipe_gets_80_columns_without_color(run: str) -> None:
    lines = output(piped("plot", run, **UNICODE)).splitlines()

    assert lines[0].startswith(f"{run}: 3 epochs, best accuracy ")
    assert len(lines) == 22
    assert max(map(len, lines)) == 80
    assert "\x1b" not in "".join(lines)
    titles = [line for line in lines if line[:1].isalpha()]
    assert titles[1].startswith("loss  ╌╌ train 0.")
    assert titles[2].startswith("validation accuracy  ")


def test_color_can_be_asked_for_and_forbidden(run: str) -> None:
    assert "\x1b[32m" in output(piped("plot", run, FORCE_COLOR="1", **UNICODE))
    assert "\x1b" not in output(piped("plot", run, FORCE_COLOR="1", NO_COLOR="1", **UNICODE))


def test_a_stream_of_ascii_gets_ascii(run: str) -> None:
    text = output(piped("plot", run, PYTHONIOENCODING="ascii"))

    assert text.isascii()
    assert "\\u" not in text
    assert text.count("O") == 2  # the best epoch, on both axes


@pytest.mark.parametrize("columns", [120, 80, 50, 30])
def test_the_drawing_fits_the_terminal(run: str, columns: int) -> None:
    lines = screen(columns, "plot", run)

    assert lines[0].startswith("run: ")
    assert max(map(len, lines)) == columns
    assert sum("└" in line for line in lines) == 2


def test_several_runs_share_the_axes(run: str, small: list[str]) -> None:
    assert call("train", *small, "--out", "other", "--seed", "1", "--quiet").status == 0

    lines = output(piped("plot", run, "other", **UNICODE)).splitlines()

    assert [line[:8] for line in lines[:2]] == ["● run: 3", "■ other:"]
    assert lines[2] == "validation loss"
    assert all("".join(lines[3:]).count(symbol) >= 2 for symbol in "●■")


def test_json_has_the_numbers_of_every_epoch(run: str) -> None:
    found = facts(call("plot", run, "--json"))

    (one,) = found["runs"]
    assert (found["schema"], found["metric"], one["run"]) == (1, "accuracy", run)
    assert one["history"] == [
        each.model_dump(mode="json") for each in RunFolder(Path(run)).load_metrics()
    ]
    assert one["best_epoch"] == RunFolder(Path(run)).load_record().best.epoch  # type: ignore[union-attr]  # finished
    assert documented(found)


def test_a_figure_is_written_as_svg_or_png(run: str) -> None:
    text = output(call("plot", run, run, "--out", "a.svg"))
    found = facts(call("plot", run, "--out", "a.png", "--json"))

    assert text.startswith("figure: a.svg (")
    words = "".join(ElementTree.parse("a.svg").getroot().itertext())
    assert "loss in nats" in words
    assert "validation accuracy" in words
    assert found["figure"] == "a.png"
    with Image.open("a.png") as picture:
        pixels = np.asarray(picture.convert("RGB"))
        assert picture.size == (1350, 540)
    assert (pixels == (42, 95, 201)).all(axis=2).sum() > 500  # the color of the first run


def test_a_figure_is_the_same_each_time(run: str) -> None:
    for name in ("a.svg", "b.svg"):
        output(call("plot", run, "--out", name))

    assert Path("a.svg").read_bytes() == Path("b.svg").read_bytes()


def test_a_name_in_a_figure_is_no_formula(run: str) -> None:
    Path(run).rename("_$x_1$ \u304a")

    output(call("plot", "_$x_1$ \u304a", "--out", "a.svg"))
    output(call("plot", "_$x_1$ \u304a", "_$x_1$ \u304a", "--out", "b.svg"))

    for name in ("a.svg", "b.svg"):
        assert "_$x_1$ ?" in "".join(ElementTree.parse(name).getroot().itertext())


@pytest.mark.parametrize("name", ["a.svg", "a.png"])
def test_only_a_figure_of_ours_is_replaced(run: str, name: str) -> None:
    output(call("plot", run, "--out", name))
    output(call("plot", run, "--out", name))
    Path(name).write_bytes(b"mine")

    told = refusal("plot", run, "--out", name)

    assert told.startswith(f"{name}: exists, and this command has not written it")
    assert Path(name).read_bytes() == b"mine"
    output(call("plot", run, "--out", name, "--overwrite"))
    assert Path(name).stat().st_size > 1000


def test_what_cannot_be_drawn_is_refused(run: str) -> None:
    weights: dict[str, Any] = {"W1": np.zeros((1024, 10), "f4"), "b1": np.zeros(10, "f4")}
    save_file(weights, "w.safetensors")

    assert (
        refusal("plot", run, "-o", "a.pdf")
        == "--out a.pdf: expected a name that ends in .svg or .png"
    )
    assert refusal("plot", run, "--overwrite") == "--overwrite: works only with --out"
    assert refusal("plot", "w.safetensors").startswith("w.safetensors: ")
    assert call("import", "w.safetensors", "--out", "imported").status == 0
    told = refusal("plot", "imported")
    assert told == "imported: was imported, so it has no epochs to plot"
    assert refusal("plot", "none").startswith("none: no such run")
    assert not Path("a.pdf").exists()


def test_a_name_cannot_act_on_the_terminal(run: str) -> None:
    Path(run).rename("a\x1b[31mb")

    assert output(piped("plot", "a\x1b[31mb", **UNICODE)).startswith("a\\u001b[31mb: 3 epochs")


def test_the_curves_stay_after_a_training(small: list[str]) -> None:
    lines = screen(80, "train", *small, "--out", "a")

    end = lines.index("run: a")
    drawing = lines[end - 9 : end]
    assert lines[end - 10].startswith("epoch 3/3")
    assert drawing[0].split() == [
        "loss",
        "╌╌",
        "train",
        "━━",
        "validation",
        *drawing[0].split()[5:],
    ]
    assert "validation accuracy" in drawing[0]
    assert drawing[-1].split() == ["epoch", *"123", "epoch", *"123"]
    assert not any("█" in line for line in lines)


@pytest.mark.parametrize("option", ["--quiet", "--json", "--markdown", "--epochs=1"])
def test_the_curves_are_left_out_where_nobody_wants_them(small: list[str], option: str) -> None:
    lines = screen(80, "train", *small, "--out", "a", option)

    assert any(lines)
    assert not any("└─" in line for line in lines)


def test_the_curves_are_left_out_in_a_pipe(small: list[str]) -> None:
    half = on_terminal("train", *small, "--out", "a")
    none = piped("train", *small, "--out", "b")

    assert (half.status, none.status) == (0, 0)
    assert "└─" not in half.out + half.err + none.out + none.err


def test_the_curves_of_several_seeds_are_one_drawing(small: list[str]) -> None:
    lines = screen(80, "train", *small, "--seeds", "2", "--out", "a")

    assert sum("└─" in line for line in lines) == 1
    assert "● seed-0  ■ seed-1" in lines


def test_a_title_is_bold_and_its_values_are_not(run: str) -> None:
    first, *_ = (
        line
        for line in output(piped("plot", run, FORCE_COLOR="1", **UNICODE)).splitlines()
        if "loss" in line
    )

    assert first.startswith("\x1b[1mloss\x1b[0m  \x1b[35m╌╌\x1b[0m train 0.")


def test_one_epoch_is_no_curve(small: list[str]) -> None:
    call("train", *small, "--epochs", "1", "--name", "a", "--quiet")

    head, line = output(call("plot", "a")).splitlines()

    assert head.startswith("runs/a: 1 epoch, best accuracy ")
    assert line == "a curve needs two epochs; --json has the figures"


def test_a_figure_needs_no_home(run: str) -> None:
    Path("file").touch()
    nowhere = {name: str(Path("file/none").absolute()) for name in ("HOME", "XDG_CONFIG_HOME")}

    assert piped("plot", run, "--out", "x.svg", **nowhere).err == ""
