"""Samples of a data set: a picture with a row for each class, and what is said about it."""

from pathlib import Path

import numpy as np

from mlpcli.data.augment import Ranges
from mlpcli.data.dataset import SIDE
from mlpcli.runs.samples import COLUMNS, Samples
from mlpcli.show.figure import DPI, figure, save
from mlpcli.show.text import as_json

GAP = 2  # pixels of an image between images
GREY = 128  # of the gaps, so that the edge of a black image is seen
ZOOM = 2  # pixels of the picture for one of an image
LEFT, TOP = 180, 60  # pixels of the picture beside and above the images
LONGEST = 16  # characters of a class's name


def png(path: Path, samples: Samples) -> None:
    """Draw the samples into a file; raises ConfigError without matplotlib."""
    rows, tile = len(samples.images), SIDE + GAP
    framed = np.pad(samples.images, ((0, 0), (0, 0), (GAP, 0), (GAP, 0)), constant_values=GREY)
    mosaic = framed.swapaxes(1, 2).reshape(rows * tile, COLUMNS * tile)
    mosaic = np.pad(mosaic, (0, GAP), constant_values=GREY)
    tall, wide = (ZOOM * length for length in mosaic.shape)
    height, width = tall + TOP + GAP, wide + LEFT + GAP
    drawn = figure("mlp data show", figsize=(width / DPI, height / DPI))
    axes = drawn.add_axes((LEFT / width, GAP / height, wide / width, tall / height))
    axes.imshow(mosaic, cmap="gray", vmin=0, vmax=255, interpolation="nearest", aspect="auto")
    labels = [_label(i, name) for i, name in enumerate(samples.classes)]
    axes.set_yticks(np.arange(rows) * tile + tile / 2, labels, parse_math=False)
    axes.set_xticks([])
    axes.tick_params(length=0, labelsize=8)
    axes.set_frame_on(False)
    title = _title(samples).encode("ascii", "replace").decode()  # the font lacks most letters
    axes.set_title(title, fontsize=8, loc="left", parse_math=False)
    save(drawn, path)


def as_text(path: Path, samples: Samples) -> str:
    """Where the picture went, and what is in it."""
    return f"picture: {path}\nshown: {_title(samples)}"


def as_object(path: Path, samples: Samples) -> str:
    """The same as one JSON object."""
    return as_json(
        {
            "picture": str(path),
            "data": samples.data,
            "classes": list(samples.classes),
            "augment": samples.ranges._asdict() if samples.ranges else None,
        }
    )


def _title(samples: Samples) -> str:
    if samples.ranges is None:
        return f"{samples.data}: training images, {COLUMNS} of each class"
    return (
        f"{samples.data}: an image of each class, {COLUMNS - 1} variants of it\n"
        f"{_listed(samples.ranges)}"
    )


def _listed(ranges: Ranges) -> str:
    """The ranges that are in use, with their values."""
    used = {key: value for key, value in ranges._asdict().items() if value}
    if not ranges.elastic:
        del used["elastic_sigma"]
    return ", ".join(key if value is True else f"{key} {value:g}" for key, value in used.items())


def _label(number: int, name: str) -> str:
    """A class's name, or its number where the font may lack its letters."""
    short = name if len(name) <= LONGEST else f"{name[: LONGEST - 3]}..."
    return short if name.isascii() and name.isprintable() else f"class {number}"
