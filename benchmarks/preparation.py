"""How well `mlp predict` recognizes images that lie, or are lit, otherwise than those of training.

Run as `python benchmarks/preparation.py RUN`. It draws each kind from 2,000 test images of the
run's data set, and prints the accuracy, then how often the warnings come: on the test images as
they are, and on pictures of other things.
"""

import io
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mlpcli.api.predict import Prediction, predict
from mlpcli.data import pictures
from mlpcli.data.placement import Rule, arrange
from mlpcli.errors import DataError
from mlpcli.runs.checkpoint import Checkpoint
from mlpcli.runs.folder import RunFolder
from mlpcli.training.loader import load_split

COUNT = 2000  # test images
STRANGE_COUNT = 200  # pictures of each other thing
TIMES = 10
SIDE = 28  # pixels of the images

Pixels = NDArray[np.uint8]
Kind = Callable[[Pixels, np.random.Generator], Pixels]  # from one image to another


def larger(image: Pixels, rng: np.random.Generator) -> Pixels:
    """The whole image, ten times larger."""
    scaled = pictures.resize(image.astype(np.float32), TIMES * max(image.shape))
    return np.clip(np.round(scaled), 0, 255).astype(np.uint8)


def anywhere(image: Pixels, rng: np.random.Generator) -> Pixels:
    """Its ink at a random place of an image of the same size."""
    rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
    ink = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    top, left = (int(rng.integers(SIDE - length + 1)) for length in ink.shape)
    out = np.zeros((SIDE, SIDE), np.uint8)
    out[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return out


def sized(side: int) -> Kind:
    """Its ink with another longer side, in the center."""
    middle = (SIDE / 2, SIDE / 2)
    return lambda image, rng: arrange(image, Rule((SIDE, SIDE), side, middle, "box"))


KINDS: dict[str, Kind] = {
    "as it is": lambda image, rng: image,
    "dark on light": lambda image, rng: 255 - image,
    "dark ink of 50 on paper of 220": lambda image, rng: (220 - image * (170 / 255)).astype("u1"),
    "chalk of 210 on a board of 40": lambda image, rng: (40 + image * (170 / 255)).astype("u1"),
    "ten times larger": larger,
    "ten times larger, dark on light": lambda image, rng: 255 - larger(image, rng),
}
MOVED: dict[str, Kind] = {  # of data whose ink has a common size and place
    "anywhere in 28x28": anywhere,
    "26 pixels high": sized(26),
    "12 pixels high": sized(12),
    "anywhere, ten times larger": lambda image, rng: larger(anywhere(image, rng), rng),
}


def strange(thing: str, i: int, rng: np.random.Generator) -> Pixels:
    """A picture of 280x280, or noise of 28x28, that shows something else."""
    if thing == "noise":
        return rng.integers(0, 256, (SIDE, SIDE), np.uint8)
    side = TIMES * SIDE
    picture = Image.new("L", (side, side))
    draw = ImageDraw.Draw(picture)
    a, b = (int(each) for each in rng.integers(20, 90, 2))
    if thing == "disc":
        draw.ellipse([a, a, side - a, side - a], fill=255)
    elif thing == "frame":
        draw.rectangle([a, b, side - a, side - b], outline=255, width=int(rng.integers(8, 25)))
    elif thing == "letter":
        font = ImageFont.load_default(200)
        width = int(rng.integers(0, 8))
        draw.text((60, 30), "ABCDEFGHJKLMNPQRTUVWXY"[i % 22], 255, font, stroke_width=width)
    return np.asarray(picture)


def predictions(kept: Checkpoint, images: list[Pixels]) -> list[Prediction]:
    """What `mlp predict` says of a file with these images."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "images.npz")
        np.savez(path, images=np.stack(images), allow_pickle=False)
        found: list[Prediction] = []
        for some in predict(kept, [str(path)], io.BytesIO(), top=1):
            if isinstance(some, DataError):
                raise some
            assert isinstance(some, list)  # nothing is left out
            found += some
        return found


def main() -> None:
    """Print the accuracy of a run on each kind of image, and how often it warns."""
    kept = RunFolder(Path(sys.argv[1])).load_weights("best")
    placement = kept.metadata.placement
    test = load_split(kept.metadata.config, "test", offline=True)
    rows = np.random.default_rng(0).choice(len(test.labels), COUNT, replace=False)
    images, labels = test.images[rows], test.labels[rows]
    kinds = KINDS | (MOVED if placement and placement.is_rule else {})
    for name, kind in kinds.items():
        rng = np.random.default_rng(1)
        found = predictions(kept, [kind(image, rng) for image in images])
        right = [each.top[0].label == label for each, label in zip(found, labels, strict=True)]
        outliers = np.mean([each.outlier for each in found])
        sys.stdout.write(f"{name}: {100 * np.mean(right):.2f}%, outliers {100 * outliers:.2f}%\n")
    found = predictions(kept, list(test.images))
    for warning in ("outlier", "pieces"):
        share = np.mean([getattr(each, warning) for each in found])
        sys.stdout.write(f"test images with the warning {warning}: {100 * share:.2f}%\n")
    for thing in ("disc", "frame", "letter", "noise"):
        rng = np.random.default_rng(1)
        found = predictions(kept, [strange(thing, i, rng) for i in range(STRANGE_COUNT)])
        share = np.mean([each.outlier or each.pieces for each in found])
        sys.stdout.write(f"{thing} pictures with a warning: {100 * share:.1f}%\n")


if __name__ == "__main__":
    main()
