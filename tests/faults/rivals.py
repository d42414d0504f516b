"""Two trainings in one folder: one works, the other is refused; a lock that is left is no lock."""

import os
import time
from pathlib import Path

import numpy as np

from mlpcli.lock import LOCK_FILE
from mlpcli.runs.folder import CONFIG, RECORD
from tests.faults.processes import (
    Whole,
    appears,
    check_same,
    check_told,
    ended,
    on_a_training,
    start,
)
from tests.faults.table import Fault
from tests.fingerprint import result


def two_trainings(undisturbed: Whole, rng: np.random.Generator, place: Path) -> None:
    """Both begin at almost the same moment; the later one may come when all is done."""
    words = ("train", *undisturbed.options, "--out", str(place / "run"))
    first = start(*words)
    delay = rng.uniform(0, undisturbed.seconds / 2)
    time.sleep(delay)
    second = start(*words)
    outcomes = {process.pid: ended(process) for process in (first, second)}
    told = f"{delay:.3f} s apart"
    refused = [pid for pid, done in outcomes.items() if done.status]
    assert len(refused) == 1, f"{told}: {outcomes}"
    (winner,) = outcomes.keys() - set(refused)
    told += f", the other is process {winner}"
    check_told(outcomes[refused[0]], " a run", told)
    named = f"process {winner} is writing" in outcomes[refused[0]].err
    assert named or "already contains a run" in outcomes[refused[0]].err, f"{told}: {outcomes}"
    assert result(place / "run") == undisturbed.result, f"{told}: the run differs"


def train_and_resume(undisturbed: Whole, rng: np.random.Generator, place: Path) -> None:
    """A run that is resumed while it is still trained."""
    first = start("train", *undisturbed.options, "--out", str(place / "run"))
    appears(place / "run" / RECORD, first)
    second = ended(start("train", "--resume", str(place / "run")))
    done = ended(first)
    assert done.status == 0, f"{done}"
    if second.status:
        check_told(second, f"process {first.pid} is writing a run here", "resumed")
    assert result(place / "run") == undisturbed.result, "the run differs"


def stale_lock(undisturbed: Whole, rng: np.random.Generator, place: Path) -> None:
    """The lock of a process that was killed; its number may be another process's by now."""
    folder = place / "run"
    process = start("train", *undisturbed.options, "--out", str(folder))
    appears(folder / CONFIG, process)
    process.kill()
    ended(process)
    owner = rng.choice([f"{os.getpid()}", f"{process.pid}", f"{2**22}", ""])
    (folder / LOCK_FILE).write_text(owner)
    check_same(folder, undisturbed, "a stale lock")


FAULTS = (
    Fault("two trainings in a folder", on_a_training(two_trainings), few=1, many=30),
    Fault("resumed while trained", on_a_training(train_and_resume), few=1, many=20),
    Fault("stale lock", on_a_training(stale_lock), few=1, many=20),
)
