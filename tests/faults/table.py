"""A fault, tried a number of times, and a table that counts what held.

A module of this folder offers its faults as `FAULTS`. `make test` tries each a few times, `make
faults` many times. A trial asserts what must hold, with a message, since a lost one is reported by
its message alone.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from subprocess import TimeoutExpired
from typing import NamedTuple

import numpy as np

import tests.faults

SHOWN = 10  # losses of one fault

Trials = Callable[[int, np.random.Generator, Path], Iterator[str]]
"""n trials in an empty folder; yields what each has lost, or an empty text when it held."""


class Fault(NamedTuple):
    """Something that goes wrong, and how often it is made to."""

    name: str
    trials: Trials
    few: int  # in `make test`
    many: int  # in `make faults`


class Impossible(Exception):
    """The fault cannot be made on this machine; the message says why."""


class Row(NamedTuple):
    """What became of the trials of a fault."""

    fault: str
    held: int
    lost: list[str]  # what, one for each trial that lost something
    seconds: float
    skipped: str = ""  # why it was not tried at all


def alone(trial: Callable[[np.random.Generator, Path], None]) -> Trials:
    """Trials from one that asserts; each gets a folder of its own."""

    def trials(n: int, rng: np.random.Generator, place: Path) -> Iterator[str]:
        for i in range(n):
            own = place / f"{i}"
            own.mkdir()
            try:
                trial(rng, own)
            except AssertionError as err:
                yield f"{err}" or "an assertion without a message"
            except TimeoutExpired as err:
                yield f"no end after {err.timeout} s"
            else:
                yield ""

    return trials


def discovered() -> list[Fault]:
    """The faults of every module in this folder."""
    names = sorted(module.name for module in iter_modules(tests.faults.__path__))
    modules = [
        import_module(f"tests.faults.{name}")
        for name in names
        if not name.startswith(("_", "test_"))
    ]
    return [fault for module in modules for fault in getattr(module, "FAULTS", ())]


def tried(fault: Fault, n: int, *, seed: int = 0) -> Row:
    """The row of n trials; a fault that is impossible here is skipped."""
    started = time.perf_counter()
    held, lost = 0, []
    try:
        with tempfile.TemporaryDirectory(prefix="mlp-fault-") as place:
            for what in fault.trials(n, np.random.default_rng(seed), Path(place)):
                if what:
                    lost.append(what)
                else:
                    held += 1
    except Impossible as err:
        return Row(fault.name, held, lost, time.perf_counter() - started, str(err))
    return Row(fault.name, held, lost, time.perf_counter() - started)


def line(width: int, fault: str, *counts: str) -> str:
    """A line of the table, whose first column is so wide."""
    return f"{fault:{width}}" + "".join(f"  {count:>7}" for count in counts) + "\n"


def shown(row: Row, width: int) -> str:
    """A row as the table's line, and below it what was lost, or why it was skipped."""
    counts = (row.held + len(row.lost), row.held, len(row.lost))
    told = [f"lost: {what}" for what in row.lost[:SHOWN]]
    told += [f"skipped: {row.skipped}"] if row.skipped else []
    text = line(width, row.fault, *(f"{n:,}" for n in counts), f"{row.seconds:.1f}")
    return text + "".join(f"  {each}\n" for each in told)
