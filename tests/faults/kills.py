"""kill -9 at random moments: what is resumed ends as if nothing had happened."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from tests.faults.processes import (
    Whole,
    check_readable,
    check_same,
    check_told,
    ended,
    in_training,
    on_a_training,
    start,
    whole,
)
from tests.faults.table import Fault, alone

AGAIN = 0.3  # chance that a resumed process is killed as well
MARK = "MLP_TRIAL"  # in the environment of a trial's processes
MOMENT = 5  # seconds within which a process notices that another has ended
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


def of_a_member(undisturbed: Whole, rng: np.random.Generator, own: Path) -> None:
    """The process that shares the steps is killed: the command says so, and keeps what it has."""
    folder, marked = own / "run", os.environ | {MARK: str(own)}
    process, moment = in_training(undisturbed, rng, folder, env=marked)
    told = f"a member killed {moment}"
    members = [pid for pid in _marked(own) if pid != process.pid]
    for pid in members:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    done = ended(process)
    if done.status:
        check_told(done, "killed by signal 9", told)
        check_readable(folder)
    else:
        told += ", too late"
    _check_nothing_left(own, told)
    check_same(folder, undisturbed, told)


def of_the_caller(undisturbed: Whole, rng: np.random.Generator, own: Path) -> None:
    """The command is killed: its members end by themselves, and its folder is free at once."""
    folder, marked = own / "run", os.environ | {MARK: str(own)}
    process, moment = in_training(undisturbed, rng, folder, env=marked)
    told = f"the caller killed {moment}, of {len(_marked(own))} processes"
    process.kill()
    ended(process)
    check_same(folder, undisturbed, told)
    _check_nothing_left(own, told)


def of_all(undisturbed: Whole, rng: np.random.Generator, own: Path) -> None:
    """The group of processes is killed, as by a supervisor."""
    folder, marked = own / "run", os.environ | {MARK: str(own)}
    process, moment = in_training(undisturbed, rng, folder, env=marked, start_new_session=True)
    told = f"all killed {moment}, of {len(_marked(own))} processes"
    os.killpg(process.pid, signal.SIGKILL)
    ended(process)
    check_same(folder, undisturbed, told)
    _check_nothing_left(own, told)


def _marked(own: Path) -> list[int]:
    """The processes that were started for a trial, members included: they have its mark.

    Asserts that none of them has shared memory with a name, which could outlive it.
    """
    word, found = f"{MARK}={own}\0".encode(), []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it has ended
            if word in path.read_bytes():
                found.append(int(path.parent.name))
                maps = (path.parent / "maps").read_text()
                assert "/dev/shm/" not in maps, f"{path.parent.name} has named shared memory"
    return found


def _check_nothing_left(own: Path, told: str) -> None:
    """Assert that no process of a trial is alive after a moment."""
    end = time.monotonic() + MOMENT
    while _marked(own) and time.monotonic() < end:
        time.sleep(0.01)
    assert not _marked(own), f"{told}: a process is left"


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
    Fault("kill -9 of a member", on_a_training(of_a_member), few=3, many=100),
    Fault("kill -9 of a caller with members", on_a_training(of_the_caller), few=2, many=100),
    Fault("kill -9 of all members", on_a_training(of_all), few=1, many=100),
)
