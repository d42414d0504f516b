"""Real processes of the program, and a training that takes them a moment."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mlpcli.runs import checkpoint
from mlpcli.runs.folder import CONFIG, RunFolder
from tests.cli.outcome import Outcome
from tests.faults.table import Trials, alone
from tests.fingerprint import result

PATIENCE = 120  # seconds; a process that takes longer is lost
THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
# `mlp`, after a byte that says that it begins: what precedes it is Python's own start
TELLING = (  # once it answers signals, which is the first thing that `main` sees to
    "import os, mlpcli.__main__ as program; program.signals.exit_immediately(); "
    "os.write({}, b'.'); program.main()"
)


class Whole(NamedTuple):
    """A training that nothing disturbed."""

    data: Path
    folder: Path
    options: tuple[str, ...]  # of `mlp train`, without --out
    result: dict[str, Any]
    training: float  # seconds from the first file of the run to the end
    seconds: float  # of the whole process


def start(*args: str, **options: Any) -> subprocess.Popen[str]:
    """A process of `mlp`; options are those of Popen."""
    return popen(command(*args), **options)


def begun(*args: str, **options: Any) -> subprocess.Popen[str]:
    """The same, when the program has just begun."""
    theirs, ours = os.pipe()
    words = [sys.executable, "-c", TELLING.format(ours), *args]
    process = popen(words, pass_fds=(ours,), **options)
    os.close(ours)
    os.read(theirs, 1)
    os.close(theirs)
    return process


def command(*args: str) -> list[str]:
    """The words that start `mlp` with this Python."""
    return [sys.executable, "-m", "mlpcli", *args]


def ended(process: subprocess.Popen[str]) -> Outcome:
    """Its outcome, waited for."""
    with process:
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return Outcome(process.returncode, out or "", err or "")


def mlp(*args: str, **options: Any) -> Outcome:
    """The outcome of a command."""
    return ended(start(*args, **options))


def check_told(done: Outcome, reason: str, told: str) -> None:
    """Assert that a command ended with status 2 and one line of error, which gives the reason."""
    errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert done.status == 2, f"{told}: {done}"
    assert len(errors) == 1, f"{told}: {done}"
    assert reason in errors[0], f"{told}: {done}"
    assert "Traceback" not in done.err, f"{told}: {done}"


@cache
def whole(*changes: str, preflight: bool = False) -> Whole:
    """A training on noisy data, so that its best changes now and then; saved after each step.

    Two processes share each step, where members are processes.
    preflight: whether it begins with the sanity checks, which take half a second. Its files last
    as long as this process.
    """
    place = Path(tempfile.mkdtemp(prefix="mlp-whole-"))
    atexit.register(shutil.rmtree, place)
    data = place / "noisy.npz"
    _draw(data)
    same = (f"data.name={data}", "network.hidden=[12,8]", "train.batch_size=64", "train.epochs=5")
    changes = (*same, "checkpoint.every_seconds=0", *changes)
    options = tuple(word for change in changes for word in ("--set", change))
    options += ("--threads", "2", *(() if preflight else ("--no-preflight",)))
    begin = time.perf_counter()
    process = start("train", *options, "--out", str(place / "whole"))
    first = appears(place / "whole" / CONFIG, process)
    done = ended(process)
    end = time.perf_counter()
    assert done.status == 0, done.err
    return Whole(data, place / "whole", options, result(place / "whole"), end - first, end - begin)


def on_a_training(
    trial: Callable[[Whole, np.random.Generator, Path], None], *, preflight: bool = False
) -> Trials:
    """Trials that disturb a training, and compare it with one that nothing disturbed."""

    def trials(n: int, rng: np.random.Generator, place: Path) -> Iterator[str]:
        undisturbed = whole(preflight=preflight)
        yield from alone(lambda rng, own: trial(undisturbed, rng, own))(n, rng, place)

    return trials


def appears(path: Path, process: subprocess.Popen[str]) -> float:
    """The moment at which a file is there, or the process has ended."""
    while not path.exists() and process.poll() is None:
        time.sleep(0.001)
    return time.perf_counter()


def in_training(
    undisturbed: Whole, rng: np.random.Generator, folder: Path, **options: Any
) -> tuple[subprocess.Popen[str], str]:
    """A process at a random moment of its training, and when that is."""
    process = start("train", *undisturbed.options, "--out", str(folder), **options)
    appears(folder / CONFIG, process)
    moment = rng.uniform(0, undisturbed.training)
    time.sleep(moment)
    return process, f"{moment:.3f} s after the first file"


def check_readable(folder: Path) -> None:
    """Assert that the checkpoints of a run are whole."""
    for path in folder.glob("*.safetensors"):
        checkpoint.load(path)


def check_same(folder: Path, whole: Whole, told: str, *, auto_resume: bool = False) -> None:
    """Resume a run, and assert that it gives what the undisturbed one gave.

    told: what happened to the run; auto_resume: resume it by the command that began it.
    """
    new = ("train", *whole.options, "--out", str(folder))  # where it died before there was one
    if auto_resume:
        done = mlp(*new, "--auto-resume")
    else:
        done = mlp("train", "--resume", str(folder)) if RunFolder(folder).holds_run() else mlp(*new)
    assert done.status == 0, f"{told}: {done}"
    found = result(folder)
    other = [key for key in found if found[key] != whole.result[key]]
    assert not other, f"{told}: differs in {', '.join(other)}"
    left = [path.name for path in folder.glob(".*.tmp")]
    assert not left, f"{told}: {left} left behind"


def popen(
    words: list[str], env: dict[str, str] | None = None, **options: Any
) -> subprocess.Popen[str]:
    """A process with pipes for its output and nothing to read, unless the options say otherwise."""
    piped = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    return subprocess.Popen(
        words,
        encoding="utf-8",
        errors="backslashreplace",
        env=os.environ | THREAD if env is None else env,
        **piped | options,
    )


def _draw(path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = {}
    for split, n in (("train", 300), ("test", 90)):
        labels = np.arange(n) % 3
        images = rng.integers(0, 120, (n, 6, 6))
        images[np.arange(n), 2, 2 * labels] += 60
        arrays |= {f"x_{split}": images.astype("uint8"), f"y_{split}": labels.astype("uint8")}
    np.savez(path, allow_pickle=False, **arrays)
