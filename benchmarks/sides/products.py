"""The matrix products of the nominal network's step alone, without a single other operation."""

import itertools
import math
import time

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import images
from benchmarks.sides import BATCH, SIZES

VERSIONS = {"numpy": np.__version__}


def rate(shape: tuple[int, int, int], threads: int, seconds: float = 0.5) -> float:
    """GFLOP/s of products of (m, k) and (k, n) arrays with so many threads of the library."""
    m, k, n = shape
    a, b, out = (np.ones(size, np.float32) for size in ((m, k), (k, n), (m, n)))
    with threadpool_limits(threads):
        np.matmul(a, b, out=out)
        started, count = time.perf_counter(), 0
        while time.perf_counter() - started < seconds:
            np.matmul(a, b, out=out)
            count += 1
    return 2e-9 * m * k * n * count / (time.perf_counter() - started)


class Trainer:
    """Learns nothing; an epoch is the eight products of each step, into arrays that exist."""

    def __init__(self, variant: str, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.W = [
            rng.standard_normal(shape, np.float32) * np.float32(math.sqrt(2 / shape[0]))
            for shape in itertools.pairwise(SIZES)
        ]
        self.grad_W = [np.empty_like(W) for W in self.W]
        self.x = rng.random((BATCH, SIZES[0]), np.float32)
        self.y = rng.random((BATCH, SIZES[-1]), np.float32)
        self.z = [np.empty((BATCH, size), np.float32) for size in SIZES[1:]]
        self.grad_z = [np.empty_like(z) for z in self.z[:-1]]

    def epoch(self, lr: float) -> float:
        """The products of an epoch."""
        for first in range(0, images.COUNT, BATCH):
            self.step(min(BATCH, images.COUNT - first))
        return 0.0

    def step(self, n: int) -> None:
        """Those of one step on n images."""
        h = [self.x[:n], *(z[:n] for z in self.z)]
        grad_z = [*(z[:n] for z in self.grad_z), self.y[:n]]
        for i, W in enumerate(self.W):
            np.matmul(h[i], W, out=h[i + 1])
        for i in reversed(range(len(self.W))):
            np.matmul(h[i].T, grad_z[i], out=self.grad_W[i])
            if i > 0:
                np.matmul(grad_z[i], self.W[i].T, out=grad_z[i - 1])
