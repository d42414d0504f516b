"""Runs with their playgrounds, open in Chromium, and what the Python makes of the same images."""

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mlpcli.api import playground as api
from mlpcli.api.trainer import train
from mlpcli.config.load import load_config
from mlpcli.data import dataset, placement
from mlpcli.runs.checkpoint import Checkpoint
from mlpcli.show import playground
from tests.show.chromium import launched, opened

Pixels = NDArray[np.uint8]
PATIENCE = 60  # seconds for the page to show a change
LOOK: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
GARMENTS = ("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag")


@pytest.fixture(scope="module")  # longer, and its event loop would be in the way of others
def browser() -> Iterator[Any]:
    with launched() as found:
        yield found


@pytest.fixture(scope="session")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on drawn digits that lie as MNIST's."""
    return trained(tmp_path_factory.mktemp("ruled"), rule=True)


@pytest.fixture(scope="session")
def free(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on drawn digits that lie anywhere, with another activation and depth."""
    changes = ["network.activation=tanh", "network.hidden=[48, 32, 24]"]
    return trained(tmp_path_factory.mktemp("free"), *changes)


@pytest.fixture(scope="session")
def garments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose classes are not written, and have no rule."""
    return trained(tmp_path_factory.mktemp("garments"), classes=(*GARMENTS, "Ankle boot"))


def trained(place: Path, *changes: str, rule: bool = False, classes: Any = ()) -> Path:
    arrays: dict[str, Any] = {"classes": np.array(classes)} if classes else {}
    drawn = dataset.load("synth", "train", drawn=4500)
    for split, part in (("train", slice(0, 4000)), ("test", slice(4000, 4500))):
        images = drawn.images[part]
        arrays[f"x_{split}"] = np.stack([*map(placement.arrange, images)]) if rule else images
        arrays[f"y_{split}"] = drawn.labels[part]
    np.savez(place / "data.npz", allow_pickle=False, **arrays)
    same = [f"data.name={place / 'data.npz'}", "network.hidden=[64, 32]", "train.epochs=5"]
    settings = load_config(None, [*same, "train.batch_size=64", "optimizer.lr=0.1", *changes])
    for _ in train(settings, place / "run", preflight=False):
        pass
    return place / "run"


@pytest.fixture(scope="module", params=["ruled", "free"])
def run(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def page(run: Path, browser: Any) -> Iterator[Any]:
    yield from opened(browser, written(run), LOOK)


@pytest.fixture(scope="module")
def checkpoint(run: Path) -> Checkpoint:
    return api.collect(run).checkpoint


def written(run: Path) -> Path:
    """The file of the page of a run."""
    file = run / "playground.html"
    if not file.exists():
        playground.write(file, api.collect(run))
    return file


def encoded(image: Pixels) -> list[Any]:
    """An image as `IMAGE` takes it in the page."""
    return [base64.b64encode(image.tobytes()).decode(), *image.shape]


IMAGE = "(([text, height, width]) => ({ pixels: decodeBytes(text), height, width }))"
STROKES: list[dict[str, Any]] = json.loads(
    Path(__file__).with_name("strokes.json").read_text("utf-8")
)


def strokes_of(hand: dict[str, Any], *, width: float = 0.08, **moves: float) -> list[Any]:
    """Strokes for the page, of a hand of strokes.json, which has them in percent of the pad."""
    slant, scale = moves.get("slant", 0.0), moves.get("scale", 1.0)
    x0, y0 = moves.get("x", 0.5), moves.get("y", 0.5)
    strokes = []
    for points in hand["strokes"]:
        x, y = np.array(points, float).T / 100 - 0.5
        moved = np.stack([x0 + scale * (x - slant * y), y0 + scale * y], axis=1)
        strokes.append({"width": width, "points": moved.tolist()})
    return strokes


def until(page: Any, condition: str) -> None:
    """Wait until an expression is true in the page, which forbids Playwright's own way to wait."""
    deadline = time.monotonic() + PATIENCE
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        page.wait_for_timeout(20)


def show(page: Any, i: int) -> None:
    """Choose a test image, and wait until all of it is shown."""
    page.locator("[name=test-image]").nth(i).check(force=True)
    until(page, f"state.subject?.row === gallery[{i}].row && isSettled")
