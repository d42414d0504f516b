"""Fixtures of the command line's tests: a folder to work in, and a run."""

import os
from pathlib import Path

import numpy as np
import pytest

from tests.cli.outcome import call

WISHES = {"NO_COLOR", "FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "PYTHONWARNINGS"}
WISHES |= {"CI", "JPY_PARENT_PID", "COLUMNS"}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder and an empty cache, in an environment without wishes."""
    for name in list(os.environ):
        if name in WISHES or name.startswith("COLAB_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("MLPCLI_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("MLPCLI_STATE", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def small(dots: str) -> list[str]:
    """Options that make training take a moment."""
    changes = (f"data.name={dots}", "network.hidden=[16, 8]", "train.batch_size=32")
    return [word for change in changes for word in ("--set", change)] + ["--epochs", "3"]


@pytest.fixture
def run(small: list[str]) -> str:
    """The folder of a run that finished."""
    assert call("train", *small, "--out", "run", "--quiet").status == 0
    return "run"


@pytest.fixture
def spoiled(dots: str) -> str:
    """`dots` with wrong labels on four test images."""
    arrays = dict(np.load(dots))
    arrays["y_test"][:7] = 0
    np.savez("spoiled.npz", allow_pickle=False, **arrays)
    return "spoiled.npz"
