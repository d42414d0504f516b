"""The animated picture shows each line of a screen for as long as it stayed."""

import importlib.util
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType as Script
from typing import Any
from xml.etree import ElementTree

import pytest

pytest.importorskip("pty", reason="no pseudo-terminals here")
SCRIPT = Path(__file__).parents[2] / "scripts" / "pictures.py"


@pytest.fixture(scope="module")
def pictures() -> Script:
    spec = importlib.util.spec_from_file_location("pictures", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["pictures"] = module  # where NamedTuple looks for the names of types
    spec.loader.exec_module(module)
    return module


def groups(picture: str) -> dict[str, tuple[str, list[str]]]:
    """By their texts, the classes of the groups of lines and when each is to be seen."""
    moments = dict(re.findall(r"@keyframes k(\d+) \{(.*)\}\n", picture))
    found = {}
    for group in ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}g"):
        shown = " ".join(each.text or "" for each in group if each.text).strip()
        (n,) = re.findall(r"t(\d+)", group.attrib["class"])
        states = re.findall(r"([\d.]+)%\{visibility:(\w+)\}", moments[n])
        found[shown] = group.attrib["class"], [" ".join(state) for state in states]
    return found


def test_a_line_is_seen_from_when_it_came_to_when_it_changed(pictures: Script) -> None:
    def line(text: str) -> Any:
        return (pictures.Run(0, text, "#ffffff", bold=False),)

    film = [
        pictures.Frame(0.0, [line("$ mlp"), ()]),
        pictures.Frame(1.0, [line("$ mlp"), line("50%")]),
        pictures.Frame(4.0, [line("$ mlp"), line("done")]),
    ]

    picture, _ = pictures.animation(film)

    end = 4 + pictures.READ
    assert groups(picture) == {
        "$ mlp": ("t0", ["0.00 visible"]),
        "50%": ("past t1", ["0.00 hidden", f"{100 / end:.2f} visible", f"{400 / end:.2f} hidden"]),
        "done": ("t2", ["0.00 hidden", f"{400 / end:.2f} visible"]),
    }


def test_the_film_is_what_a_command_prints_on_a_terminal(pictures: Script, tmp_path: Path) -> None:
    program = "print('\\x1b[32m42\\x1b[0m \u2501', __import__('sys').stdout.isatty())"

    *_, (_, screen) = pictures.screens(shlex.join([sys.executable, "-c", program]), tmp_path)

    after = next(line for line in pictures.lines(screen) if line and line[0].text == "42")
    assert after[0].color == pictures.COLORS["green"]
    assert after[1].text == "\u2501 True"
    assert "<path" in pictures.line_picture(after, 0)


def test_signs_of_drawings_are_paths_and_letters_are_not(pictures: Script) -> None:
    assert pictures.sign("\u2588", 0, 0) != pictures.sign("\u2581", 0, 0) != ""
    assert pictures.sign("\u28ff", 0, 0).count("M") == 8
    assert pictures.sign("a", 0, 0) == ""
