"""A sweep on a thousand simulated workers, with the real driver and the real folder.

python -m benchmarks.sweep_simulation [--workers 1000] [--trials 10000] [--seed 0]

When the scheduler is lost, the same command is given again, as a user would.
"""

import argparse
import heapq
import random
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.process import UNIT
from benchmarks.sweep_fleet import EPOCHS, QUIET, SPREAD, TASK_COST, Fleet, Trouble
from mlpcli.api.sweep import prepare
from mlpcli.api.sweep_results import Results, results
from mlpcli.api.sweep_run import run, stopping
from mlpcli.api.trainer import train
from mlpcli.config.load import load_config
from mlpcli.config.sweep_file import Definition, Sweep
from mlpcli.errors import ClusterError

RESTART = 60.0  # seconds until the same command runs again on a new scheduler


class Found(NamedTuple):
    """How a simulated sweep ended."""

    winner: dict[str, Any]  # the parameters of the best config
    finished: int  # trials
    commands: int  # the first, and one for each scheduler that was lost
    deaths: int
    repeated: int  # tasks that were given out although they were done, on the disk
    cpu: float  # seconds of processor time of the driver, of the command that took most
    peak: int  # bytes of this process, the simulation included
    seconds: float  # by the clock of the simulation
    busy: float  # share of the workers' time in which they trained


def simulate(
    *, workers: int, trials: int, seed: int = 0, epoch: float = 10.0, trouble: Trouble = QUIET
) -> Found:
    """A random sweep of two seeds a config with halving, until it has its result."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        place = Path(name)
        short = ["data.name=synth", "data.images=300", "network.hidden=[4]"]
        list(train(load_config(None, [*short, "train.epochs=1"]), place / "real", preflight=False))
        fleet = Fleet(place / "real", size=workers, epoch=epoch, trouble=trouble, seed=seed)
        asked = Definition(
            _sweep(trials // 2), load_config(None, [*short, f"train.epochs={EPOCHS}"])
        )
        spent = list[float]()  # by each command
        ranked: Results | None = None
        while ranked is None:
            began, others = time.process_time(), fleet.cpu
            try:
                ranked = _command(asked, place / "sweep", fleet)
            except ClusterError:
                fleet.now += RESTART
            spent.append(time.process_time() - began - (fleet.cpu - others))
    return Found(
        winner=ranked.rows[0].parameters,
        finished=ranked.count("finished") * 2,
        commands=len(spent),
        deaths=fleet.deaths,
        repeated=fleet.repeated,
        cpu=max(spent),
        peak=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT,
        seconds=fleet.now,
        busy=fleet.worked / (workers * fleet.now),
    )


def _sweep(configs: int) -> Sweep:
    values = {
        "method": "random",
        "run_cap": configs,
        "seeds": 2,
        "parameters": {"optimizer.lr": {"min": 0.01, "max": 1.0}},
        "early_terminate": {"type": "halving", "min_iter": 1, "eta": 3},
    }
    return Sweep.model_validate(values)


def _command(asked: Definition, folder: Path, fleet: Fleet) -> Results:
    """What `mlp sweep` does; raises ClusterError where the scheduler is lost."""
    planned = prepare(asked, folder)
    with planned.folder.lock(), stopping(fleet):
        for _ in run(planned, fleet):
            pass
    return results(planned)


def busy_share(*, workers: int, trials: int, seconds: float, seed: int = 0) -> float:
    """Of the workers' time, what trials of this length on average fill, without trouble.

    Dask hands out one task after another.
    """
    rng, free, now, worked = random.Random(seed), [0.0] * workers, 0.0, 0.0
    for _ in range(trials):
        now = max(now, heapq.heappop(free)) + TASK_COST
        took = seconds * rng.lognormvariate(-(SPREAD**2) / 2, SPREAD)
        worked += took
        heapq.heappush(free, now + took)
    return worked / (workers * max(free))


def main() -> None:
    """Simulate with one worker, with many, and with trouble; print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep_simulation")
    parser.add_argument("--workers", type=int, default=1000)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    n, trials, seed = options.workers, options.trials, options.seed
    head = ("workers", "winner", "finished", "deaths", "commands", "repeated")
    _print_row(*head, "driver, ms a trial", "driver, MB", "busy")
    _print_row(*["---"] * 9)
    for trouble, workers in ((QUIET, 1), (QUIET, n), (Trouble(), n)):
        f = simulate(workers=workers, trials=trials, seed=seed, trouble=trouble)
        name = f"{workers:,}{', with trouble' if f.deaths else ''}"
        winner = ", ".join(f"{key}={value}" for key, value in f.winner.items())
        own = (name, winner, f.finished, f.deaths, f.commands, f.repeated)
        costs = (f"{1000 * f.cpu / trials:.2f}", f"{f.peak / 1e6:.0f}", f"{100 * f.busy:.0f}%")
        _print_row(*own, *costs)
    for seconds in (1, 2, 5, 10, 20, 60, 300):
        share = busy_share(workers=n, trials=100 * n, seconds=seconds, seed=seed)
        sys.stdout.write(
            f"trials of {seconds} s keep {n:,} workers busy {100 * share:.0f}% of the time\n"
        )


def _print_row(*cells: object) -> None:
    sys.stdout.write(f"| {' | '.join(map(str, cells))} |\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
