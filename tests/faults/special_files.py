"""Where a file is expected lies none: one line says so, at once and without a flood."""

import os
import resource
import shlex
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import chdir
from itertools import product
from pathlib import Path

import numpy as np

from tests.faults.formats import FORMATS, lay
from tests.faults.processes import THREAD, mlp
from tests.faults.table import Fault

MEMORY, FILE_SIZE = 4 << 30, 100 << 20  # bytes that a command may take
TOUCHED = ("YAML", "to predict")  # named by hand: of a pipe, the program waits for what it sends


def named_pipe(path: Path) -> None:
    """A pipe into which nobody writes."""
    os.mkfifo(path)


def endless(path: Path) -> None:
    """A link to a device whose zeros have no end."""
    path.symlink_to("/dev/zero")


def sparse(path: Path) -> None:
    """A file of a terabyte that takes no space."""
    with path.open("wb") as file:
        file.truncate(1 << 40)


def socket_file(path: Path) -> None:
    """A socket, made under a short name, since its path may have only some 100 characters."""
    with chdir(path.parent), socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)


def folder(path: Path) -> None:
    """A folder."""
    path.mkdir()


def link_to_nothing(path: Path) -> None:
    """A link that leads nowhere."""
    path.symlink_to("nowhere")


def link_to_itself(path: Path) -> None:
    """A link that leads to itself."""
    path.symlink_to(path.name)


KINDS: tuple[Callable[[Path], None], ...] = (
    named_pipe,
    endless,
    sparse,
    socket_file,
    folder,
    link_to_nothing,
    link_to_itself,
)
READ = [(name, f.path, command) for name, f in FORMATS.items() for command in f.commands]
CACHED = "cache/mnist/train-images-idx3-ubyte.gz"
READ += [
    ("run's config", "run/config.yaml", command)
    for command in ("eval run", "train --resume run", "runs", "runs show run", "runs rm run")
]
READ += [
    ("cache", CACHED, "download mnist --offline"),
    ("cache", CACHED, "download mnist --verify"),
    ("cache", CACHED, "data show mnist --offline"),
    ("source", "source/train-images-idx3-ubyte.gz", "download mnist --from source"),
    ("in a folder", "pictures/test/cat/0.png", "predict run pictures"),
    ("lock", "run/.lock", "train --resume run --epochs 3"),
]
CASES = [
    (path, command, make)
    for (name, path, command), make in product(READ, KINDS)
    if not (name in TOUCHED and make is named_pipe)
]


def unreadable(n: int, rng: np.random.Generator, place: Path) -> Iterator[str]:
    """The first n of all cases, which are shuffled."""
    with chdir(place):
        lay(place)
    for i in rng.permutation(len(CASES))[:n]:
        path, command, make = CASES[i]
        target, kept = place / path, place / "kept"
        target.parent.mkdir(parents=True, exist_ok=True)
        if existed := target.exists():
            target.rename(kept)
        make(target)
        env = os.environ | THREAD | {"MLPCLI_DATA": str(place / "cache")}
        try:
            done = mlp(*shlex.split(command), cwd=place, env=env, preexec_fn=_limit)
            errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
            fine = (done.status, len(errors)) in ((0, 0), (1, 0), (2, 1))
            yield "" if fine else f"{make.__name__}, {command}: {done}"
        except subprocess.TimeoutExpired:
            yield f"{make.__name__}, {command}: no end"
        target.rmdir() if make is folder else target.unlink(missing_ok=True)
        if existed:
            target.parent.mkdir(exist_ok=True)
            kept.rename(target)


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_SIZE, FILE_SIZE))


FAULTS = (Fault("no file where one is read", unreadable, few=8, many=len(CASES)),)
