"""Each call of the system in turn fails, or is the last: for every command that writes."""

import atexit
import errno
import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mlpcli.runs.folder import RunFolder
from tests.cli.outcome import Outcome
from tests.faults.formats import idx
from tests.faults.places import weights
from tests.faults.processes import THREAD, whole
from tests.faults.table import Fault, Impossible
from tests.fingerprint import result

SOURCE = Path(__file__).with_name("nth_call.c")
FATES = {  # numbers as in nth_call.c, and the kinds of calls that they can befall
    "EIO": (errno.EIO, "rswmc"),
    "EIO from then on": (1000 + errno.EIO, "wm"),
    "ENOSPC": (errno.ENOSPC, "wm"),
    "EINTR": (errno.EINTR, "rwm"),
    "a short write": (-1, "w"),
    "death before": (-2, "wm"),
    "death after": (-3, "wm"),
}
COPY = "-copy"  # ends the name of a trial's folder
DEATH = -9  # the status
MINE = b"mine\n"


class Command(NamedTuple):
    """A command that writes.

    Among its words, {train} and {other} are the options of two trainings, {old} is a run, {data},
    {weights} and {files} are what its name says.
    """

    words: str
    state: Callable[[Path], Any]  # what it leaves in the place, when it has succeeded
    before: str = ""  # commands whose result it finds
    again: Callable[[Path, str], str] = lambda place, words: words  # what mends a failure


def of_run(place: Path) -> Any:
    """The run in `run`, whole and known as that."""
    return None if RunFolder(place / "run").is_incomplete() else result(place / "run")


def of_repetition(place: Path) -> Any:
    """A run and its repetition."""
    return result(place / "run"), result(place / "again")


def of_imported(place: Path) -> Any:
    """The weights and settings of an imported run."""
    run = RunFolder(place / "run")
    weights = [
        hashlib.sha256(run.weights(name).read_bytes()).hexdigest() for name in ("best", "last")
    ]
    return weights, run.load_config(), run.load_record().status


def of_seeds(place: Path) -> Any:
    """The runs of two seeds."""
    return [result(place / "run" / f"seed-{seed}") for seed in (0, 1)]


def of_files(place: Path) -> Any:
    """The content of every file but of locks."""
    files = sorted(path for path in place.rglob("*") if path.is_file() and path.name != ".lock")
    return {f"{path.relative_to(place)}": path.read_bytes() for path in files}


def of_tags(place: Path) -> Any:
    """A run and what is said of it."""
    return result(place / "run"), RunFolder(place / "run").load_tags()


def of_cache(place: Path) -> Any:
    """The same without temporary files, which the next download removes where the disk refused."""
    files = of_files(place).items()
    return {name: content for name, content in files if not Path(name).name.startswith("tmp")}


def of_pages(place: Path) -> Any:
    """Whether each file is a whole page: the content of a report depends on its time."""
    return {name: content.endswith(b"</html>\n") for name, content in of_files(place).items()}


def resumed(place: Path, words: str) -> str:
    """A run that was begun is resumed by the same command."""
    return f"{words} --auto-resume"


def overwritten(place: Path, words: str) -> str:
    """The same command, or what goes on with the new run."""
    run = RunFolder(place / "run")
    if not run.holds_run():
        return words
    old = _start(place) / "run"
    if run.load_config() != RunFolder(old).load_config():
        return "train --resume run"
    assert result(run.path) == result(old), "neither the old run nor the new one"
    return words


def without_overwrite(place: Path, words: str) -> str:
    """The same command, which an incomplete folder does not refuse."""
    incomplete = RunFolder(place / "run").is_incomplete()
    return words.replace(" --overwrite", "") if incomplete else words


def removed(place: Path, words: str) -> str:
    """A repetition that has stopped is removed by hand."""
    return f"runs rm again && {words}" if RunFolder(place / "again").holds_run() else words


COMMANDS = {
    "train": Command("train {train} --out run", of_run, again=resumed),
    "train, with TensorBoard": Command(
        "train {train} --set log.tensorboard=true --out run", of_run, again=resumed
    ),
    "train --seeds": Command(
        "train {train} --epochs 1 --seeds 2 --out run", of_seeds, again=resumed
    ),
    "train --resume": Command(
        "train --resume run --epochs 3",
        of_run,
        "train {train} --out run",
        again=lambda *_: "train --resume run --epochs 3",
    ),
    "train --overwrite": Command(
        "train {other} --out run --overwrite", of_run, "train {train} --out run", overwritten
    ),
    "import": Command("import {weights} --out run", of_imported),
    "import --overwrite": Command(
        "import {weights} --out run --overwrite",
        of_imported,
        "train {train} --out run",
        without_overwrite,
    ),
    "reproduce": Command("reproduce run", of_run, "train {train} --out run"),
    "reproduce --out": Command(
        "reproduce run --out again", of_repetition, "train {train} --out run", removed
    ),
    "runs rm": Command(
        "runs rm run", of_files, "train {train} --set log.tensorboard=true --out run --note x"
    ),
    "runs rm, several": Command(
        "runs rm run", of_files, "train {train} --epochs 1 --seeds 2 --out run"
    ),
    "runs tag": Command("runs tag run good", of_tags, "train {train} --out run --note x"),
    "export to ONNX": Command("export {old} --out net.onnx", of_files),
    "export to safetensors": Command(
        "export {old} --format safetensors --out net.st",
        of_files,
        "export {old} --format safetensors --weights last --out net.st",
    ),
    "export to npz": Command(
        "export {old} --format npz --out net.npz",
        of_files,
        "export {old} --format npz --weights last --out net.npz",
    ),
    "report": Command("report {old} --out report.html", of_pages),
    "report, replaced": Command("report run", of_pages, "train {train} --out run && report run"),
    "playground": Command("playground {old} --out playground.html", of_pages),
    "playground, replaced": Command(
        "playground run", of_pages, "train {train} --out run && playground run"
    ),
    "data show": Command(
        "data show {data} --out picture.png", of_files, "data show synth --out picture.png"
    ),
    "data write": Command("data write {data} written", of_files),
    "gradcheck --png": Command("gradcheck --sweep --png sweep.png", of_files),
    "download": Command("download own --from {files}", of_cache),
    "download an archive": Command("download packed --from {files}", of_cache),
}


def failing(name: str, n: int, rng: np.random.Generator, place: Path) -> Iterator[str]:
    """At most n of the calls of a command and their fates, in random order."""
    command, server = COMMANDS[name], _server()
    start = _place(server, command)
    try:
        first = _copied(start)
        done, calls = server(command.words, first)
        assert done.status == 0, f"{name}: {done}"
        expected = command.state(first)
        shutil.rmtree(first)
        cases = [
            (number, fate)
            for number, kind in enumerate(calls, 1)
            for fate, (_, kinds) in FATES.items()
            if kind in kinds
        ]
        for i in rng.permutation(len(cases))[:n]:
            own, (number, fate) = _copied(start), cases[i]
            try:
                _trial(server, command, own, number, fate, expected)
            except Exception as err:
                yield f"{fate}, call {number} of {len(calls)}: {type(err).__name__}: {err}"
            else:
                yield ""
            shutil.rmtree(own)
    finally:
        shutil.rmtree(start)


def _trial(
    server: "Server", command: Command, place: Path, number: int, fate: str, expected: Any
) -> None:
    done, _ = server(command.words, place, number=number, fate=FATES[fate][0])
    if done.status == 0:
        assert command.state(place) == expected, f"succeeded, with another result: {done}"
    elif done.status != DEATH or not fate.startswith("death"):
        errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
        assert (done.status, len(errors)) == (2, 1), f"{done}"
    if done.status or ".tmp: cannot be removed" in done.err:
        if command.state in (of_files, of_cache, of_pages):
            _check_whole(command, place, expected)
        for words in command.again(place, command.words).split(" && "):
            done, _ = server(words, place)
        if done.status and command.state(place) != expected:
            raise AssertionError(f"cannot be mended: {done}")
    assert command.state(place) == expected, "mended, with another result"
    left = [path.name for path in place.rglob("*.tmp")]
    assert not left, f"{left} left behind"
    assert (place / "notes.txt").read_bytes() == MINE


def _check_whole(command: Command, place: Path, expected: Any) -> None:
    """Assert that each file is as it was or as it is to be, but for temporary ones."""
    before, now = command.state(_start(place)), command.state(place)
    torn = [
        name
        for name in now.keys() | before.keys()
        if now.get(name) not in (before.get(name), expected.get(name))
        and not Path(name).name.startswith(("tmp", "."))
        and not Path(name).parts[0].startswith(".")
    ]
    assert not torn, f"{torn} neither as before nor as it is to be"


class Server:
    """The process that runs the commands, and what they need."""

    def __init__(self) -> None:
        if sys.platform != "linux":
            raise Impossible("calls of libc can be intercepted on Linux alone")
        self.folder = Path(tempfile.mkdtemp(prefix="mlp-calls-", dir=_memory()))
        library = self.folder / "nth_call.so"
        compiler = ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"]
        try:
            subprocess.run(compiler, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as err:
            raise Impossible("no compiler for C is here") from err
        self.published = _publish(self.folder / "files")
        env = os.environ | THREAD | {"LD_PRELOAD": str(library)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults._call_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=env,
        )
        atexit.register(self.close)

    def close(self) -> None:
        """End the process and remove the files."""
        self.process.kill()
        self.process.communicate()
        shutil.rmtree(self.folder)

    def __call__(
        self, words: str, place: Path, *, number: int = 0, fate: int = 0
    ) -> tuple[Outcome, str]:
        """The outcome of a command, and the kinds of its calls."""
        undisturbed = whole()
        same = [w for w in undisturbed.options if w not in ("--threads", "2")]
        train = [*same, "--set", "train.epochs=2", "--threads", "1"]
        lists = {"{train}": train, "{other}": [*train, "--set", "optimizer.lr=0.5"]}
        paths = {"{old}": undisturbed.folder, "{data}": undisturbed.data, "{weights}": weights()}
        paths |= {"{files}": self.folder / "files"}
        filled = [
            w for word in words.split() for w in lists.get(word, [str(paths.get(word, word))])
        ]
        request = {
            "words": filled,
            "place": str(place),
            "n": number,
            "fate": fate,
            "env": {"MLPCLI_DATA": str(place / "cache")},
            "published": self.published,
        }
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        calls = answer.pop("calls")
        return Outcome(**answer), calls


_server = cache(Server)


def _memory() -> str | None:
    """A file system in memory, where flushing takes no time."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _place(server: Server, command: Command) -> Path:
    """A folder with a user's file, and with what an earlier command has left."""
    place = Path(tempfile.mkdtemp(prefix="mlp-place-", dir=_memory()))
    (place / "notes.txt").write_bytes(MINE)
    for words in filter(None, command.before.split(" && ")):
        done, _ = server(words, place)
        assert done.status == 0, f"{done}"
    return place


def _copied(start: Path) -> Path:
    place = start.with_name(f"{start.name}{COPY}")
    shutil.copytree(start, place)
    return place


def _start(place: Path) -> Path:
    """The folder of which a trial's is a copy."""
    return place.with_name(place.name.removesuffix(COPY))


def _publish(folder: Path) -> dict[str, dict[str, tuple[str, str, int]]]:
    """The files of two data sets, one of which is in an archive; the sets, for the server."""
    folder.mkdir()
    x = np.arange(40, dtype=np.uint8).reshape(10, 2, 2)
    bodies = {"images": ("x.gz", idx(x)), "labels": ("y.gz", idx(x[:, 0, 0] % 2))}
    packed = io.BytesIO()
    files = {}
    with zipfile.ZipFile(packed, "w") as archive:
        for what, (name, content) in bodies.items():
            body = gzip.compress(content, mtime=0)
            (folder / name).write_bytes(body)
            archive.writestr(f"gzip/p{name}", body)
            files[what] = _file(name, body)
    (folder / "a.zip").write_bytes(packed.getvalue())
    inside = {what: (f"p{name}", sha, size) for what, (name, sha, size) in files.items()}
    return {"own": files, "packed": inside | {"archive": _file("a.zip", packed.getvalue())}}


def _file(name: str, body: bytes) -> tuple[str, str, int]:
    return name, f"sha256:{hashlib.sha256(body).hexdigest()}", len(body)


FAULTS = [
    Fault(f"failing calls: {name}", partial(failing, name), few=1, many=500) for name in COMMANDS
]
