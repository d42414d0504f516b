"""Whether pixels of any range and background are learned as well as their mirror from 0 to 255.

Run as `python benchmarks/ranges.py`. It trains at the default settings on 10,000 images of MNIST in
each form, and prints the accuracy on all test images beside that of the mirror.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpcli.api.eval import evaluate_run
from mlpcli.api.trainer import train
from mlpcli.config.load import load_config
from mlpcli.data import dataset

COUNT = 10_000  # training images

Arrays = NDArray[Any]


def forms(x: Arrays) -> dict[str, tuple[Arrays, Arrays]]:
    """By name, images in another form and their mirror: uint8 from 0 to 255, light on dark."""
    bits, few = (x > 127).astype(np.uint8), np.rint(x * (16 / 255)).astype(np.uint8)
    wide = x.astype(np.uint16) * 257
    return {
        "uint8 of 0 and 1": (bits, bits * 255),
        "bool": (bits.astype(bool), bits * 255),
        "uint8 of 0 to 16": (few, np.rint(few * (255 / 16)).astype(np.uint8)),
        "uint16 of 0 to 65535": (wide, x),
        "float32 of 0 to 1": (x.astype(np.float32) / np.float32(255), x),
        "dark on light": (255 - x, x),
        "dark on light, float64": (1 - x / 255, x),
    }


def accuracy(train_: Arrays, test: Arrays, labels: tuple[Arrays, Arrays], folder: Path) -> float:
    """Of a network trained at the default settings on images in this form."""
    data = {"x_train": train_, "y_train": labels[0], "x_test": test, "y_test": labels[1]}
    np.savez(folder / "form.npz", allow_pickle=False, **data)
    config = load_config(None, [f"data.name={folder}/form.npz"])
    for _ in train(config, folder / "run", overwrite=True, preflight=False, threads=2):
        pass
    return evaluate_run(folder / "run").accuracy


def main() -> None:
    """Print both accuracies of each form."""
    learned, test = (dataset.load("mnist", split, offline=True) for split in ("train", "test"))
    images, labels = learned.images[:COUNT], (learned.labels[:COUNT], test.labels)
    tests = forms(np.asarray(test.images))
    with tempfile.TemporaryDirectory() as folder:
        for name, pair in forms(np.asarray(images)).items():
            found = [
                100 * accuracy(form, shown, labels, Path(folder))
                for form, shown in zip(pair, tests[name], strict=True)
            ]
            sys.stdout.write(f"{name}: {found[0]:.2f}%, its mirror {found[1]:.2f}%\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
