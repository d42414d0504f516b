"""How well `mlp predict` recognizes MNIST's test digits, as simulated photos and as they are.

Run as `python benchmarks/photos.py RUN`, with a run on MNIST. A digit, enlarged ten times, is
placed at random on a sheet of 800x600 pixels, with or without a camera's noise and shadow.
"""

import io
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from mlpcli.api.predict import predict
from mlpcli.data import dataset
from mlpcli.errors import DataError
from mlpcli.runs.checkpoint import Checkpoint
from mlpcli.runs.folder import RunFolder

COUNT = 300
TIMES = 10  # a digit's side, in sides of 28 pixels
HEIGHT, WIDTH = 600, 800

Digit = NDArray[np.uint8]
Draw = Callable[[Digit, np.random.Generator], Any]  # a picture of a digit


def larger(digit: Digit, rng: np.random.Generator) -> Any:
    """The digit alone, ten times larger."""
    side = TIMES * len(digit)
    return Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC)


def photo(*, paper: int = 225, ink: int = 40, noise: float = 0, shadow: float = 0) -> Draw:
    """Somewhere on paper; shadow is the difference of light across the sheet, all are levels."""

    def draw(digit: Digit, rng: np.random.Generator) -> Any:
        stroke = larger(digit, rng).point(lambda level: 255 * (level > 127))
        sheet = Image.new("L", (WIDTH, HEIGHT))
        left, top = (int(rng.integers(length - stroke.width)) for length in (WIDTH, HEIGHT))
        sheet.paste(stroke, (left, top))
        drawn = np.asarray(sheet.filter(ImageFilter.GaussianBlur(2))) / 255
        light = paper + shadow * (
            np.linspace(-0.5, 0.5, WIDTH) + np.linspace(-0.2, 0.2, HEIGHT)[:, None]
        )
        levels = light + (ink - light) * drawn + noise * rng.standard_normal(drawn.shape)
        return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))

    return draw


PICTURES: dict[str, Draw] = {
    "as it is": lambda digit, rng: Image.fromarray(digit),
    "inverted": lambda digit, rng: Image.fromarray(255 - digit),
    "ten times larger": larger,
    "dark pen on paper": photo(),
    "the same, noise of 8 levels, shadow of 60": photo(noise=8, shadow=60),
    "pencil of 150 on 225, noise of 8, shadow of 30": photo(ink=150, noise=8, shadow=30),
    "chalk on a board, noise of 8": photo(paper=40, ink=220, noise=8),
}


def accuracy(kept: Checkpoint, draw: Draw, digits: Digit, labels: NDArray[np.int64]) -> float:
    """Fraction of the digits that are recognized from pictures in files, JPEG where large."""
    rng = np.random.default_rng(1)
    right = 0
    with tempfile.TemporaryDirectory() as folder:
        for i, digit in enumerate(digits):
            picture = draw(digit, rng)
            suffix = "jpg" if picture.width == WIDTH else "png"
            picture.save(Path(folder, f"{i:05}.{suffix}"), quality=85)
        for found in predict(kept, [folder], io.BytesIO(), top=1):
            if isinstance(found, DataError):
                raise found
            assert isinstance(found, list)  # nothing is left out
            right += sum(each.top[0].label == labels[int(Path(each.image).stem)] for each in found)
    return right / len(digits)


def main() -> None:
    """Print the accuracy of a run on each kind of picture."""
    kept = RunFolder(Path(sys.argv[1])).load_weights("best")
    test = dataset.load("mnist", "test", offline=True)
    rows = np.random.default_rng(0).choice(len(test.labels), COUNT, replace=False)
    for name, draw in PICTURES.items():
        found = accuracy(kept, draw, test.images[rows], test.labels[rows])
        sys.stdout.write(f"{name}: {100 * found:.1f}%\n")


if __name__ == "__main__":
    main()
