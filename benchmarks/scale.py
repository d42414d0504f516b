"""The cost per image for small and large data, and training on data larger than memory."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.process import MLP, run, turns
from benchmarks.table import Goal, Row
from benchmarks.worker import Worker, say

LR = 0.02
TAKEN = 100_000  # images in a measurement
IMAGE = 28 * 28  # bytes
MB = 1e6


def time_per_image(few: int, many: int, rounds: int) -> Row:
    """Microseconds of the step loop, for large data and for small, in turns."""
    with Worker("scale") as small, Worker("scale") as large:
        sides = [partial(_take, large, many), partial(_take, small, few)]
        say(f"time per image: drawing {many:,} images")
        for side in sides:  # draws the images and warms up
            side()
        ours, theirs = turns(rounds, *sides)
    what = f"time per image, {many:,} images"
    return Row(what, ours, f"{few:,} images", theirs, unit="us", goal=Goal("longer", 1.1))


def _take(worker: Worker, total: int) -> float:
    return worker.ask("take", total=total, images=TAKEN, lr=LR).seconds / TAKEN * 1e6


def memory(few: int, many: int) -> tuple[Row, dict[str, Any]]:
    """Bytes per image of a training in memory, and what the larger one printed."""
    say(f"memory: training on {few:,}, then on {many:,} images")
    with TemporaryDirectory() as folder:
        small, large = (_train(folder, f"data.images={n}") for n in (few, many))
    grown = (large["peak"] - small["peak"]) / (many - few)
    what = f"memory per image, from {few:,} to {many:,} images"
    return Row(what, [grown], unit="B", goal=Goal("most", 1100)), large


def larger_than_memory(images: int, held: dict[str, Any]) -> Iterator[Row]:
    """A training on files under a limit of half their size; held: what one in memory printed."""
    size = images * IMAGE
    with TemporaryDirectory() as folder:
        say(f"larger than memory: writing {images:,} images, then training on them")
        digits = f"{folder}/digits"
        run(MLP, "data", "write", "synth", digits, "--images", str(images))
        mapped = _train(folder, f"data.name={digits}", limit=size // 2)
    yield Row(
        f"memory limit when training on {images:,} images in files",
        [size / 2 / MB],
        "size of the files",
        [size / MB],
        unit="MB",
        goal=Goal("longer", 1),
        note=f"peak resident size {mapped['peak'] / MB:.0f} MB, with pages of the mapped files",
    )
    yield Row(
        "time per image of that training",
        [1e6 / mapped["images_per_second"]],
        "the same in memory",
        [1e6 / held["images_per_second"]],
        unit="us",
        kind="longer",
    )


def _train(folder: str, setting: str, *, limit: int | None = None) -> dict[str, Any]:
    """An epoch by `mlp train`: what it prints, and its peak in bytes."""
    command = (MLP, "train", "--set", setting, "--epochs", "1", "--json")
    before = partial(_limit_memory, limit) if limit else None
    ended = run(*command, "--out", str(Path(folder, "run")), "--overwrite", before=before)
    return {**json.loads(ended.out), "peak": ended.peak}


def _limit_memory(limit: int) -> None:
    """Refuse this process more memory of its own; the pages of mapped files are the kernel's."""
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
