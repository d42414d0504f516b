"""One epoch of training, and the accuracy after a few, compared with PyTorch, JAX and scikit-learn.

Each side first tries its variants; the fastest of them runs in the rounds, in which all sides take
turns. The first epoch of each variant is a warm-up, and not counted.
"""

import math
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

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
GOALS = {
    ("sgd", "pytorch"): Goal("faster", 2.5),
    ("sgd", "jaxed"): Goal("faster", 2.5),
    ("sgd", "scikit"): Goal("faster", 5.0),
    ("sgd", "products"): Goal("faster", 1.0),
    ("adam", "pytorch"): Goal("faster", 2.0),
}


class Plan(NamedTuple):
    """How long to measure."""

    tries: int  # epochs of each variant, from which the fastest is chosen
    rounds: int
    seeds: int
    epochs: int  # before the accuracy is compared


class Measured(NamedTuple):
    """What came of it; seconds are of an epoch."""

    rows: list[Row]
    facts: dict[str, Any]  # what was tried, versions, and the libraries of threads, by side


def variants(side: str, rule: str) -> list[str]:
    """What a side tries for an update rule."""
    threads = cores()
    if side == "pytorch":
        fewer = [f"{rule} fused {threads // 2}"] if threads > 1 else []
        return [f"{rule} {flavour} {threads}" for flavour in ("plain", "foreach", "fused")] + fewer
    if side == "compiled":
        return [f"{rule} compiled {threads}"]
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
            Row(
                f"one epoch, {rule}",
                seconds["ours", rule],
                f"{NAMES[side]} ({best[side, rule]})" if (side, rule) in best else NAMES[side],
                seconds.get((side, rule), ()),
                goal=GOALS.get((rule, side)),
            )
            for rule in LR
            for side in NAMES
            if side != "ours"
        ]
        rows += [row for rule in LR for row in _accuracy(workers, best, rule, plan)]
    facts = {
        "tried": {f"{NAMES[side]}, {rule}": each for (side, rule), each in tried.items()},
        "versions": {NAMES[side]: worker.versions for side, worker in workers.items()},
        "libraries": {NAMES[side]: worker.pools for side, worker in workers.items()},
    }
    return Measured(rows, facts)


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
    assert math.isfinite(answer.result), f"{variant}: the loss is {answer.result}"
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
