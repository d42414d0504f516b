"""Images in the page are prepared and classified as `mlp predict` does it."""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.testing import assert_allclose
from PIL import Image

from mlpcli.api import preparation
from mlpcli.api.predict import Prediction, predict
from mlpcli.data import dataset, preprocessing
from mlpcli.nn import mlp
from mlpcli.runs.checkpoint import Checkpoint
from mlpcli.training import build
from tests.show.chromium import MARKS
from tests.show.playground.conftest import IMAGE, STROKES, Pixels, encoded, strokes_of

pytestmark = MARKS

TOLERANCE = 2e-3  # of a probability: the page holds weights in float16
CONSIDERED = """subject => {
  const { prepared: { image, ...facts }, pass } = consider(subject);
  return { pixels: [...image.pixels], facts, p: [...pass.h.at(-1)] };
}"""


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


def by_predict(
    checkpoint: Checkpoint, images: list[Pixels], folder: Path, *, center: bool | None = None
) -> list[Prediction]:
    """What `mlp predict` says of the images as PNG files."""
    folder.mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{i:03}.png")
    events = predict(checkpoint, [str(folder)], io.BytesIO(), top=10, center=center)
    return [each for event in events if isinstance(event, list) for each in event]


def agree(
    ours: dict[str, Any],
    theirs: Prediction,
    image: Pixels,
    checkpoint: Checkpoint,
    center: bool | None = None,
) -> None:
    """Fails unless pixels, probabilities and remarks of the page are those of `mlp predict`."""
    metadata, p = checkpoint.metadata, np.zeros(10)
    for guess in theirs.top:
        p[guess.label] = guess.probability
    fitted = preparation.fit(image[None], metadata, center=center).images
    seen = preparation.shade(fitted, metadata, inverted=theirs.inverted)
    pixels = np.rint(255 * preprocessing.inputs(seen)[0])
    assert_allclose(ours["pixels"], pixels, rtol=0, atol=1)  # level of 255
    assert_allclose(ours["p"], p, rtol=0, atol=TOLERANCE)
    assert ours["facts"] == {
        "isBlank": theirs.blank,
        "isInverted": theirs.inverted,
        "isCentered": theirs.centered,
        "isShrunk": theirs.shrunk,
        "inPieces": theirs.pieces,
        "isOutlier": theirs.outlier,
    }


def test_two_hundred_pictures_are_seen_as_mlp_predict_sees_them(
    page: Any, checkpoint: Checkpoint, rng: np.random.Generator, tmp_path: Path
) -> None:
    images = [*sheets(rng, 200), np.zeros((40, 30), np.uint8), np.full((28, 28), 255, np.uint8)]
    images.append(rng.integers(0, 256, (28, 28), dtype=np.uint8))

    found = page.evaluate(
        f"""images => images.map(image =>
          ({CONSIDERED})({{ kind: "picture", image: {IMAGE}(image) }}))""",
        list(map(encoded, images)),
    )

    predictions = by_predict(checkpoint, images, tmp_path / "images")
    for image, ours, theirs in zip(images, found, predictions, strict=True):
        agree(ours, theirs, image, checkpoint)


def test_forty_drawings_are_seen_as_mlp_predict_sees_them(
    page: Any, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    drawings = [strokes_of(hand) for hand in STROKES]
    drawings += [
        strokes_of(hand, width=0.03 + 0.005 * i, scale=0.4 + 0.04 * i, slant=0.05 * (i - 10))
        for i, hand in enumerate(STROKES)
    ]

    found = page.evaluate(
        f"""drawings => drawings.map(strokes => ({{
          ...({CONSIDERED})({{ kind: "drawing", strokes }}),
          raster: btoa(String.fromCharCode(...rasterize(strokes).pixels)),
        }}))""",
        drawings,
    )

    images = [
        np.frombuffer(base64.b64decode(each["raster"]), np.uint8).reshape(140, 140)
        for each in found
    ]
    predictions = by_predict(checkpoint, images, tmp_path / "drawings", center=True)
    assert len(predictions) == 40
    for image, ours, theirs in zip(images, found, predictions, strict=True):
        agree(ours, theirs, image, checkpoint, center=True)


def test_the_test_images_are_seen_as_mlp_eval_sees_them(page: Any, checkpoint: Checkpoint) -> None:
    found = page.evaluate(
        "gallery.map(({ label, image }) => ({ label, image: [...image.pixels],"
        " p: [...forward(network.params, inputs(onBlack(image)), activation).h.at(-1)] }))"
    )

    images = np.array([each["image"] for each in found], np.uint8).reshape(-1, 28, 28)
    inputs = preprocessing.inputs(images)
    activation = build.activation(checkpoint.metadata.config)
    p = mlp.forward(checkpoint.params, inputs, activation=activation).h[-1]
    assert len(found) == 50
    assert_allclose([each["p"] for each in found], p, rtol=0, atol=TOLERANCE)
