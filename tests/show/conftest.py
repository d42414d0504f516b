"""Fixtures of the report's tests: runs with mistakes, with names that want to be more than text."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlpcli.api.report import Analysis, analyze
from mlpcli.api.trainer import train
from mlpcli.config.load import load_config
from mlpcli.data import dataset

HOSTILE = (
    "<script>window.caught=1</script>",
    "<img src=x onerror=window.caught=1>",
    "</style></svg>&amp;",
    "\x1b[31mred\x07",
    "\u202edesrever",
    "{{ 7 * 7 }}",
    "a name that is much longer than any other and goes on and on",
)
CLASSES = ("お", "مرحبا", "é", *HOSTILE)


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two runs on ten classes, which differ in seed and length; both make mistakes."""
    place = tmp_path_factory.mktemp("report")
    arrays: dict[str, Any] = {"classes": np.array(CLASSES)}
    for split, n in (("train", 600), ("test", 200)):
        drawn = dataset.load("synth", "train", drawn=800)
        part = slice(0, n) if split == "train" else slice(800 - n, 800)
        arrays |= {f"x_{split}": drawn.images[part], f"y_{split}": drawn.labels[part]}
    np.savez(place / "data.npz", allow_pickle=False, **arrays)
    same = [f"data.name={place / 'data.npz'}", "network.hidden=[16, 8]", "train.batch_size=64"]
    folders = []
    for name, changes in (
        ("a", ["train.epochs=4"]),
        ("<b onclick=window.caught=1>", ["train.epochs=3", "seed=1", "optimizer.name=adam"]),
    ):
        for _ in train(load_config(None, [*same, *changes]), place / name, preflight=False):
            pass
        folders.append(place / name)
    return folders


@pytest.fixture(scope="session")
def analyses(runs: list[Path]) -> list[Analysis]:
    """What a report tells of them."""
    return [analyze(folder) for folder in runs]
