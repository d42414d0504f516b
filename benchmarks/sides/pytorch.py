"""PyTorch on the CPU: float32 tensors in memory, no DataLoader."""

import itertools
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from benchmarks import images
from benchmarks.sides import BATCH, BETA1, BETA2, EPS, MOMENTUM, SIZES
from mlpcli.data import dataset, preprocessing
from mlpcli.nn import mlp

VERSIONS = {"torch": torch.__version__}
FLAVOURS = {  # of the optimiser
    "plain": {"foreach": False, "fused": False},
    "foreach": {"foreach": True},
    "fused": {"fused": True},
}
PART = 512  # parameters that `gradcheck` checks: b1, which like W1 needs the whole network


class Trainer:
    """Variants: rule, flavour and threads, such as "sgd fused 2".

    "adam compiled 2" compiles, and "adam frozen 2" does with the freezing of inductor.
    """

    def __init__(self, variant: str, seed: int) -> None:
        rule, flavour, threads = variant.split()
        torch.manual_seed(seed)
        self.threads = int(threads)
        self.x, self.labels = _tensors("train")
        self.model = _model()
        self.loss: Callable[..., Any] = lambda x, labels: cross_entropy(self.model(x), labels)
        options = FLAVOURS.get(flavour, FLAVOURS["fused"])
        parameters = self.model.parameters()
        self.optimizer: Any = (
            torch.optim.SGD(parameters, momentum=MOMENTUM, **options)
            if rule == "sgd"
            else torch.optim.Adam(parameters, betas=(BETA1, BETA2), eps=EPS, **options)
        )
        if flavour in ("compiled", "frozen"):
            self.loss = torch.compile(self.loss, options={"freezing": flavour == "frozen"})

    def epoch(self, lr: float) -> float:
        """A pass over the training images; returns the last loss."""
        torch.set_num_threads(self.threads)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        for rows in torch.randperm(len(self.x)).split(BATCH):
            self.optimizer.zero_grad(set_to_none=True)
            loss = self.loss(self.x[rows], self.labels[rows])
            loss.backward()
            self.optimizer.step()
        return float(loss.detach())

    def accuracy(self) -> float:
        """On the test images, a fraction."""
        x, labels = _tensors("test")
        with torch.inference_mode():
            return float((self.model(x).argmax(1) == labels).float().mean())


def gradcheck(count: int) -> float:
    """Seconds that torch.autograd.gradcheck would take for every parameter, from PART of them.

    count: images in the batch. Every parameter costs two passes through the whole network.
    """
    split = dataset.load("synth", "train", drawn=1000)
    x = torch.tensor(preprocessing.inputs(split.images[:count]).astype("float64"))
    labels = torch.tensor(split.labels[:count])
    params = mlp.init(SIZES, rng=np.random.default_rng(0), dtype="float64")
    tensors = [torch.tensor(a) for layer in params for a in layer]
    tensors[1].requires_grad_()

    def loss(b1: Any) -> Any:
        W1, _, W2, b2, W3, b3 = tensors
        h1 = torch.relu(x @ W1 + b1)
        h2 = torch.relu(h1 @ W2 + b2)
        return cross_entropy(h2 @ W3 + b3, labels)

    assert tensors[1].numel() == PART
    started = time.perf_counter()
    assert torch.autograd.gradcheck(loss, (tensors[1],))
    parameters = sum(tensor.numel() for tensor in tensors)
    return (time.perf_counter() - started) / PART * parameters


def _model() -> Any:
    layers: list[Any] = []
    for fan_in, fan_out in itertools.pairwise(SIZES):
        linear = torch.nn.Linear(fan_in, fan_out)
        torch.nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
        torch.nn.init.zeros_(linear.bias)
        layers += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


@cache
def _tensors(name: str) -> tuple[Any, Any]:
    split = images.load(name)
    return torch.from_numpy(preprocessing.inputs(split.images)), torch.from_numpy(split.labels)
