"""No command shows in a pipe what it is doing; a terminal shows it, and keeps nothing of it."""

import shutil
from pathlib import Path

import pyte
import pytest

from mlpcli.show import activity
from tests.cli.outcome import call, on_terminal, piped

COMMANDS = [
    ("gradcheck", "--quick"),
    ("report", "run"),
    ("eval", "run"),
    ("compare", "run", "copy"),
    ("data", "check", "dots.npz"),
    ("data", "write", "dots.npz", "files"),
    ("data", "show", "dots.npz"),
    ("export", "run", "--format", "npz"),
    ("predict", "run", "dots.npz"),
    ("explain",),
    ("reproduce", "run"),
]


@pytest.mark.slow
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_pipe_sees_nothing_of_it(
    words: tuple[str, ...], place: Path, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity, "DELAY", 0.0)
    shutil.copytree(run, "copy")

    status, _, err = call(*words)

    assert status == 0, err
    assert "\x1b" not in err
    assert "\r" not in err


@pytest.mark.slow
def test_a_terminal_shows_it_unless_json_is_asked_for(place: Path) -> None:
    status, out, err = on_terminal("gradcheck", "--sweep", COLUMNS="60")

    assert status == 0
    assert "measuring the error at each step" in err
    screen = pyte.Screen(60, 6)
    pyte.Stream(screen).feed(err)
    assert not any(line.strip() for line in screen.display)
    assert piped("gradcheck", "--sweep") == (0, out, "")
    assert on_terminal("gradcheck", "--sweep", "--json").err == ""
