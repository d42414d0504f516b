"""Fixtures of every test."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlpcli.api.trainer import train
from mlpcli.config.load import load_config
from mlpcli.config.schema import Config
from mlpcli.nn import mlp
from tests import ignored_signals

collect_ignore = ["faults"] if os.name == "nt" else []  # needs POSIX signals and limits

ignored_signals.restore()
os.environ.pop("PYTHONUNBUFFERED", None)  # with it, no output is left for the last flush to lose


@pytest.fixture(autouse=True)
def _not_on_github(monkeypatch: pytest.MonkeyPatch) -> None:
    """There, errors are marked too."""
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)


@pytest.fixture(autouse=True)
def _no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here loses its power supply, and waiting for the disk takes most of the time."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def tiny(rng: np.random.Generator) -> mlp.Params:
    """A 6-5-4-3 network in float64."""
    return mlp.init((6, 5, 4, 3), rng=rng, dtype="float64")


@pytest.fixture
def dots(tmp_path: Path, rng: np.random.Generator) -> str:
    """Path of a data set that is easy to learn: class k lights one bright pixel of three."""
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for split, n in (("train", 300), ("test", 90)):
        labels = np.arange(n) % 3
        images = rng.integers(0, 40, (n, 6, 6))
        images[np.arange(n), 2, 2 * labels] = 255
        arrays |= {f"x_{split}": images.astype("uint8"), f"y_{split}": labels.astype("uint8")}
    path = tmp_path / "dots.npz"
    np.savez(path, allow_pickle=False, **arrays)
    return str(path)


@pytest.fixture
def settings(dots: str) -> Config:
    """A small network on `dots`, trained in a moment."""
    changes = [f"data.name={dots}", "network.hidden=[16, 8]", "train.epochs=3"]
    return load_config(None, [*changes, "train.batch_size=32"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a run to come."""
    return tmp_path / "run"


@pytest.fixture
def run(settings: Config, folder: Path) -> Path:
    """The folder of a run that finished."""
    list(train(settings, folder, preflight=False))
    return folder
