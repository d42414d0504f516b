"""What augmentation costs: an epoch of training with it, compared with one without it.

Run as `python benchmarks/augment.py`. It uses MNIST if it is in the cache, else as many images of
synth. The cases take turns, each epoch starts a new training, and medians are printed.
"""

import statistics
import sys
import time

from mlpcli.config.load import load_config
from mlpcli.data.dataset import Split
from mlpcli.errors import DataError
from mlpcli.training.augment import HANDWRITING, augment, warper
from mlpcli.training.loader import load_split, prepare
from mlpcli.training.loop import fit
from mlpcli.training.progress import Epoch
from mlpcli.training.rng import stream
from mlpcli.training.threads import cores

ROUNDS = 7
BATCH = 128
VARIED = [f"augment.{key}={value}" for key, value in HANDWRITING.model_dump().items() if value]
CASES = {  # changes of the settings
    "without augmentation": [],
    "affine": [change for change in VARIED if "elastic" not in change],
    "affine and elastic": VARIED,
}


def epoch(split: Split, changes: list[str]) -> float:
    """Seconds of the steps of a first epoch, with all cores."""
    settings = load_config(None, [*changes, "data.validation=0.001", f"train.batch_size={BATCH}"])
    events = fit(settings, prepare(settings, split), threads=cores())
    return next(event.metrics.seconds for event in events if isinstance(event, Epoch))


def alone(split: Split) -> float:
    """Microseconds of augmentation per image, in one thread that does nothing else."""
    warp = warper(HANDWRITING)
    starts = range(0, len(split.labels), BATCH)
    started = time.perf_counter()
    for start in starts:
        rng = stream(0, "augment", start)
        augment(split.images[start : start + BATCH], HANDWRITING, rng=rng, warp=warp)
    return (time.perf_counter() - started) / len(split.labels) * 1e6


def images() -> Split:
    """60,000 training images."""
    try:
        return load_split(load_config("mnist"), "train", offline=True)
    except DataError:
        return load_split(load_config(None, ["data.images=60000"]), "train")


def main() -> None:
    """Print seconds of an epoch in each case, and how they compare."""
    split = images()
    taken: dict[str, list[float]] = {name: [] for name in CASES}
    made = []
    for _ in range(ROUNDS):
        for name, changes in CASES.items():
            taken[name].append(epoch(split, changes))
        made.append(alone(split))
    first = statistics.median(taken["without augmentation"])
    write = sys.stdout.write
    write(f"{split.name}, {len(split.labels):,} images, batch {BATCH}, {cores()} cores\n")
    for name, seconds in taken.items():
        median = statistics.median(seconds)
        write(f"{name}: {median:.2f} s per epoch, ratio {median / first:.2f}\n")
    write(f"augmentation alone, one thread: {statistics.median(made):.1f} microseconds per image\n")


if __name__ == "__main__":
    main()
