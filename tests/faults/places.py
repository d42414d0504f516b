"""A command is to write where something of the user's lies: that stays as it is."""

import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from tests.faults.disk import unprivileged
from tests.faults.processes import check_told, ended, mlp, start, whole
from tests.faults.table import Fault, alone

TARGET = "target"  # the name of what is written
MINE = b"mine\n"
NULL_DEVICE = (1, 3)  # major and minor number of /dev/null

INTO_FILE = {  # the words of each command; {} is the target
    "export": "export {run} --out {}",
    "export --format npz": "export {run} --format npz --out {}",
    "export --format safetensors": "export {run} --format safetensors --out {}",
    "report": "report {run} --out {}",
    "playground": "playground {run} --out {}",
    "data show": "data show {data} --out {}",
    "gradcheck --png": "gradcheck --sweep --png {}",
}
INTO_FOLDER = {
    "train": "train {train} --out {}",
    "train --overwrite": "train {train} --out {} --overwrite",
    "train --seeds": "train {train} --seeds 2 --out {}",
    "import": "import {weights} --out {}",
    "import --overwrite": "import {weights} --out {} --overwrite",
    "reproduce": "reproduce {run} --out {}",
    "data write": "data write synth {} --images 20",
    "runs rm": "runs rm {}",
    "train --resume": "train --resume {}",
}
RUN_NAMES = ("config.yaml", "metrics.jsonl", "run.json", "best.safetensors", "last.safetensors")
NAMES = (
    *RUN_NAMES,
    "report.html",
    "playground.html",
    ".lock",
    "notes.txt",
    "events/events.out.tfevents.1.host",
)


def foreign_file(path: Path) -> None:
    """A file of the user's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(MINE)


def foreign_folder(path: Path) -> None:
    """A folder with a file of the user's."""
    foreign_file(path / "notes.txt")


def link_to_file(path: Path) -> None:
    """A link to a file that lies elsewhere."""
    path.parent.mkdir(parents=True, exist_ok=True)
    outside = path.parents[1] / "outside.txt"
    foreign_file(outside)
    path.symlink_to(outside)


def link_to_folder(path: Path) -> None:
    """A link to a folder that lies elsewhere."""
    path.parent.mkdir(parents=True, exist_ok=True)
    outside = path.parents[1] / "outside"
    foreign_folder(outside)
    path.symlink_to(outside)


def named_pipe(path: Path) -> None:
    """A named pipe that nobody reads from, or writes into."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)


def device(path: Path) -> None:
    """A device: that of /dev/null, or a link to it where none can be made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(*NULL_DEVICE))
    except PermissionError:
        path.symlink_to("/dev/null")


def read_only_file(path: Path) -> None:
    """A file that its owner has protected."""
    foreign_file(path)
    path.chmod(0o444)


def in_read_only_folder(path: Path) -> None:
    """A file in a folder that its owner has protected."""
    foreign_file(path)
    path.parent.chmod(0o555)


KINDS: tuple[Callable[[Path], None], ...] = (
    foreign_file,
    foreign_folder,
    link_to_file,
    link_to_folder,
    named_pipe,
    device,
    read_only_file,
    in_read_only_folder,
)
IN_RUN = ("train --overwrite", "import --overwrite", "runs rm", "train --resume")
CASES = [  # command, what lies there, as which of the files there, and whether in a run
    *product(INTO_FILE | INTO_FOLDER, KINDS, [""], [False]),
    *product(INTO_FOLDER, (foreign_file, link_to_file, named_pipe), NAMES, [False]),
    *product(IN_RUN, (foreign_file, link_to_file, named_pipe), NAMES, [True]),
]


def theirs(n: int, rng: np.random.Generator, place: Path) -> Iterator[str]:
    """The first n of all cases, which are shuffled."""
    order = iter(rng.permutation(len(CASES)))

    def trial(_: np.random.Generator, own: Path) -> None:
        name, make, inside, in_run = CASES[next(order)]
        target = own / "folder" / TARGET
        told = f"{name}, {make.__name__} {inside}{' in a run' * in_run}"
        make(target / inside if inside else target)
        before = snapshot(own)
        if in_run:
            _fill(target)
        done = mlp(*_words(name, target), preexec_fn=unprivileged, cwd=own)
        after = snapshot(own)
        for folder in (target.parent, target):
            if folder.is_dir() and not folder.is_symlink():
                folder.chmod(0o755)
        told = f"{told}: {done}"
        lost = [path for path in before if after.get(path) != before[path]]
        assert not lost, f"{', '.join(lost)} changed: {told}"
        if done.status:
            check_told(done, "", told)
            assert "; see `mlp" not in done.err, told
            new = [path for path in after.keys() - before.keys() if not path.endswith(".lock")]
            assert in_run or not new, f"{new} left behind: {told}"
        else:
            assert make is device or name in INTO_FOLDER, f"where is the result? {told}"

    return alone(trial)(n, rng, place)


def overwrite(n: int, rng: np.random.Generator, place: Path) -> Iterator[str]:
    """With --overwrite, a file is replaced, and what a link leads to; a folder never."""
    cases = list(product(INTO_FILE, (foreign_file, link_to_file, foreign_folder)))
    order = iter(rng.permutation(len(cases)))

    def trial(_: np.random.Generator, own: Path) -> None:
        name, make = cases[next(order)]
        target = own / "folder" / TARGET
        make(target)
        before = snapshot(own)
        done = mlp(*_words(name, target), "--overwrite", cwd=own)
        told = f"{name}, {make.__name__}: {done}"
        if make is foreign_folder:
            check_told(done, "is a folder", told)
            assert snapshot(own) == before, told
        else:
            assert done.status == 0, told
            assert target.read_bytes() != MINE, told
            assert target.is_symlink() == (make is link_to_file), told

    return alone(trial)(n, rng, place)


def piped(n: int, rng: np.random.Generator, place: Path) -> Iterator[str]:
    """A named pipe that is read from gets what a file would, and stays a pipe."""
    order = iter(rng.permutation(len(INTO_FILE)))

    def trial(_: np.random.Generator, own: Path) -> None:
        name = [*INTO_FILE][next(order)]
        named_pipe(own / "pipe")
        with subprocess.Popen(["cat", str(own / "pipe")], stdout=subprocess.PIPE) as reader:
            done = ended(start(*_words(name, own / "pipe")))
            if done.status:  # it may never have opened the pipe
                reader.kill()
            got = reader.communicate()[0]
        assert done.status == 0, f"{name}: {done}"
        mlp(*_words(name, own / "file"))
        assert got == (own / "file").read_bytes(), f"{name}: the pipe got {len(got)} bytes"
        assert (own / "pipe").is_fifo(), f"{name}: the pipe is gone"

    return alone(trial)(n, rng, place)


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Of all that lies in a folder, by its path: its mode, and its content or where it leads."""
    found = {}
    for path in folder.rglob("*"):
        found[str(path.relative_to(folder))] = path.lstat().st_mode, _content(path)
    return found


def _content(path: Path) -> bytes:
    if path.is_symlink():
        return bytes(path.readlink())
    return path.read_bytes() if path.is_file() else b""


def _fill(folder: Path) -> None:
    """Put the files of a run into a folder, except where something lies already."""
    for path in whole().folder.iterdir():
        if path.is_file() and not os.path.lexists(folder / path.name):
            shutil.copy(path, folder)


def _words(name: str, target: Path) -> list[str]:
    """The words of a command, with the target and the files that it uses."""
    undisturbed = whole()
    values = {
        "run": str(undisturbed.folder),
        "data": str(undisturbed.data),
        "weights": str(weights()),
    }
    filled: list[str] = []
    for word in (INTO_FILE | INTO_FOLDER)[name].split():
        filled += undisturbed.options if word == "{train}" else [word.format(target, **values)]
    return filled


@cache
def weights() -> Path:
    """A file with the weights of a small network, as PyTorch saves them."""
    path = whole().data.with_name("model.safetensors")
    rng = np.random.default_rng(0)
    shapes = {"0.weight": (8, 784), "0.bias": (8,), "1.weight": (10, 8), "1.bias": (10,)}
    save_file({n: rng.normal(size=s).astype(np.float32) for n, s in shapes.items()}, path)
    return path


FAULTS = (
    Fault("a user's file in the way", theirs, few=8, many=len(CASES)),
    Fault("--overwrite of a user's file", overwrite, few=1, many=len(INTO_FILE) * 3),
    Fault("output into a named pipe", piped, few=1, many=len(INTO_FILE)),
)
