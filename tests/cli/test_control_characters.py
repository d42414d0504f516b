"""Control characters in names never reach a terminal; they are shown as \\u001b and the like."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mlpcli.terminal import HIDDEN
from tests.cli.outcome import call, on_terminal, refusal

ODD = "\x1b]0;title\x07\x9b31m\r\u200e\u200f\u202e\u061c\u200b\ufeff\u00ad"
SEEN = r"\u001b]0;title\u0007\u009b31m\u000d\u200e\u200f\u202e\u061c\u200b\ufeff\u00ad"


def npz(place: Path, name: str = ODD) -> str:
    with np.load(place / "dots.npz") as held:
        np.savez("odd.npz", allow_pickle=False, **held, classes=np.array([name, "b", "c"]))
    return "odd.npz"


def folder_of_pictures(place: Path) -> str:
    for split in ("train", "test"):
        for name in (ODD, "b", "c"):
            folder = place / "pictures" / split / name
            folder.mkdir(parents=True)
            for number in range(4):
                Image.new("L", (6, 6)).save(folder / f"{number}.png")
    return "pictures"


def trained_on(data: str) -> str:
    words = ("--set", "network.hidden=[4]", "--epochs", "1", "--no-preflight", "--out", "odd")
    assert call("train", "--set", f"data.name={data}", *words).status == 0
    return "odd"


@pytest.mark.usefixtures("dots")
@pytest.mark.parametrize("made", [npz, folder_of_pictures])
def test_the_name_of_a_class_is_shown_escaped(made: Callable[[Path], str], place: Path) -> None:
    odd = trained_on(made(place))
    plain, object_ = call("eval", odd), call("eval", odd, "--json")

    assert (plain.status, object_.status) == (0, 0)
    assert SEEN in plain.out
    assert not HIDDEN.search(plain.out + object_.out)
    assert ODD in json.loads(object_.out)["classes"]


@pytest.mark.usefixtures("dots")
def test_a_line_break_in_a_name_does_not_break_a_table(place: Path) -> None:
    lines = call("eval", trained_on(npz(place, "a\nb"))).out.splitlines()

    assert any(line.startswith(r"a\u000ab ") for line in lines)


def test_the_name_of_a_run_is_shown_escaped(small: list[str]) -> None:
    status, out, err = call("train", *small, "--out", ODD)

    assert status == 0
    assert f"run: {SEEN}\n" in out
    assert not HIDDEN.search(out + err)
    assert Path(ODD, "run.json").is_file()


@pytest.mark.parametrize(
    "command",
    [
        ("eval", ODD),
        ("train", "--set", f"{ODD}=1"),
        ("train", "--set", f"data.name={ODD}"),
        ("train", "--config", f"{ODD}.yaml"),
        ("train", "--resume", ODD),
        ("train", f"--{ODD}"),
        ("download", ODD),
        ("download", "mnist", "--from", ODD),
        ("config", "check", "odd.yaml"),
        (ODD,),
    ],
)
def test_an_error_shows_a_name_escaped(command: tuple[str, ...]) -> None:
    Path("odd.yaml").write_text(json.dumps({ODD: 1}))

    told = refusal(*command)

    assert not HIDDEN.search(told)
    assert "title" in told


@pytest.mark.slow
def test_a_terminal_gets_no_control_character_of_a_name() -> None:
    status, out, err = on_terminal("eval", ODD)

    assert (status, out) == (2, "")
    assert SEEN in err
    assert not HIDDEN.search(err.replace("\r\n", "\n"))  # the terminal's own line ends
