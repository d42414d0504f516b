"""The 24 trials of a sweep on two workers: one after another, by `mlp sweep`, by other engines.

python -m benchmarks.sweep [--quick] [--rounds N]

A full run prints the table and writes it to docs/scale.md; a quick one only prints it.
"""

import argparse
import hashlib
import json
import shutil
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks import images, machine, results, worker
from benchmarks.installed import added
from benchmarks.process import MLP, Ended, peak_memory, run
from benchmarks.sweep_peers import WORKERS
from benchmarks.sweep_table import LOOP, ONE, PEERS, TWO, Side, as_markdown, goals
from benchmarks.worker import Worker, say
from mlpcli.api.sweep_plan import Trial, longest_first, plan
from mlpcli.api.sweep_source import definition
from mlpcli.api.sweep_trial import ONE_THREAD

PAGE = results.ROOT / "docs" / "scale.md"
RATES, WIDTHS = "optimizer.lr=0.03,0.05,0.1,0.2", "network.hidden=[192,96],[512,256]"

Command = Callable[[Path], tuple[str, ...]]  # that trains all trials in a folder


class Work(NamedTuple):
    """What all sides train."""

    data: str
    grid: tuple[str, ...]
    seeds: int
    settings: tuple[str, ...]  # that all trials share

    def trials(self) -> list[Trial]:
        """In the order in which `mlp sweep` starts them."""
        words = (self.data, *self.grid)
        return longest_first(plan(definition(words, self.settings, seeds=self.seeds).definition))


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep")
    parser.add_argument("--quick", action="store_true", help="little work, and no file written")
    parser.add_argument("--rounds", type=int, default=2, help="in which the sides take turns")
    options = parser.parse_args()
    quick, rounds = options.quick, 1 if options.quick else options.rounds
    worker.limits.update(ONE_THREAD)
    before, work = machine.now(), _work(quick=quick)
    sides = measure(work, rounds, loop=not quick)
    text = f"{_heading(work, rounds, before)}\n\n{as_markdown(sides)}\n"
    if not quick:  # the goals are those of a minute of work
        text += f"\n{goals(sides, overhead(20, 3))}\n"
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(results.replaced(page, "sweep", text.rstrip()), encoding="utf-8")
    sys.stdout.write(text)


def _work(*, quick: bool) -> Work:
    """A minute of training for one core or, quick, a few seconds."""
    data = "synth" if quick else images.load("train").name
    settings = ("train.epochs=1", "data.images=2000") if quick else ("train.epochs=2",)
    drawn = (f"data.images={images.COUNT}",) if data == "synth" and not quick else ()
    return Work(data, (RATES, WIDTHS), 3, (*settings, *drawn))


def measure(work: Work, rounds: int, *, loop: bool) -> dict[str, Side]:
    """Seconds of all sides in turns, and their memory; loop: whether to measure that one too.

    A peer that fails is left out.
    """
    with TemporaryDirectory() as folder:
        out = Path(folder, "out")
        commands = _commands(work, Path(folder, "plan.json"))
        runs: dict[str, list[Ended]] = {name: [] for name in commands}
        weights: dict[str, dict[str, str]] = {}
        for number in range(rounds):
            for name in list(commands):
                say(f"round {number + 1} of {rounds}: {name}")
                with _failing(name, commands):
                    runs[name].append(run(*commands[name](out)))
                    weights[name] = digests(out)
                shutil.rmtree(out, ignore_errors=True)
        alone = {LOOP: Side([_loop(work, out)], None, 0)} if loop else {}
        peaks = memory(work, commands)
    equal = {
        name: sum(own.get(trial) == each for trial, each in weights[ONE].items())
        for name, own in weights.items()
    }
    return alone | {name: Side(runs[name], equal[name], peaks[name]) for name in commands}


def memory(work: Work, names: dict[str, Command]) -> dict[str, int]:
    """Bytes of all processes of each side, in a shorter training, which reads the same images."""
    brief = work._replace(settings=("train.epochs=1", "data.images=2000"))
    found = {}
    with TemporaryDirectory() as folder:
        commands = _commands(brief, Path(folder, "plan.json"))
        for name in list(names):
            say(f"memory of {name}")
            with _failing(name, names):
                found[name] = peak_memory(*commands[name](Path(folder, "out")))
            shutil.rmtree(Path(folder, "out"), ignore_errors=True)
    return found


@contextmanager
def _failing(name: str, commands: dict[str, Command]) -> Iterator[None]:
    """Mutates the commands: a peer that fails here is none of them any more."""
    try:
        yield
    except RuntimeError as err:
        if name not in PEERS:
            raise
        say(f"{name} has failed and is left out: {str(err).strip()[-300:]}")
        del commands[name]


def overhead(seeds: int, rounds: int) -> float:
    """Milliseconds of processor time that a trial takes beyond its training, start-up left out.

    The growth from few very short trials to many, by `mlp sweep` on two workers, less that of a
    loop over the same trainings in one process.
    """
    short = ("data.images=500", "train.epochs=1")
    grid = (RATES, "network.hidden=[16],[8]")
    works = [Work("synth", grid, count, short) for count in (1, 1 + seeds)]
    count = 4 * 2 * seeds
    found = []
    with TemporaryDirectory() as folder:
        file, out = Path(folder, "plan.json"), Path(folder, "out")
        for number in range(rounds):
            say(f"processor time of {count} very short trials: round {number + 1} of {rounds}")
            spent = {"sweep": list[float](), "loop": list[float]()}
            for work in works:
                for name, seconds in spent.items():
                    ours = _commands(work, file)[TWO]
                    command = ours if name == "sweep" else _program("loop", file)
                    seconds.append(run(*command(out)).cpu)
                    shutil.rmtree(out)
            few, many = (a - b for a, b in zip(*spent.values(), strict=True))
            found.append(1000 * (many - few) / count)
    return statistics.median(found)


def _commands(work: Work, file: Path) -> dict[str, Command]:
    """How each side is started, by its name; without the peers that are not installed.

    file: where the trials are written to, which the peers read.
    """
    trials = [
        {"address": t.address, "config": t.config.model_dump(mode="json")} for t in work.trials()
    ]
    file.write_text(json.dumps(trials), encoding="utf-8")
    shared = [word for setting in work.settings for word in ("--set", setting)]

    def ours(workers: int) -> Command:
        words = (work.data, *work.grid, *shared, "--seeds", f"{work.seeds}", "--offline", "--quiet")
        return lambda out: (MLP, "sweep", *words, "--workers", f"{workers}", "--out", f"{out}")

    peers = {name: need.partition("[")[0] for name, need in PEERS.items() if added(need)}
    others = {name: _program(module, file) for name, module in peers.items()}
    return {ONE: ours(1), TWO: ours(WORKERS), **others}


def _program(name: str, file: Path) -> Command:
    return lambda out: (sys.executable, "-m", "benchmarks.sweep_peers", name, f"{file}", f"{out}")


def _loop(work: Work, out: Path) -> Ended:
    """A process for each trial, one after another, each on all cores, as `mlp train` does."""
    say(LOOP)
    limits = worker.limits.copy()
    worker.limits.clear()
    shared = [word for setting in work.settings for word in ("--set", setting)]
    ended = []
    for trial in work.trials():
        own = {**trial.parameters, "seed": trial.config.seed}
        changes = [word for key, value in own.items() for word in ("--set", f"{key}={value}")]
        words = ("--data", work.data, *shared, *changes, "--offline", "--quiet")
        ended.append(run(MLP, "train", *words, "--out", f"{out / trial.address}"))
    shutil.rmtree(out)
    worker.limits.update(limits)
    return Ended(
        sum(e.seconds for e in ended), max(e.peak for e in ended), "", sum(e.cpu for e in ended)
    )


def digests(out: Path) -> dict[str, str]:
    """The checksum of the weights of each trial, the best and the last."""
    found = {}
    for best in out.glob("*/best.safetensors"):
        both = best.read_bytes() + best.with_name("last.safetensors").read_bytes()
        found[best.parent.name] = hashlib.sha256(both).hexdigest()
    return found


def _heading(work: Work, rounds: int, before: machine.Moment) -> str:
    """What was measured, when and where."""
    with Worker("ours") as ours:
        where = ours.ask("environment").result
    facts = machine.facts(before, machine.now())
    load = facts["load"]
    return (
        f"`python -m benchmarks.sweep` on {datetime.now(UTC):%Y-%m-%d}: {where['cpu']}, "
        f"{where['cores']} cores, Python {where['python']}, NumPy {where['numpy']}. Trials: "
        f"{len(work.trials())} of {work.data}, {', '.join((*work.grid, *work.settings))}, "
        f"{work.seeds} seeds. Rounds: {rounds}. Load average {load['before']:.1f} before and "
        f"{load['after']:.1f} after; {facts['steal']}% of the processors' time was stolen by other "
        f"machines."
    )


if __name__ == "__main__":
    main()
