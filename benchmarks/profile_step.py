"""One training step of the workbook's network on MNIST-like images, part by part, in microseconds.

Run as `python benchmarks/profile_step.py`, with the Python of `.venv`. The parts are timed in one
thread, where they add up to the step; the last lines are whole steps, alone and by all members.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from math import ceil
from statistics import median
from typing import Any, NamedTuple
from unittest.mock import patch

from mlpcli.config.load import load_config
from mlpcli.config.schema import Config
from mlpcli.data import dataset
from mlpcli.errors import DataError
from mlpcli.nn import engine as engines
from mlpcli.nn.engine import Engine
from mlpcli.training import build, threads
from mlpcli.training.loader import prepare, source
from mlpcli.training.rng import stream

Spent = dict[str, float]  # seconds by part

IMAGES = 60_000
BATCH = 128
WEIGHTS = 658_698
ROUNDS = 5


class Epoch(NamedTuple):
    """An epoch of n images; a call trains for one, and returns the seconds of a step."""

    engine: Engine
    n: int

    def __call__(self) -> float:
        started = time.perf_counter()
        for start in range(0, self.n, BATCH):
            self.engine.step_at(min(BATCH, self.n - start), 1, start, lr=1e-3)
        return (time.perf_counter() - started) / ceil(self.n / BATCH)


def main() -> None:
    """Print both tables, for SGD with momentum and for Adam."""
    for optimizer in ("sgd", "adam"):
        settings, split = _data(optimizer)
        parts, whole = _measure(settings, split)
        print(f"{optimizer}, {split.name}, batch 128, float32")  # noqa: T201
        for name, seconds in parts.items():
            print(f"  {name:30}{seconds * 1e6:8.0f} us")  # noqa: T201
        for size, seconds in whole.items():
            print(f"  whole step, {size} member(s){seconds * 1e6:16.0f} us")  # noqa: T201


def _data(optimizer: str) -> tuple[Config, dataset.Split]:
    """MNIST where it is in the cache, else drawn digits."""
    chosen = [f"optimizer.name={optimizer}", "optimizer.lr=1e-3"]
    try:
        return load_config(None, chosen), dataset.load("mnist", "train", offline=True)
    except DataError:
        return load_config(None, chosen), dataset.load("synth", "train", drawn=IMAGES)


def _measure(settings: Config, split: dataset.Split) -> tuple[Spent, dict[int, float]]:
    """Seconds of each part of a step, and of whole steps by the number of members."""
    whole: dict[int, list[float]] = {1: [], threads.cores(): []}
    spent: list[Spent] = []
    with ExitStack() as stack:
        trainers = {size: stack.enter_context(_trainer(settings, split, size)) for size in whole}
        alone = stack.enter_context(_trainer(settings, split, 1))
        for _ in range(ROUNDS):
            for size, epoch in trainers.items():
                whole[size].append(epoch())
            spent.append(_parts(alone))
    parts = {name: median(each[name] for each in spent) for name in spent[0]}
    return parts, {size: median(seconds) for size, seconds in whole.items()}


@contextmanager
def _trainer(settings: Config, split: dataset.Split, size: int) -> Iterator[Epoch]:
    """An engine with so many members, which trains for an epoch."""
    data = prepare(settings, split)
    n = len(split.labels)
    with threads.step_team(size, batch_size=BATCH, weights=WEIGHTS) as team:
        order = team.zeros(n, "int64")
        order[:] = stream(0, "order", 1).permutation(n)
        engine = build.make_engine(
            settings,
            classes=10,
            active_inputs=data.active_inputs,
            source=source(settings, data, order, members=team.size),
            team=team,
        )
        yield Epoch(engine, n)


def _parts(epoch: Epoch) -> Spent:
    """Seconds of each part of a step, each timed where the step calls it."""
    spent: Spent = defaultdict(float)

    def timed(name: str | Callable[..., str], function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            result = function(*args, **kwargs)
            key = name if isinstance(name, str) else name(*args)
            spent[key] += time.perf_counter() - started
            return result

        return call

    def replaced(holder: Any, attribute: str, name: str | Callable[..., str]) -> Any:
        return patch.object(holder, attribute, timed(name, getattr(holder, attribute)))

    engine: Any = epoch.engine
    fill = timed("batch", engine._source.fill)
    with ExitStack() as stack:
        stack.enter_context(patch.object(engine, "_source", engine._source._replace(fill=fill)))
        for attribute, name in PARTS.items():
            stack.enter_context(replaced(engine, attribute, name))
        stack.enter_context(replaced(engines, "_fused_cross_entropy", "softmax and cross-entropy"))
        stack.enter_context(replaced(engine, "rule", "update"))
        epoch()
    return {name: seconds / ceil(epoch.n / BATCH) for name, seconds in spent.items()}


def _gradient(block: Any, *_: Any) -> str:
    return "gradients of the biases" if block.layer is None else f"gradient of W{block.layer + 1}"


PARTS: dict[str, str | Callable[..., str]] = {
    "_forward": "forward: z1, h1, z2, h2, z3",
    "_backward": "backward: grad_z2, grad_z1",
    "_block_gradient": _gradient,
}

if __name__ == "__main__":
    main()
