"""kill -9 at random moments: what is resumed ends as if nothing had happened."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.faults.processes import (
    Whole,
    check_readable,
    check_same,
    ended,
    in_training,
    on_a_training,
    start,
    whole,
)
from tests.faults.table import Fault, alone

AGAIN = 0.3  # chance that a resumed process is killed as well
VARIANTS = (
    (),
    ("optimizer.name=adam", "optimizer.weight_decay=0.01"),
    ("network.dropout=0.3", "train.ema=0.9", "augment.shift=1", "augment.rotate=10"),
)


def during_training(n: int, rng: np.random.Generator, place: Path) -> Iterator[str]:
    """Each counted kill meets a process that has begun its run."""

    def trial(rng: np.random.Generator, own: Path) -> None:
        which = whole(*VARIANTS[rng.integers(len(VARIANTS))])
        folder, told = own / "run", ""
        for attempt in range(100):
            folder = own / f"run-{attempt}"
            if told := _killed_in_training(which, folder, rng):
                break
        assert told, "no process could be killed before its end"
        while rng.random() < AGAIN:
            told += _killed_again(which, folder, rng)
        check_same(folder, which, told)

    yield from alone(trial)(n, rng, place)


def during_start(undisturbed: Whole, rng: np.random.Generator, own: Path) -> None:
    """Most of these kills come before there is anything to lose."""
    process = start("train", *undisturbed.options, "--out", str(own / "run"))
    moment = rng.uniform(0, undisturbed.seconds - undisturbed.training / 2)
    time.sleep(moment)
    process.kill()
    ended(process)
    check_same(own / "run", undisturbed, f"killed {moment:.3f} s after its start")


def _killed_in_training(which: Whole, folder: Path, rng: np.random.Generator) -> str:
    """What happened to the run, or an empty text when it ended before it could be killed."""
    process, moment = in_training(which, rng, folder)
    process.kill()
    if ended(process).status == 0:
        return ""
    check_readable(folder)
    return f"killed {moment}"


def _killed_again(which: Whole, folder: Path, rng: np.random.Generator) -> str:
    process = start("train", "--resume", str(folder))
    moment = rng.uniform(0, which.seconds)
    time.sleep(moment)
    process.kill()
    ended(process)
    return f", resumed and killed after {moment:.3f} s"


FAULTS = (
    Fault("kill -9 during training", during_training, few=3, many=200),
    Fault("kill -9 during start-up", on_a_training(during_start), few=1, many=50),
)
