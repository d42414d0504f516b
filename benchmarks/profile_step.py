"""One training step of the workbook's network on MNIST-like images, part by part, in microseconds.

Run as `python benchmarks/profile_step.py`, with the Python of `.venv`. The parts are timed in one
thread, where they add up to the step; the last lines are whole steps, with one thread and with all.
"""

import time
from collections import defaultdict
from collections.abc import Callable
from statistics import median
from typing import Any

from mlpcli.config.load import load_config
from mlpcli.config.schema import Config
from mlpcli.data import dataset
from mlpcli.errors import DataError
from mlpcli.nn import engine as engines
from mlpcli.nn.team import Team
from mlpcli.training import build, threads
from mlpcli.training.loader import batches, prepare
from mlpcli.training.rng import stream

Spent = dict[str, float]  # seconds by part

IMAGES = 60_000
ROUNDS = 5


def main() -> None:
    """Print both tables, for SGD with momentum and for Adam."""
    for optimizer in ("sgd", "adam"):
        settings, split = _data(optimizer)
        parts, whole = _measure(settings, split)
        print(f"{optimizer}, {split.name}, batch 128, float32")  # noqa: T201
        for name, seconds in {"batch, made outside the step": parts.pop("batch"), **parts}.items():
            print(f"  {name:30}{seconds * 1e6:8.0f} us")  # noqa: T201
        for size, seconds in whole.items():
            print(f"  whole step, {size} thread(s){seconds * 1e6:16.0f} us")  # noqa: T201


def _data(optimizer: str) -> tuple[Config, dataset.Split]:
    """MNIST where it is in the cache, else drawn digits."""
    chosen = [f"optimizer.name={optimizer}", "optimizer.lr=1e-3"]
    try:
        return load_config(None, chosen), dataset.load("mnist", "train", offline=True)
    except DataError:
        return load_config(None, chosen), dataset.load("synth", "train", images=IMAGES)


def _measure(settings: Config, split: dataset.Split) -> tuple[Spent, dict[int, float]]:
    """Seconds of each part of a step, and of whole steps by the number of threads."""
    data = prepare(settings, split)
    lit = data.active_inputs
    order = stream(0, "order", 1).permutation(len(split.labels))
    started = time.perf_counter()
    made = list(batches(settings, data, order, epoch=1))
    parts = {"batch": (time.perf_counter() - started) / len(made)}
    whole: dict[int, list[float]] = {1: [], threads.cores(): []}
    spent: list[Spent] = []
    for _ in range(ROUNDS):
        for size in whole:
            with threads.thread_team(size, batch_size=128) as team:
                engine, rule = build.make_engine(settings, classes=10, active_inputs=lit, team=team)
                started = time.perf_counter()
                for x, y in made:
                    engine.step(x, y, rule, lr=1e-3)
                whole[size].append((time.perf_counter() - started) / len(made))
        with threads.thread_team(1, batch_size=128):
            spent.append(_parts(settings, made, lit))
    for name in spent[0]:
        parts[name] = median(each[name] for each in spent) / len(made)
    return parts, {size: median(seconds) for size, seconds in whole.items()}


def _parts(settings: Config, made: list[Any], lit: Any) -> Spent:
    """Seconds spent in each part over all batches, each timed where the step calls it."""
    spent: Spent = defaultdict(float)

    def timed(name: str | Callable[..., str], function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            result = function(*args, **kwargs)
            key = name if isinstance(name, str) else name(*args)
            spent[key] += time.perf_counter() - started
            return result

        return call

    engine, rule = build.make_engine(settings, classes=10, active_inputs=lit, team=Team())
    for attribute, name in PARTS.items():
        setattr(engine, attribute, timed(name, getattr(engine, attribute)))
    loss, engines._fused_cross_entropy = (
        engines._fused_cross_entropy,
        timed("softmax and cross-entropy", engines._fused_cross_entropy),
    )
    try:
        for x, y in made:
            engine.step(x, y, timed("update", rule), lr=1e-3)
    finally:
        engines._fused_cross_entropy = loss
    return spent


def _gradient(block: Any, h0: Any) -> str:
    return "gradients of the biases" if block.layer is None else f"gradient of W{block.layer + 1}"


PARTS: dict[str, str | Callable[..., str]] = {
    "_forward": "forward: z1, h1, z2, h2, z3",
    "_backward": "backward: grad_z2, grad_z1",
    "_block_gradient": _gradient,
}

if __name__ == "__main__":
    main()
