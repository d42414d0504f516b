"""What a PyTorch user would write for MNIST, timed as a whole process: read, train, save.

`python benchmarks/pytorch_script.py FOLDER OUT RECIPE`: the folder of the IDX files, the file of
the weights, and the recipe as JSON. With a fourth argument it prints the test accuracy of OUT.
"""

import gzip
import itertools
import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy


def main(folder: Path, out: Path, recipe: dict[str, Any], test: bool) -> None:
    """Train and save, or load and evaluate."""
    torch.manual_seed(recipe["seed"])
    model = network([1024, *recipe["hidden"], 10], recipe)
    if test:
        model.load_state_dict(torch.load(out))
        model.eval()
        x, labels = read(folder, "t10k")
        with torch.inference_mode():
            sys.stdout.write(f"{float((model(x).argmax(1) == labels).float().mean())}\n")
        return
    x, labels = read(folder, "train")
    x, labels = x[: recipe["images"]], labels[: recipe["images"]]  # as many as mlp trains on
    train(model, x, labels, recipe)
    torch.save(model.state_dict(), out)


def network(widths: list[int], recipe: dict[str, Any]) -> Any:
    """Hidden layers with batch normalization and dropout where the recipe has them, and outputs."""
    norm, dropout = recipe["batch_norm"], recipe["dropout"]
    layers: list[Any] = [torch.nn.Dropout(p)] if (p := recipe["input_dropout"]) else []
    for fan_in, fan_out in itertools.pairwise(widths[:-1]):
        layers += [linear(fan_in, fan_out, bias=not norm)]
        layers += [torch.nn.BatchNorm1d(fan_out)] if norm else []
        layers += [torch.nn.ReLU()]
        layers += [torch.nn.Dropout(dropout)] if dropout else []
    return torch.nn.Sequential(*layers, linear(*widths[-2:], bias=True))


def linear(fan_in: int, fan_out: int, *, bias: bool) -> Any:
    """A layer with He's initialization."""
    made = torch.nn.Linear(fan_in, fan_out, bias=bias)
    torch.nn.init.kaiming_normal_(made.weight, nonlinearity="relu")
    if bias:
        torch.nn.init.zeros_(made.bias)
    return made


def train(model: Any, x: Any, labels: Any, recipe: dict[str, Any]) -> None:
    """The epochs of the recipe; the optimizer is fused, as that is its fastest form.

    Prints images per second of each epoch.
    """
    weights = [p for p in model.parameters() if p.ndim == 2]
    biases = [p for p in model.parameters() if p.ndim == 1]
    groups = [{"params": weights, "weight_decay": recipe["weight_decay"]}, {"params": biases}]
    settings = {name: recipe[name] for name in ("lr", "momentum", "nesterov")}
    optimizer = torch.optim.SGD(groups, **settings, fused=True)
    size, smoothing = recipe["batch_size"], recipe["label_smoothing"]
    total, done = recipe["epochs"] * math.ceil(len(x) / size), 0
    params = [p.data for p in model.parameters()]
    means = [p.clone() for p in params]
    for _ in range(recipe["epochs"]):
        started = time.perf_counter()
        for rows in torch.randperm(len(x)).split(size):
            for group in optimizer.param_groups:
                group["lr"] = recipe["lr"] * rate(done / total, recipe["warmup"])
            optimizer.zero_grad(set_to_none=True)
            cross_entropy(model(x[rows]), labels[rows], label_smoothing=smoothing).backward()
            optimizer.step()
            done += 1
            if ema := recipe["ema"]:  # with a correction of the start, as ours
                torch._foreach_lerp_(means, params, (1 - ema) / (1 - ema**done))
        sys.stdout.write(f"{len(x) / (time.perf_counter() - started):.0f}\n")
    if recipe["ema"]:
        torch._foreach_copy_(params, means)


def rate(progress: float, warmup: float) -> float:
    """A linear warm-up, then a cosine decay."""
    if progress < warmup:
        return progress / warmup
    return (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup))) / 2


def read(folder: Path, part: str) -> tuple[Any, Any]:
    """Images of 32x32 as float32 (n, 1024), and their labels."""
    with gzip.open(folder / f"{part}-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(folder / f"{part}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8).astype(np.int64)
    x = np.zeros((len(images), 32, 32), np.float32)
    np.divide(images, np.float32(255), out=x[:, 2:30, 2:30])
    return torch.from_numpy(x.reshape(-1, 1024)), torch.from_numpy(labels)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]), test=len(sys.argv) > 4)
