"""`mlp train --config mnist` against a plain PyTorch loop, by the rate of the second epoch."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import commands, images
from benchmarks.process import MLP, run, turns
from benchmarks.table import Goal, Row
from benchmarks.worker import Worker, say

EPOCHS = 2  # the first is a warm-up
SIMPLER = ("network.batch_norm=false", "network.input_dropout=0", "optimizer.nesterov=false")
PLAIN = ("train.ema=null", "optimizer.weight_decay=0", "train.label_smoothing=0")
CASES = {  # changes of the config, and how many times as fast we mean to be
    "plain momentum": ((*SIMPLER, *PLAIN), 1.6),
    "with its average, decay and smoothing": (SIMPLER, 2.0),
}


def measure(rounds: int) -> Iterator[Row]:
    """Seconds of 60,000 images, by the rate that each prints; without MNIST, nothing."""
    if images.load("train").name != "mnist":
        say("MNIST is not in the cache, so some rows are skipped; run `mlp download mnist`")
        return
    with Worker("pytorch") as torch:
        peer = torch.missing is None
    for name, (changes, goal) in CASES.items():
        say(f"mlp train --config mnist, {name}: {rounds} rounds")
        sides = [lambda: _ours(changes)] + ([lambda: _theirs(changes)] if peer else [])  # noqa: B023
        ours, theirs = [*turns(rounds, *sides), []][:2]
        what = f"`mlp train --config mnist`, {name}"
        yield Row(what, ours, "PyTorch loop" * peer, theirs, goal=Goal("faster", goal))


def _ours(changes: tuple[str, ...]) -> float:
    words = [word for change in changes for word in ("--set", change)]
    with TemporaryDirectory() as folder:
        run(
            MLP,
            "train",
            "--config",
            "mnist",
            "--epochs",
            f"{EPOCHS}",
            "--out",
            f"{folder}/run",
            *words,
        )
        *_, last = Path(folder, "run", "metrics.jsonl").read_text().splitlines()
    return images.COUNT / json.loads(last)["images_per_second"]


def _theirs(changes: tuple[str, ...]) -> float:
    recipe = commands.recipe("mnist", [*changes, f"train.epochs={EPOCHS}"])
    with TemporaryDirectory() as folder:
        words = (commands.SCRIPT, str(commands.mnist()), f"{folder}/weights", json.dumps(recipe))
        *_, last = run(sys.executable, *words).out.split()
    return images.COUNT / float(last)
