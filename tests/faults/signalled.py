"""Signals at random moments, from the first on: one line, the status, nothing lost."""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

from mlpcli.runs.folder import CONFIG
from mlpcli.signals import CAUGHT
from tests.cli.outcome import Outcome
from tests.faults.processes import (
    Whole,
    appears,
    begun,
    check_same,
    command,
    ended,
    on_a_training,
    popen,
    start,
    whole,
)
from tests.faults.table import Fault, Impossible, Trials, alone

USUAL = (signal.SIGINT, signal.SIGTERM)  # after others, a job's script starts the same command
SOON = 0.05  # seconds within which the second signal comes
OTHERS = (  # drawing digits and loading libraries takes most of their time
    "train --set data.name=synth --set data.images=6000 --set network.hidden=[8] --epochs 1",
    "eval {run}",
    "gradcheck --quick",
    "explain",
    "config schema",
)


def in_training(number: signal.Signals, *, twice: bool = False) -> Trials:
    """Trials of a signal during a training, which is then resumed."""

    def trial(undisturbed: Whole, rng: np.random.Generator, own: Path) -> None:
        words = ("train", *undisturbed.options, "--out", "run")
        place, told = _stopped(words, number, undisturbed.seconds, rng, own, twice=twice)
        check_same(place / "run", undisturbed, told, auto_resume=number not in USUAL)

    return on_a_training(trial, preflight=True)


def ignored(undisturbed: Whole, rng: np.random.Generator, own: Path) -> None:
    """SIGINT again and again, as at a training in the background of a script."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # which a process inherits
    try:
        process = start("train", *undisturbed.options, "--out", str(own / "run"))
    finally:
        signal.signal(signal.SIGINT, before)
    _check_unheard(process, signal.SIGINT, undisturbed, rng, own / "run")


def under_nohup(undisturbed: Whole, rng: np.random.Generator, own: Path) -> None:
    """SIGHUP again and again, once the run has begun."""
    if not shutil.which("nohup"):
        raise Impossible("needs nohup")
    words = command("train", *undisturbed.options, "--out", str(own / "run"))
    process = popen(["nohup", *words])
    appears(own / "run" / CONFIG, process)
    _check_unheard(process, signal.SIGHUP, undisturbed, rng, own / "run")


def in_a_command(n: int, rng: np.random.Generator, place: Path) -> Iterator[str]:
    """Trials of any signal during a command that has nothing to save."""
    run = str(whole().folder)
    commands = [[word.format(run=run) for word in line.split()] for line in OTHERS]

    @cache
    def seconds(which: int) -> float:
        process, started = begun(*commands[which], cwd=place), time.perf_counter()
        done = ended(process)
        assert done.status == 0, done
        return time.perf_counter() - started

    def trial(rng: np.random.Generator, own: Path) -> None:
        which = int(rng.integers(len(commands)))
        number = rng.choice(CAUGHT)
        _stopped(commands[which], signal.Signals(number), seconds(which), rng, own)

    yield from alone(trial)(n, rng, place)


def _check_unheard(
    process: subprocess.Popen[str],
    number: signal.Signals,
    undisturbed: Whole,
    rng: np.random.Generator,
    folder: Path,
) -> None:
    """Assert that a training ends as if the signals that it is sent had not come."""
    sent = 0
    while process.poll() is None:
        process.send_signal(number)
        sent += 1
        time.sleep(rng.uniform(0, SOON))
    done, told = ended(process), f"{number.name} ignored, sent {sent} times"
    assert done.status == 0, f"{told}: {done}"
    assert "interrupted" not in done.err, f"{told}: {done}"
    check_same(folder, undisturbed, told, auto_resume=True)


def _stopped(
    words: list[str] | tuple[str, ...],
    number: signal.Signals,
    seconds: float,
    rng: np.random.Generator,
    own: Path,
    *,
    twice: bool = False,
) -> tuple[Path, str]:
    """Stop a command before its end; where it was and how, once its output has been checked."""
    for attempt in range(100):
        place = own / f"{attempt}"
        place.mkdir()
        process = begun(*words, cwd=place)
        moment = rng.uniform(0, seconds)
        time.sleep(moment)
        process.send_signal(number)
        if twice:
            time.sleep(rng.uniform(0, SOON))
            process.send_signal(number)
        done = ended(process)
        if done.out and done.status in (0, -number):  # it had printed its result
            continue
        told = f"{words[0]}, {number.name} after {moment:.3f} s"
        _check(done, number, told)
        return place, told
    raise AssertionError(f"{words[0]}: could not be stopped before its end")


def _check(done: Outcome, number: int, told: str) -> None:
    # of a second signal while Python itself ends, a shell says the same: 128 and the number
    assert done.status in (128 + number, -number), f"{told}: {done}"
    lines = done.err.splitlines()
    stops = [line for line in lines if line.startswith("interrupted")]
    assert stops, f"{told}: no line says so: {done}"
    assert stops == lines[-1:], f"{told}: more than a line: {done}"
    assert "Traceback" not in done.err, f"{told}: {done}"
    assert "Exception ignored" not in done.err, f"{told}: {done}"


FAULTS = (
    Fault("SIGINT during training", in_training(signal.SIGINT), few=1, many=50),
    Fault("SIGTERM during training", in_training(signal.SIGTERM), few=1, many=50),
    Fault("SIGINT twice", in_training(signal.SIGINT, twice=True), few=1, many=50),
    Fault("SIGTERM twice", in_training(signal.SIGTERM, twice=True), few=1, many=50),
    Fault("SIGHUP during training", in_training(signal.SIGHUP), few=1, many=50),
    Fault("SIGUSR1 during training", in_training(signal.SIGUSR1), few=1, many=50),
    Fault("SIGINT ignored", on_a_training(ignored), few=1, many=20),
    Fault("SIGHUP under nohup", on_a_training(under_nohup), few=1, many=20),
    Fault("a signal during a command", in_a_command, few=2, many=100),
)
