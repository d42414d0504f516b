"""The preflight: silent on every shipped config, and right about planted mistakes."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

import numpy as np

from mlpcli.config.load import load_config
from mlpcli.config.schema import Config
from mlpcli.config.shipped import shipped
from mlpcli.data import idx, synth
from mlpcli.data.dataset import Split
from mlpcli.data.registry import DATASETS
from mlpcli.errors import DataError
from mlpcli.training.loader import prepare
from mlpcli.training.preflight import Finding, preflight
from mlpcli.training.threads import cores
from tests.faults.table import Fault, Trials, alone

SHARED = Path(__file__).parents[2].parent / "shared" / "data"

Mistake = Callable[[Config, Split, np.random.Generator], tuple[Config, Split]]


def on_shipped(name: str) -> Trials:
    """Trials of a shipped config, each seed on an idle and on a busy machine."""

    def trials(n: int, rng: np.random.Generator, place: Path) -> Iterator[str]:
        for i in range(n):
            config = load_config(name, [f"seed={i // 2}"])
            with busy(cores() * (i % 2)):
                found = findings(config, split(config.data.name))
            yield "; ".join(text for _, text in found)

    return trials


def planted(mistake: Mistake, cause: str) -> Trials:
    """Trials of a mistake in any shipped config, which has exactly this cause."""

    def trial(rng: np.random.Generator, place: Path) -> None:
        config = load_config(str(rng.choice([*shipped()])), [f"seed={rng.integers(1 << 30)}"])
        wrong = mistake(config, split(config.data.name), rng)
        found = findings(*wrong)
        told = f"{config.data.name}, seed {config.seed}: {found}"
        assert [each.cause for each in found] == [cause], told

    return alone(trial)


def findings(config: Config, data: Split) -> list[Finding]:
    """What the preflight says of such a training."""
    try:
        return preflight(config, prepare(config, data))
    except DataError as err:
        return [Finding("one class", str(err))]  # which is refused


@contextmanager
def busy(count: int) -> Iterator[None]:
    """While this lasts, so many processes compute without end."""
    spinning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.wait()


@cache
def split(name: str) -> Split:
    """Images of a data set, or of others where it is missing: digits that are drawn at the end.

    EMNIST Letters is replaced by 26 classes of the others.
    """
    if name == "emnist-letters":
        parts = [split(other) for other in ("mnist", "fashion-mnist", "kmnist")]
        images = np.concatenate([part.images for part in parts])
        labels = np.concatenate([part.labels + 10 * i for i, part in enumerate(parts)])
        rows, classes = labels < 26, DATASETS[name].classes
        return Split(name, images[rows], labels[rows], classes, {})
    if name in DATASETS:
        spec = DATASETS[name]
        for which in ("train", "test"):
            files = [SHARED / name / each[which].name for each in (spec.images, spec.labels)]
            if all(file.exists() for file in files):
                labels = idx.labels(files[1]).astype("int64")
                return Split(name, idx.images(files[0]), labels, spec.classes, {})
    images, labels, _ = synth.split("train")
    return Split(name, images, labels, synth.CLASSES, {})


def rate(
    config: Config, data: Split, rng: np.random.Generator, *, factor: float
) -> tuple[Config, Split]:
    """Another learning rate."""
    optimizer = config.optimizer.replace(lr=config.optimizer.lr * factor)
    return config.replace(optimizer=optimizer), data


def narrow(config: Config, data: Split, rng: np.random.Generator) -> tuple[Config, Split]:
    """So deep and narrow that no image gets through."""
    hidden = (int(rng.integers(1, 3)),) * int(rng.integers(30, 33))
    return config.replace(network=config.network.replace(hidden=hidden)), data


def dark(config: Config, data: Split, rng: np.random.Generator) -> tuple[Config, Split]:
    """Dark on light."""
    return config, data._replace(images=255 - data.images)


def binary(config: Config, data: Split, rng: np.random.Generator) -> tuple[Config, Split]:
    """Pixels of 0 and 1."""
    return config, data._replace(images=(data.images > 127).astype("uint8"))


def blank(config: Config, data: Split, rng: np.random.Generator) -> tuple[Config, Split]:
    """All pixels have one value."""
    return config, data._replace(images=np.full_like(data.images, rng.integers(256)))


def constant(config: Config, data: Split, rng: np.random.Generator) -> tuple[Config, Split]:
    """All labels are the same."""
    return config, data._replace(labels=np.full_like(data.labels, rng.integers(len(data.classes))))


def one_class(config: Config, data: Split, rng: np.random.Generator) -> tuple[Config, Split]:
    """Images of one class alone."""
    rows = data.labels == data.labels[rng.integers(len(data.labels))]
    return config, data._replace(images=data.images[rows], labels=data.labels[rows])


def shuffled(config: Config, data: Split, rng: np.random.Generator) -> tuple[Config, Split]:
    """Labels in another order than the images."""
    return config, data._replace(labels=rng.permutation(data.labels))


def twofold(config: Config, data: Split, rng: np.random.Generator) -> tuple[Config, Split]:
    """Some images twice, with two labels."""
    n, count = len(data.labels), len(data.labels) // int(rng.integers(2, 11))
    images = np.concatenate([data.images, data.images[:count]])
    labels = np.concatenate([data.labels, (data.labels[:count] + 1) % len(data.classes)])
    order = rng.permutation(n + count)
    return config, data._replace(images=images[order], labels=labels[order])


def fivefold(config: Config, data: Split, rng: np.random.Generator) -> tuple[Config, Split]:
    """Each image five times."""
    n = len(data.labels)
    rows = rng.permutation(np.tile(rng.permutation(n)[: n // 5], 5))
    return config, data._replace(images=data.images[rows], labels=data.labels[rows])


def without_a_class(config: Config, data: Split, rng: np.random.Generator) -> tuple[Config, Split]:
    """No image of one of the classes."""
    rows = data.labels != rng.integers(len(data.classes))
    return config, data._replace(images=data.images[rows], labels=data.labels[rows])


MISTAKES: dict[str, tuple[Mistake, str]] = {  # and the cause that the preflight names
    "learning rate times 100": (partial(rate, factor=100), "learning rate too high"),
    "learning rate over 1000": (partial(rate, factor=0.001), "learning rate too low"),
    "dark on light": (dark, "dark on light"),
    "constant labels": (constant, "one class"),
    "shuffled labels": (shuffled, "unrelated labels"),
    "blank images": (blank, "blank images"),
    "images of one class": (one_class, "one class"),
    "two labels": (twofold, "contradictory labels"),
    "copies": (fivefold, "copies"),
    "class without images": (without_a_class, "empty class"),
    "dead ReLU": (narrow, "dead units"),
    "pixels of 0 and 1": (binary, "pixel range"),
}
FAULTS = [
    *(Fault(f"preflight, config {name}", on_shipped(name), 1, 10) for name in shipped()),
    *(Fault(f"preflight, {name}", planted(*each), 1, 20) for name, each in MISTAKES.items()),
]
