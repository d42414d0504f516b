"""`mlp gradcheck` against `torch.autograd.gradcheck` on the same network and images.

PyTorch checks one tensor at a time by two forward passes per parameter; checking all 658,698 would
take hours, so a part of the parameters is measured and its seconds per parameter are extrapolated.
Both sides check in float64; runs alternate, medians count.
"""

import itertools
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mlpcli.data import dataset
from mlpcli.nn import mlp

ROUNDS = 3
IMAGES = 4
SIZES = (1024, 512, 256, 10)
PARAMETERS = sum(a * b + b for a, b in itertools.pairwise(SIZES))
PART = 512  # parameters that PyTorch checks in a round: b1, which like W1 needs the whole network


class Row(NamedTuple):
    """One comparison; seconds are medians."""

    name: str
    ours: float
    peer: float | None  # None when the peer is not installed

    @property
    def ratio(self) -> float | None:
        """How many times faster ours is."""
        return None if self.peer is None else self.peer / self.ours


def ours() -> float:
    """Seconds of the whole process: imports, data, both points, every parameter."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "mlpcli", "gradcheck", "--json", "--set", "data.name=synth"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    facts = json.loads(printed)
    assert facts["ok"], facts
    assert facts["checked"] == PARAMETERS, facts["checked"]
    return time.perf_counter() - started


def theirs(torch: Any) -> float:
    """Seconds PyTorch would take for every parameter, extrapolated from PART of them."""
    split = dataset.load("synth", "train", images=1000)
    x = torch.tensor(dataset.inputs(split.images[:IMAGES]).astype("float64"))
    labels = torch.tensor(split.labels[:IMAGES])
    params = mlp.init(SIZES, rng=np.random.default_rng(0), dtype="float64")
    tensors = [torch.tensor(a) for layer in params for a in layer]
    tensors[1].requires_grad_()

    def loss(b1: Any) -> Any:
        W1, _, W2, b2, W3, b3 = tensors
        h1 = torch.relu(x @ W1 + b1)
        h2 = torch.relu(h1 @ W2 + b2)
        return torch.nn.functional.cross_entropy(h2 @ W3 + b3, labels)

    assert tensors[1].numel() == PART
    started = time.perf_counter()
    assert torch.autograd.gradcheck(loss, (tensors[1],))
    return (time.perf_counter() - started) / PART * PARAMETERS


def rows() -> list[Row]:
    """The comparison, both sides alternating."""
    try:
        import torch
    except ImportError:
        torch = None
    mine, peers = [], []
    for _ in range(ROUNDS):
        mine.append(ours())
        if torch is not None:
            peers.append(theirs(torch))
    peer = statistics.median(peers) if peers else None
    return [Row("every parameter, against torch.autograd.gradcheck", statistics.median(mine), peer)]


def main() -> None:
    """Print the comparison and write it to benchmarks/results-gradcheck.json."""
    found = rows()
    for row in found:
        peer = "not installed" if row.peer is None else f"{row.peer:.1f} s extrapolated"
        ratio = "" if row.ratio is None else f", {row.ratio:.0f} times"
        sys.stdout.write(f"{row.name}: ours {row.ours:.2f} s, PyTorch {peer}{ratio}\n")
    out = Path(__file__).with_name("results-gradcheck.json")
    out.write_text(json.dumps([row._asdict() for row in found], indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
