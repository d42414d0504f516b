"""The playground in Chromium, held against the Python that it repeats."""

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from PIL import Image

from mlpcli.api import playground as api
from mlpcli.api import preparation
from mlpcli.api.predict import predict
from mlpcli.api.trainer import train
from mlpcli.config.load import load_config
from mlpcli.data import dataset, placement, preprocessing
from mlpcli.runs.checkpoint import Checkpoint
from mlpcli.runs.folder import RunFolder
from mlpcli.show import playground
from tests.show.chromium import MARKS, launched, opened

pytestmark = MARKS

LOOK: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
STROKES = json.loads(Path(__file__).with_name("strokes.json").read_text("utf-8"))
PIXELS = "(text, h, w) => ({ pixels: decodeBytes(text), height: h, width: w })"
Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched() as found:
        yield found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("playground")


@pytest.fixture(scope="module")
def ruled(place: Path) -> Path:
    """A run on drawn digits that lie as MNIST's."""
    arrays: dict[str, Any] = {}
    for split, n in (("train", 4000), ("test", 400)):
        drawn = dataset.load("synth", split, drawn=n if split == "train" else None)
        arrays[f"x_{split}"] = np.stack([placement.arrange(x) for x in drawn.images[:n]])
        arrays[f"y_{split}"] = drawn.labels[:n]
    np.savez(place / "ruled.npz", allow_pickle=False, **arrays)
    return trained(place / "ruled", f"data.name={place / 'ruled.npz'}")


@pytest.fixture(scope="module")
def free(place: Path) -> Path:
    """A run on drawn digits that lie anywhere, with another activation and depth."""
    same = ["data.name=synth", "data.images=3000", "network.activation=tanh"]
    return trained(place / "free", *same, "network.hidden=[48, 32, 24]")


def trained(folder: Path, *changes: str) -> Path:
    same = ["network.hidden=[64, 32]", "train.epochs=6", "train.batch_size=64", "optimizer.lr=0.1"]
    for _ in train(load_config(None, [*same, *changes]), folder, preflight=False):
        pass
    return folder


@pytest.fixture(scope="module", params=["ruled", "free"])
def run(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def page(run: Path, browser: Any) -> Iterator[Any]:
    file = run / "playground.html"
    playground.write(file, api.collect(run))
    yield from opened(browser, file, LOOK)


@pytest.fixture(scope="module")
def checkpoint(run: Path) -> Checkpoint:
    return RunFolder(run).load_weights("best")


def sheets(rng: np.random.Generator, count: int) -> list[Pixels]:
    """Test digits, every second one large on a sheet, some of these dark, gray, faint or noisy."""
    images = []
    for i, digit in enumerate(dataset.load("synth", "test").images[:count]):
        if i % 2 == 0:
            images.append(digit)
            continue
        height, width = size = rng.integers(29, 300, 2)
        sheet = np.zeros(size + rng.integers(0, 100, 2))
        top, left = rng.integers(0, np.array(sheet.shape) - size + 1)
        ink = Image.fromarray(digit).resize((width, height), Image.Resampling.BILINEAR)
        sheet[top : top + height, left : left + width] = np.asarray(ink)
        noise = rng.normal(0, 4, sheet.shape)
        kinds = (sheet, 255 - sheet, 220 - sheet * 0.6 + noise, 40 + sheet * 0.6 + noise, sheet / 4)
        images.append(kinds[i // 2 % len(kinds)].clip(0, 255).astype(np.uint8))
    return images


def encoded(image: Pixels) -> list[Any]:
    return [base64.b64encode(image.tobytes()).decode(), *image.shape]


def in_page(page: Any, images: list[Pixels], kind: str = "picture") -> list[dict[str, Any]]:
    """What the page makes of images: its input, what it says of them, and the probabilities."""
    found: list[dict[str, Any]] = page.evaluate(
        f"""([images, kind]) => images.map(image => {{
          const {{ prepared, pass }} = consider({{ kind, image: ({PIXELS})(...image) }});
          const {{ image: {{ pixels }}, ...facts }} = prepared;
          return {{ pixels: [...pixels], facts, p: [...pass.h.at(-1)] }};
        }})""",
        [list(map(encoded, images)), kind],
    )
    return found


def by_predict(checkpoint: Checkpoint, images: list[Pixels], folder: Path) -> list[Any]:
    """What `mlp predict` says of the images as PNG files."""
    folder.mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{i:03}.png")
    events = predict(checkpoint, [str(folder)], io.BytesIO(), top=10)
    return [each for event in events for each in event]  # type: ignore[union-attr]


def by_preparation(checkpoint: Checkpoint, image: Pixels) -> Pixels:
    """The 32x32 pixels that `mlp predict` gives to the network."""
    metadata = checkpoint.metadata
    inverted = preparation.inverts(preparation.is_light(image[None]), metadata)
    fitted = preparation.fit(image[None], metadata).images
    seen = preparation.shade(fitted, metadata, inverted=inverted)
    return np.rint(255 * preprocessing.inputs(seen)[0]).astype(np.uint8)


def test_images_are_prepared_and_classified_as_mlp_predict_does_it(
    page: Any, checkpoint: Checkpoint, rng: np.random.Generator, tmp_path: Path
) -> None:
    images = [*sheets(rng, 200), np.zeros((40, 30), np.uint8), np.full((28, 28), 255, np.uint8)]
    images.append(rng.integers(0, 256, (28, 28), dtype=np.uint8))

    predictions = by_predict(checkpoint, images, tmp_path / "images")

    for image, ours, theirs in zip(images, in_page(page, images), predictions, strict=True):
        pixels, p = by_preparation(checkpoint, image), np.zeros(10)
        for guess in theirs.top:
            p[guess.label] = guess.probability
        assert np.abs(np.array(ours["pixels"], int) - pixels).max() <= 1  # level of 255
        assert_allclose(ours["p"], p, atol=2e-3)
        assert ours["facts"] == {
            "isBlank": theirs.blank,
            "isInverted": theirs.inverted,
            "isCentered": theirs.centered,
            "inPieces": theirs.pieces,
            "isOutlier": theirs.outlier,
        }


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


WAYS: dict[str, dict[str, float]] = {
    "as it is": {},
    "small": {"scale": 0.45},
    "large": {"scale": 1.25},
    "top left": {"scale": 0.5, "x": 0.22, "y": 0.24},
    "top right": {"scale": 0.5, "x": 0.78, "y": 0.24},
    "bottom left": {"scale": 0.5, "x": 0.22, "y": 0.76},
    "bottom right": {"scale": 0.5, "x": 0.78, "y": 0.76},
    "thick": {"width": 0.14},
    "thin": {"width": 0.03},
    "slanted right": {"slant": 0.35},
    "slanted left": {"slant": -0.35},
}
