"""A full disk, a folder that refuses writing or is gone: one line says so, and nothing is lost."""

import ctypes
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np

from tests.cli.outcome import Outcome
from tests.faults.processes import (
    Whole,
    check_readable,
    check_same,
    check_told,
    ended,
    in_training,
    mlp,
    on_a_training,
)
from tests.faults.table import Fault, Impossible

NEEDED = 300_000  # bytes that the training of these trials takes on a disk, about
PAGE = 4096  # bytes, the least that a tmpfs gives
OVERRIDE = 1  # CAP_DAC_OVERRIDE of capability.h: root's right to write where it is forbidden
DROP = 24  # PR_CAPBSET_DROP of prctl.h
NEW_MOUNTS = 0x20000  # CLONE_NEWNS of sched.h


def full_disk(undisturbed: Whole, rng: np.random.Generator, place: Path) -> None:
    """A small tmpfs, which is given more room afterwards."""
    pages = int(rng.integers(1, NEEDED // PAGE))
    with mounted(place / "disk", f"size={pages * PAGE}"):
        folder = place / "disk" / "run"
        done = mlp("train", *undisturbed.options, "--out", str(folder))
        told = f"a disk of {pages} pages"
        check_stopped(done, "No space left on device", told, folder)
        remount(place / "disk", f"size={10 * NEEDED}")
        check_same(folder, undisturbed, told)


def small_files(undisturbed: Whole, rng: np.random.Generator, place: Path) -> None:
    """No file may be larger than so many bytes."""
    limit = int(rng.integers(0, NEEDED // 3))
    options = ("train", *undisturbed.options, "--out", str(place / "run"))
    done = mlp(*options, preexec_fn=limited(limit))
    told = f"files of at most {limit} bytes"
    check_stopped(done, "File too large", told, place / "run")
    check_same(place / "run", undisturbed, told)


def read_only_system(undisturbed: Whole, rng: np.random.Generator, place: Path) -> None:
    """A file system that is mounted read-only: no run is made there, an earlier one is of use."""
    place = place / "disk"
    with mounted(place, "size=10M"):
        shutil.copytree(undisturbed.folder, place / "run")
        remount(place, "ro")
        _check_closed(undisturbed, place, "Read-only file system")


def read_only_folder(undisturbed: Whole, rng: np.random.Generator, place: Path) -> None:
    """The same for a folder without permission to write."""
    shutil.copytree(undisturbed.folder, place / "run")
    for folder in (place / "run", place):
        folder.chmod(0o555)
    _check_closed(undisturbed, place, "Permission denied")
    for folder in (place, place / "run"):
        folder.chmod(0o755)


def shut_folder(undisturbed: Whole, rng: np.random.Generator, place: Path) -> None:
    """A folder that loses its permission to write while a run is written there."""
    folder = place / "run"
    process, told = in_training(undisturbed, rng, folder, preexec_fn=unprivileged)
    folder.chmod(0o555)
    done = ended(process)
    folder.chmod(0o755)
    check_stopped(done, "Permission denied", told, folder)
    check_same(folder, undisturbed, told)


def moved_folder(undisturbed: Whole, rng: np.random.Generator, place: Path) -> None:
    """A folder that is moved while a run is written there; half the time another takes its place.

    Two runs at one path are never mixed.
    """
    folder, away = place / "run", place / "away"
    process, told = in_training(undisturbed, rng, folder)
    folder.rename(away)
    if other := rng.integers(2):
        done = mlp("train", *undisturbed.options, "--out", str(folder))
        assert done.status == 0, f"{told}: the other: {done}"
    done = ended(process)
    if done.status:
        finished = "was moved or removed when the training had finished"
        check_told(done, finished if finished in done.err else f"was moved to {away}", told)
    check_same(away, undisturbed, told)
    if other:
        check_same(folder, undisturbed, f"{told}: the other")
    else:
        assert not folder.exists(), f"{told}: it came back"


def removed_folder(undisturbed: Whole, rng: np.random.Generator, place: Path) -> None:
    """A folder that is removed while a run is written there."""
    folder = place / "run"
    process, told = in_training(undisturbed, rng, folder)
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
    done = ended(process)
    if done.status:  # a file may be removed under it before its folder is
        reason = "No such file" if "cannot write" in done.err else "removed"
        check_told(done, reason, told)
    assert not folder.exists(), f"{told}: it came back"


def check_stopped(done: Outcome, reason: str, told: str, folder: Path) -> None:
    """Assert that a training that failed gave the reason, and left whole checkpoints."""
    if done.status:
        check_told(done, reason, told)
        check_readable(folder)


def limited(size: int) -> Callable[[], None]:
    """For `preexec_fn`: no file may be larger than so many bytes."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def unprivileged() -> None:
    """Give up root's right to write where it is forbidden, from the next program on."""
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(DROP, OVERRIDE, 0, 0, 0)


@contextmanager
def mounted(place: Path, options: str) -> Iterator[None]:
    """An empty file system in memory; raises Impossible where none may be mounted."""
    place.mkdir()
    try:
        _keep_mounts_private()
        _mount("-t", "tmpfs", "-o", options, "tmpfs", place)
    except (OSError, AttributeError, subprocess.CalledProcessError) as err:
        raise Impossible("mounting is not permitted here") from err
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def remount(place: Path, options: str) -> None:
    """Change a mounted file system."""
    _mount("-o", f"remount,{options}", place)


@cache
def _keep_mounts_private() -> None:
    """Let what is mounted be seen by this process and its children alone, and go with them."""
    if ctypes.CDLL(None, use_errno=True).unshare(NEW_MOUNTS):
        raise OSError(ctypes.get_errno(), "unshare")
    _mount("--make-rslave", "/")


def _mount(*words: str | Path) -> None:
    subprocess.run(["mount", *words], check=True, capture_output=True)


def _check_closed(undisturbed: Whole, place: Path, reason: str) -> None:
    before = sorted(os.listdir(place / "run"))
    for out in ("run", "new", "new/er"):
        words = ("train", *undisturbed.options, "--overwrite", "--out", str(place / out))
        check_told(mlp(*words, preexec_fn=unprivileged), reason, f"--out {out}")
    resume = ("train", "--resume", str(place / "run"), "--epochs", "9")
    done = mlp(*resume, preexec_fn=unprivileged)
    check_told(done, reason, "--resume")
    done = mlp("eval", str(place / "run"), preexec_fn=unprivileged)
    assert done.status == 0, f"eval: {done}"
    assert sorted(os.listdir(place / "run")) == before, "the run has changed"


FAULTS = (
    Fault("full disk, training", on_a_training(full_disk), few=1, many=50),
    Fault("limit of a file's size, training", on_a_training(small_files), few=1, many=50),
    Fault("read-only file system", on_a_training(read_only_system), few=1, many=5),
    Fault("read-only folder", on_a_training(read_only_folder), few=1, many=5),
    Fault("folder becomes read-only", on_a_training(shut_folder), few=1, many=30),
    Fault("run folder moved", on_a_training(moved_folder), few=1, many=50),
    Fault("run folder removed", on_a_training(removed_folder), few=1, many=30),
)
