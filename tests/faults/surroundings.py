"""A poor environment: no descriptors, no home, no network, a broken locale, closed streams."""

import os
import resource
import shutil
import socket
import subprocess
import time
from pathlib import Path

import numpy as np

from mlpcli.data.registry import DATASETS
from mlpcli.lock import LOCK_FILE
from tests.cli.outcome import Outcome
from tests.faults.disk import check_stopped
from tests.faults.processes import (
    THREAD,
    Whole,
    begun,
    check_same,
    check_told,
    command,
    ended,
    mlp,
    on_a_training,
    popen,
)
from tests.faults.table import Fault, Impossible

LEAST = 3  # descriptors: those of the standard streams
NAMES = ("LANG", "LC_ALL", "LC_CTYPE", "PYTHONIOENCODING", "PYTHONUTF8", "PYTHONCOERCECLOCALE")
LOCALES = (
    {"LC_ALL": "C"},
    {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LANG": "xx_YY.nonsense", "LC_ALL": "xx_YY.nonsense"},
    {"PYTHONIOENCODING": "ascii:strict"},
    {"LC_CTYPE": "tlh"},
)
WORD = "größe き"
REDIRECTIONS = ("| head -1", ">&-", "2>&-", ">&- 2>&- <&-", ">/dev/full", "2>/dev/full", "2>&1 | :")


def few_descriptors(undisturbed: Whole, rng: np.random.Generator, place: Path) -> None:
    """From a random moment on, no file can be opened any more."""
    if not hasattr(resource, "prlimit"):
        raise Impossible("the limits of another process cannot be set here")
    process = begun("train", *undisturbed.options, "--out", str(place / "run"))
    moment = rng.uniform(0, undisturbed.seconds)
    time.sleep(moment)
    told = f"no descriptors after {moment:.3f} s"
    if process.poll() is None:
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (LEAST, LEAST))
    done = ended(process)
    check_stopped(done, "Too many open files", told, place / "run")
    check_same(place / "run", undisturbed, told)


def no_home(undisturbed: Whole, rng: np.random.Generator, place: Path) -> None:
    """A user without a name, and no word of where a home is."""
    known = ("HOME", "XDG_CACHE_HOME", "MLPCLI_DATA")
    env = {name: text for name, text in os.environ.items() if name not in known} | THREAD
    unnamed = f"--map-user={rng.integers(10_000, 60_000)}"

    def unnamed_mlp(*args: str) -> Outcome:
        words = ["unshare", "--user", unnamed, *command(*args)]
        return ended(popen(words, env, cwd=place))

    try:
        subprocess.run(["unshare", "--user", unnamed, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as err:
        raise Impossible("no user without a name can be had here") from err
    done = unnamed_mlp("train", *undisturbed.options, "--out", "run")
    assert done.status == 0, f"train: {done}"
    check_same(place / "run", undisturbed, "without a home")
    check_told(unnamed_mlp("download", "mnist", "--offline"), "MLPCLI_DATA", "download")
    check_told(unnamed_mlp("train", "--config", "mnist"), "MLPCLI_DATA", "train --config mnist")
    check_told(unnamed_mlp("train", "--set", "data.name=~/x.npz"), "without ~", "a path with ~")
    assert [path.name for path in place.iterdir()] == ["run"], "files were made elsewhere"


def no_network(undisturbed: Whole, rng: np.random.Generator, place: Path) -> None:
    """Nobody listens at any mirror: what needs none works, the rest names every address."""
    env = os.environ | THREAD | {"MLPCLI_DATA": str(place / "cache")}
    proxy = f"http://127.0.0.1:{_free_port()}"
    env |= {name: proxy for name in ("http_proxy", "https_proxy", "all_proxy")}
    env |= {"no_proxy": ""}
    mlp("train", *undisturbed.options, "--out", str(place / "run"), env=env)
    check_same(place / "run", undisturbed, "without a network")
    published = DATASETS[rng.choice(["mnist", "fashion-mnist", "kmnist", "qmnist"])]
    files = published.files
    words = ["download", published.folder]
    if rng.integers(2):
        files = (published.images["train"], published.labels["train"])
        words = ["train", "--set", f"data.name={published.folder}", "--out", str(place / "other")]
    done = mlp(*words, env=env)
    check_told(done, "could not be fetched", " ".join(words))
    addresses = [f"{base}{file.name}" for base in published.mirrors for file in files]
    missing = [address for address in addresses if f"    {address}: " not in done.err]
    assert not missing, f"{missing} not named: {done}"
    assert not (place / "other").exists(), "a folder was made for a run without data"
    left = {path.name for path in (place / "cache").rglob("*") if path.is_file()}
    assert left <= {LOCK_FILE}, f"{left} in the cache"


def broken_locale(undisturbed: Whole, rng: np.random.Generator, place: Path) -> None:
    """Names that the locale has no characters for."""
    strange = LOCALES[rng.integers(len(LOCALES))]
    env = {name: text for name, text in os.environ.items() if name not in NAMES} | THREAD | strange
    told = f"{strange}"
    shutil.copy(undisturbed.data, place / f"{WORD}.npz")
    words = ("train", *undisturbed.options, "--set", f"data.name={place / WORD}.npz")
    done = mlp(*words, "--out", str(place / WORD), env=env)
    if done.status:  # the interpreter has been kept from reading its arguments as they are
        assert "PYTHONUTF8" in strange, f"{told}: {done}"
        check_told(done, "unacceptable character", told)
    else:
        done = mlp("eval", str(place / WORD), "--json", env=env)
        assert done.status == 0, f"{told}: {done}"
    check_told(mlp("eval", f"{WORD}-none", env=env), "no such run", told)
    check_told(mlp(WORD, env=env), "no such command", told)
    mlp("train", *undisturbed.options, "--out", str(place / "run"), env=env)
    check_same(place / "run", undisturbed, told)


def closed_streams(undisturbed: Whole, rng: np.random.Generator, place: Path) -> None:
    """A reader that has gone, and streams that were never there."""
    redirection, run = REDIRECTIONS[rng.integers(len(REDIRECTIONS))], str(undisturbed.folder)
    for words in (("eval", run), ("plot", run), ("workbook",), ("config", "schema")):
        _check_shell(redirection, *words)
    _check_shell(redirection, "train", *undisturbed.options, "--out", str(place / "run"))
    check_same(place / "run", undisturbed, redirection)


def _check_shell(redirection: str, *args: str) -> None:
    """Run a command with its streams redirected by a shell; assert that it does not break down."""
    line = f'"$@" {redirection}; exit "${{PIPESTATUS[0]}}"'
    done = ended(popen(["bash", "-c", line, "bash", *command(*args)]))
    told = f"{args[0]} {redirection}: {done}"
    assert done.status in (0, 2, 141), told
    assert "Traceback" not in done.err, told
    assert "Exception" not in done.err, told


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


FAULTS = (
    Fault("no file descriptor left", on_a_training(few_descriptors), few=2, many=50),
    Fault("no home", on_a_training(no_home), few=1, many=3),
    Fault("no network", on_a_training(no_network), few=1, many=8),
    Fault("broken locale", on_a_training(broken_locale), few=1, many=30),
    Fault("closed streams", on_a_training(closed_streams), few=2, many=30),
)
