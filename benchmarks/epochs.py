"""One epoch of training, and the accuracy after a few, compared with PyTorch, JAX and scikit-learn.

Two more rows are about our steps alone: how even they are, and an epoch beside busy processes.

Each side first tries its variants; the fastest of them runs in the rounds, in which all sides take
turns. The first epoch of each variant is a warm-up, and not counted.
"""

import math
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from statistics import median, quantiles
from typing import Any, NamedTuple

from benchmarks import machine
from benchmarks.table import Goal, Row, standard_error
from benchmarks.worker import Worker, WorkerError, say
from mlpcli.training.threads import cores

Key = tuple[str, str]  # side, update rule
LR = {"sgd": 0.02, "adam": 1e-3}
NAMES = {
    "ours": "ours",
    "products": "dense products",
    "pytorch": "PyTorch eager",
    "compiled": "PyTorch compiled",
    "jaxed": "JAX jit",
    "scikit": "scikit-learn",
}
MODULES = {"compiled": "pytorch"}  # in `sides/`, where it has another name
TORCH = ("pytorch", "compiled")
PEERS = (*TORCH, "jaxed", "scikit")


class Plan(NamedTuple):
    """How long to measure."""

    tries: int  # epochs of each variant, from which the fastest is chosen
    rounds: int
    seeds: int  # 0: the accuracy is not compared
    epochs: int  # before the accuracy is compared


class Measured(NamedTuple):
    """What came of it; seconds are of an epoch."""

    rows: list[Row]
    facts: dict[str, Any]  # what was tried, versions, and the libraries of threads, by side


def variants(side: str, rule: str) -> list[str]:
    """What a side tries for an update rule."""
    threads = cores()
    counts = sorted({1, threads})
    if side == "pytorch":
        flavours = [f"{rule} {flavour} {threads}" for flavour in ("plain", "foreach")]
        return flavours + [f"{rule} fused {count}" for count in counts]
    if side == "compiled":
        frozen = [f"{rule} frozen {threads}"]
        return [f"{rule} compiled {count}" for count in counts] + frozen
    if side == "jaxed":
        return [f"{rule} steps", f"{rule} scan"]
    if side == "scikit":
        return [f"{rule} partial_fit", f"{rule} fit"]
    return [rule]


def measure(plan: Plan) -> Measured:
    """The rows of one epoch and of accuracy."""
    with ExitStack() as stack:
        workers = {side: stack.enter_context(Worker(MODULES.get(side, side))) for side in NAMES}
        present = [side for side, worker in workers.items() if worker.missing is None]
        tried = {(s, rule): _tried(workers[s], s, rule, plan.tries) for s in present for rule in LR}
        best = {key: min(each, key=each.__getitem__) for key, each in tried.items() if each}
        seconds = _rounds(workers, best, plan.rounds)
        rows = [
            _row(rule, side, best, seconds)
            for rule in LR
            for side in NAMES
            if side != "ours" and (side, rule) in best
        ]
        rows += _goal_rows(best, seconds)
        rounds = min(plan.rounds, 5)
        rows += [_worst_tenth(workers["ours"], rounds), _beside_busy(workers, best, rounds)]
        if plan.seeds:
            rows += [row for rule in LR for row in _accuracy(workers, best, rule, plan)]
    facts = {
        "tried": {f"{NAMES[side]}, {rule}": each for (side, rule), each in tried.items()},
        "versions": {NAMES[side]: worker.versions for side, worker in workers.items()},
        "libraries": {NAMES[side]: worker.pools for side, worker in workers.items()},
    }
    return Measured(rows, facts)


def _row(rule: str, side: str, best: dict[Key, str], seconds: dict[Key, list[float]]) -> Row:
    what, peer = f"one epoch, {rule}", f"{NAMES[side]} ({best[side, rule]})"
    goal = Goal("faster", 1.0) if (rule, side) == ("sgd", "products") else None
    return Row(what, seconds["ours", rule], peer, seconds[side, rule], goal=goal)


def _goal_rows(best: dict[Key, str], seconds: dict[Key, list[float]]) -> Iterator[Row]:
    """Ours against the fastest of several sides, which is known after the rounds."""
    wide = machine.is_avx512(machine.kernel())
    for rule, sides, name, goal in (
        ("sgd", TORCH, "PyTorch's best", 2.2 if wide else 1.7),
        ("sgd", ("jaxed",), "JAX's best", 1.35),
        ("adam", PEERS, "the best peer", 1.25),
    ):
        present = [side for side in sides if (side, rule) in best]
        if present:
            first = min(present, key=lambda side: median(seconds[side, rule]))
            row = _row(rule, first, best, seconds)
            yield row._replace(what=f"{row.what}, against {name}", goal=Goal("faster", goal))


def _worst_tenth(ours: Worker, epochs: int) -> Row:
    """How much longer the slowest tenth of our steps takes at least, compared with the median."""
    say(f"the steps of {epochs} epochs")
    each = [ours.ask("steps", variant="sgd", lr=LR["sgd"]).result for _ in range(epochs)]
    tenths = [quantiles(steps, n=10)[-1] / median(steps) for steps in each]
    what = "worst tenth of the steps, over the median"
    return Row(what, tenths, unit="x", goal=Goal("most", 1.25))


def _beside_busy(workers: dict[str, Worker], best: dict[Key, str], rounds: int) -> Row:
    """An epoch of ours and of PyTorch beside as many busy processes as there are cores."""
    sides = [side for side in ("ours", "pytorch") if (side, "sgd") in best]
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    with ExitStack() as stack:
        for _ in range(cores()):
            busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            stack.callback(busy.wait)
            stack.callback(busy.kill)
        for number in range(rounds):
            say(f"beside busy processes: round {number + 1} of {rounds}")
            for side in sides:
                seconds[side].append(_epoch(workers[side], best[side, "sgd"], "sgd"))
    peer = "PyTorch eager" if "pytorch" in seconds else ""
    theirs = seconds.get("pytorch", ())
    return Row("one epoch, sgd, beside busy processes", seconds["ours"], peer, theirs)


def _tried(worker: Worker, side: str, rule: str, tries: int) -> dict[str, float]:
    """Fewest seconds of each variant; one that fails is reported and skipped."""
    found = {}
    for variant in variants(side, rule):
        say(f"{NAMES[side]}: trying {variant}")
        try:
            _epoch(worker, variant, rule)
            found[variant] = min(_epoch(worker, variant, rule) for _ in range(tries))
        except WorkerError as err:
            say(f"{NAMES[side]}: {variant} failed: {err}")
    return found


def _rounds(
    workers: dict[str, Worker], best: dict[Key, str], rounds: int
) -> dict[Key, list[float]]:
    """Seconds of each side and rule, a measurement a round, all in turn."""
    seconds: dict[Key, list[float]] = {key: [] for key in best}
    for number in range(rounds):
        say(f"one epoch: round {number + 1} of {rounds}")
        for (side, rule), variant in best.items():
            seconds[side, rule].append(_epoch(workers[side], variant, rule))
    return seconds


def _epoch(worker: Worker, variant: str, rule: str) -> float:
    answer = worker.ask("epoch", variant=variant, lr=LR[rule])
    if not math.isfinite(answer.result):
        raise WorkerError(f"the loss is {answer.result}")
    return answer.seconds


def _accuracy(
    workers: dict[str, Worker], best: dict[Key, str], rule: str, plan: Plan
) -> Iterator[Row]:
    """Test accuracy after the same epochs, seed by seed, in percent."""
    found: dict[str, list[float]] = {}
    for side in ("ours", "pytorch", "jaxed", "scikit"):
        if (side, rule) in best:
            say(f"accuracy: {NAMES[side]}, {rule}, {plan.seeds} seeds")
            answers = [
                workers[side].ask(
                    "learn", variant=best[side, rule], lr=LR[rule], seed=seed, epochs=plan.epochs
                )
                for seed in range(plan.seeds)
            ]
            found[side] = [100 * answer.result for answer in answers]
    for side in list(found)[1:]:
        noise = 3 * standard_error(found["ours"], found[side])
        yield Row(
            f"test accuracy after {plan.epochs} epochs, {rule}, {plan.seeds} seeds",
            found["ours"],
            NAMES[side],
            found[side],
            unit="%",
            goal=Goal("better", -noise),
        )
