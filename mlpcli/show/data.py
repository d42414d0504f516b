"""Samples of a data set: a picture with a row for each class, and its description."""

from pathlib import Path

import numpy as np

from mlpcli.api.data import COLUMNS, Formats, Samples, WrittenData
from mlpcli.config.schema import Augment
from mlpcli.data.preprocessing import SIDE
from mlpcli.data.quality import Quality
from mlpcli.show.figure import DPI, figure, save
from mlpcli.show.format import Block, json_object, pick, size
from mlpcli.show.junit import Case

GAP = 2  # pixels of an image between images
GRAY = 128  # of the gaps, so that the edge of a black image is seen
ZOOM = 2  # pixels of the picture for one of an image
LEFT, TOP = 180, 60  # pixels of the picture beside and above the images
MAX_LABEL_LENGTH = 16  # characters of a class's name


def png(path: Path, samples: Samples) -> None:
    """Draw the samples into a file; raises OutputError."""
    rows, tile = len(samples.images), SIDE + GAP
    framed = np.pad(samples.images, ((0, 0), (0, 0), (GAP, 0), (GAP, 0)), constant_values=GRAY)
    mosaic = framed.swapaxes(1, 2).reshape(rows * tile, COLUMNS * tile)
    mosaic = np.pad(mosaic, (0, GAP), constant_values=GRAY)
    tall, wide = (ZOOM * length for length in mosaic.shape)
    height, width = tall + TOP + GAP, wide + LEFT + GAP
    drawn = figure(figsize=(width / DPI, height / DPI))
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


def samples_as_text(samples: Samples, path: Path) -> str:
    """The path of the picture, and its content."""
    return f"picture: {path}\nshown: {_title(samples)}"


def samples_as_json(samples: Samples, path: Path) -> str:
    """The same as one JSON object."""
    augment = samples.ranges.model_dump() if samples.ranges else None
    return json_object(
        {"picture": str(path), **pick(samples, "data", "classes"), "augment": augment}
    )


def quality_as_blocks(quality: Quality) -> list[Block]:
    """A table of the splits, how they were read, and the findings."""
    rows = [["split", "images", "size", "pixels", "smallest class", "largest class"]]
    rows[0] += ["copies", "two labels", "blank"]
    for name, c in quality.splits.items():
        few, many = (pick_(c.classes, key=c.classes.__getitem__) for pick_ in (min, max))
        sizes = [f"{c.classes[label]:,} ({label})" for label in (few, many)]
        span = f"{c.range[0]} to {c.range[1]}"
        numbers = [c.duplicates, c.contradictions, c.blank]
        size_ = f"{c.size[0]}x{c.size[1]}"
        rows.append([name, f"{c.images:,}", size_, span, *sizes, *map("{:,}".format, numbers)])
    classes = len(next(iter(quality.splits.values())).classes)
    files = f"white {quality.white:g}, {quality.background} background"
    return [
        f"{quality.data}: {classes:,} classes; in the files: {files}",
        rows,
        *(f"note: {note}" for note in quality.notes if not note.startswith("left out ")),
        *(f"left out: {name}: {reason}" for name, reason in quality.skipped),
        *(f"finding: {finding}" for finding in quality.findings or ["none"]),
    ]


def quality_as_json(quality: Quality) -> str:
    """The same as one JSON object."""
    splits = {name: counts._asdict() for name, counts in quality.splits.items()}
    return json_object({**quality._asdict(), "splits": splits, "findings": quality.findings})


def quality_cases(quality: Quality) -> list[Case]:
    """A case for each kind of finding."""
    return [Case(quality.data, kind, "; ".join(texts)) for kind, texts in quality.checks.items()]


def formats_as_text(kinds: Formats) -> str:
    """What is read and what is not, with an example or with what to do instead."""
    lines = []
    for form in kinds.read:
        extra = f" (extra {form.extra})" if form.extra else ""
        lines += [f"{form.name}{extra}", f"  {form.example}"]
    lines += ["", "not read:"]
    for kind in kinds.refused:
        lines += [f"{kind.name}", f"  {kind.instead}"]
    return "\n".join(lines)


def formats_as_json(kinds: Formats) -> str:
    """The same as one JSON object."""
    return json_object(
        {
            "read": [pick(form, "name", "example", "extra") for form in kinds.read],
            "refused": [pick(kind, "name", "instead") for kind in kinds.refused],
        }
    )


def written_as_text(result: WrittenData) -> str:
    """The folder of a data set, and its size."""
    counts = [f"{split} images: {count:,}" for split, count in result.images.items()]
    return "\n".join([f"folder: {result.folder}", *counts, f"size: {size(result.bytes)}"])


def _title(samples: Samples) -> str:
    if samples.ranges is None:
        return f"{samples.data}: training images, {COLUMNS} of each class"
    variants = f"an image of each class, {COLUMNS - 1} variants of it"
    return f"{samples.data}: {variants}\n{_listed(samples.ranges)}"


def _listed(ranges: Augment) -> str:
    """The ranges that are in use, with their values."""
    used = {key: value for key, value in ranges.model_dump().items() if value}
    if not ranges.elastic:
        del used["elastic_sigma"]
    return ", ".join(key if value is True else f"{key} {value:g}" for key, value in used.items())


def _label(number: int, name: str) -> str:
    """A class's name, or its number where the font may lack its letters."""
    short = name if len(name) <= MAX_LABEL_LENGTH else f"{name[: MAX_LABEL_LENGTH - 3]}..."
    return short if name.isascii() and name.isprintable() else f"class {number}"
