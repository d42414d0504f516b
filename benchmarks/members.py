"""How a step would be shared by more members than there are cores here: a model of measured parts.

Run as `python benchmarks/members.py`. One member does the parts of a step for 128, 64, ... rows;
for m members, the model takes the parts of 128 / m rows, and an m-th of the blocks. It leaves out
what m cores take from each other: memory bandwidth, shared caches, clock frequency.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from benchmarks.sides.ours import Trainer

BATCH = 128
MEMBERS = (1, 2, 4, 8, 16)
STEPS = 60  # of each size, in each round
ROUNDS = 5
BETWEEN = 80e-6  # seconds between two steps, in which only the training itself works
BARRIER = 5e-6  # seconds that a barrier takes when all arrive at once


class Parts(NamedTuple):
    """Seconds of the parts of a step, between barriers."""

    fill: float
    rows: float
    blocks: float


def main() -> None:
    """Print the parts by rows, and what they come to for each number of members."""
    parts = _measure()
    whole = sum(parts[BATCH]) + BETWEEN
    write = sys.stdout.write
    for rows, part in parts.items():
        fill, passes, blocks = (1e6 * seconds for seconds in part)
        write(f"{rows:4} rows: batch {fill:.0f} us, rows {passes:.0f}, blocks {blocks:.0f}\n")
    for members in MEMBERS:
        part, barriers = parts[BATCH // members], 3 if members > 1 else 0
        step = part.fill + part.rows + parts[BATCH].blocks / members + BETWEEN + barriers * BARRIER
        write(
            f"{members:4} members: {1e6 * step:.0f} us a step, {whole / step:.1f} times as fast\n"
        )


def _measure() -> dict[int, Parts]:
    """Medians of the parts, by rows; the sizes take turns."""
    with ExitStack() as stack:
        trainers = {BATCH // members: _trainer(BATCH // members, stack) for members in MEMBERS}
        seconds: dict[int, list[Parts]] = {rows: [] for rows in trainers}
        for _ in range(ROUNDS):
            for rows, trainer in trainers.items():
                seconds[rows] += _steps(trainer, rows)
    return {rows: Parts(*map(median, zip(*all_, strict=True))) for rows, all_ in seconds.items()}


def _trainer(rows: int, stack: ExitStack) -> Trainer:
    """A training by one member on batches of so many rows."""
    trainer = Trainer("sgd", 0, members=1, batch_size=rows)
    stack.push(trainer.stack)
    trainer.engine._lr[0] = 0.01
    return trainer


def _steps(trainer: Trainer, rows: int) -> Iterator[Parts]:
    """The parts of some steps; the work of a step stops at each barrier."""
    for start in range(0, STEPS * rows, rows):
        work, moments = trainer.engine._step_work(0, rows, 1, 1, start), [time.perf_counter()]
        for _ in work:
            moments.append(time.perf_counter())
        moments.append(time.perf_counter())
        yield Parts(*(end - begin for begin, end in pairwise(moments)))


if __name__ == "__main__":
    main()
