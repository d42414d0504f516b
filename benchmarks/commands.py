"""Whole commands: start-up, `mlp eval`, a cold training to 98%, its memory, the gradient check."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import images
from benchmarks.process import MLP, Ended, peak_memory, run, turns
from benchmarks.table import Goal, Row
from benchmarks.worker import Worker, say
from mlpcli.config.load import load_config
from mlpcli.data import cache, registry
from mlpcli.training.loader import split_rows

SCRIPT = str(Path(__file__).with_name("pytorch_script.py"))
FAST = "mnist-fast"  # the config of the cold training
MB = 1e6


def start_up(rounds: int) -> Row:
    """`mlp --help` against the imports that any such program needs."""
    say(f"start-up: {rounds} rounds")
    ours, theirs = turns(
        rounds,
        lambda: run(MLP, "--help").seconds,
        lambda: run(sys.executable, "-c", "import typer, rich").seconds,
    )
    return Row("`mlp --help`", ours, "`import typer, rich`", theirs, goal=Goal("longer", 1.5))


def gradient_check(rounds: int) -> Row:
    """`mlp gradcheck` against `torch.autograd.gradcheck`, on the same network and batch size."""
    say(f"gradient check: {rounds} rounds")
    command = (MLP, "gradcheck", "--json", "--set", "data.name=synth")
    with Worker("pytorch") as torch:
        sides = [lambda: run(*command).seconds]
        if torch.missing is None:
            sides.append(lambda: torch.ask("gradcheck", count=4).result)
        ours, theirs = [*turns(rounds, *sides), []][:2]
    what = "gradient check of 658,698 parameters"
    return Row(what, ours, "torch.autograd.gradcheck, extrapolated", theirs)


def on_mnist(rounds: int) -> Iterator[Row]:
    """A cold training to 98%, peak memory, and `mlp eval`; without MNIST in the cache, nothing."""
    if images.load("train").name != "mnist":
        say("MNIST is not in the cache, so some rows are skipped; run `mlp download mnist`")
        return
    with TemporaryDirectory() as folder:
        ours, theirs, note = _cold(Path(folder), rounds)
        rest = [_neither_steps_nor_validation(Path(folder)) for _ in range(rounds)]
        train = (MLP, "train", "--config", "mnist", "--epochs", "2", "--out", f"{folder}/mnist")
        peak = peak_memory(*train)
        evaluations = [run(MLP, "eval", f"{folder}/mnist") for _ in range(rounds)]
    seconds = [ended.seconds for ended in ours]
    peers = [ended.seconds for ended in theirs]
    what = "cold training to 98% on MNIST"
    yield Row(what, seconds, "PyTorch script", peers, goal=Goal("faster", 2.8), note=note)
    yield Row(f"{what}, seconds", seconds, goal=Goal("most", 4))
    what = "cold training, neither steps nor validation"
    yield Row(what, rest, goal=Goal("most", 1.5))
    what = "peak memory when training on MNIST, all processes"
    yield Row(what, [peak / MB], unit="MB", goal=Goal("most", 230))
    yield Row(
        "`mlp eval` on 10,000 images",
        [ended.seconds for ended in evaluations],
        goal=Goal("most", 0.8),
    )


def _neither_steps_nor_validation(folder: Path) -> float:
    """Seconds of a cold training in which no image is trained on or judged."""
    ended = run(MLP, "train", "--config", FAST, "--out", f"{folder}/rest", "--overwrite")
    epochs = [json.loads(line) for line in (folder / "rest/metrics.jsonl").read_text().splitlines()]
    return ended.seconds - sum(each["seconds"] + each["validation_seconds"] for each in epochs)


def _cold(folder: Path, rounds: int) -> tuple[list[Ended], list[Ended], str]:
    """Trainings by `mlp train` and by a PyTorch script in turn, and the accuracies they reach."""
    train = (MLP, "train", "--config", FAST, "--out", f"{folder}/run", "--overwrite", "--offline")
    peer = (
        sys.executable,
        SCRIPT,
        str(mnist()),
        f"{folder}/weights.pt",
        json.dumps(recipe(FAST, [])),
    )
    with Worker("pytorch") as torch:
        peers = torch.missing is None
    ours, theirs = [], []
    for number in range(rounds):
        say(f"cold training: round {number + 1} of {rounds}")
        ours.append(run(*train))
        theirs += [run(*peer)] if peers else []
    judged = json.loads(run(MLP, "eval", f"{folder}/run", "--json").out)
    note = f"test accuracy: mlpcli {100 * judged['accuracy']:.2f}%"
    if peers:
        note += f", PyTorch {100 * float(run(*peer, 'test').out):.2f}%"
    return ours, theirs, note


def mnist() -> Path:
    """The folder of MNIST's files."""
    published = registry.DATASETS["mnist"]
    return cache.path_of(published, published.images["train"]).parent


def recipe(name: str, changes: list[str]) -> dict[str, object]:
    """What a config says, for the PyTorch script, which knows no more than this."""
    config = load_config(name, changes)
    assert (config.augment, config.network.max_norm) == (type(config.augment)(), None)
    assert (config.optimizer.name, config.schedule.name) == ("sgd", "cosine")
    assert (config.network.activation, config.train.class_weight) == ("relu", "none")
    # whose running statistics would have to be averaged too
    assert not (config.network.batch_norm and config.train.ema)
    rows, _ = split_rows(config, images.load("train"))
    chosen = {"epochs", "batch_size", "label_smoothing", "ema"}
    return {
        **config.network.model_dump(include={"hidden", "batch_norm", "dropout", "input_dropout"}),
        **config.optimizer.model_dump(include={"lr", "momentum", "nesterov", "weight_decay"}),
        **config.schedule.model_dump(include={"warmup"}),
        **config.train.model_dump(include=chosen),
        "seed": config.seed,
        "images": len(rows),
    }
