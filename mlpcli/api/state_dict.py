"""Reads the layers of another program's network from a safetensors file, by names and shapes.

PyTorch stores W as (outputs, inputs), mlpcli as (inputs, outputs); the shapes decide which it is.
"""

import re
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mlpcli.data.preprocessing import INPUTS, SIDE
from mlpcli.errors import CheckpointError
from mlpcli.nn.mlp import Layer
from mlpcli.runs.checkpoint import Tensors, read_tensors

SIDES = {28 * 28: 28, INPUTS: SIDE}  # pixels of a side, by the number of inputs
ROLE = re.compile(r"(weight|kernel|bias|W|w|b)(?=\d*$)")  # without it, W and b have one name
HINT = "in PyTorch, safetensors.torch.save_file(model.state_dict(), FILE) writes one"


class FileLayer(NamedTuple):
    """An affine map of the file."""

    name: str  # of its weights
    shape: tuple[int, ...]  # of its weights in the file
    layer: Layer  # in float64


def read_layers(path: Path) -> tuple[list[FileLayer], bool]:
    """The layers of a file, the first one first, and whether W is stored as (outputs, inputs).

    They follow each other by their names or, where the shapes forbid that, in the one order that
    the shapes allow. A layer without a bias gets zeros. Raises CheckpointError.
    """
    tensors = _read(path)
    weights, biases = _by_stem(tensors, 2), _by_stem(tensors, 1)
    used = {*weights.values(), *(name for stem, name in biases.items() if stem in weights)}
    if strange := sorted(tensors.keys() - used, key=_natural):
        raise CheckpointError(
            f"{path}: holds {strange[0]!r} of shape {tensors[strange[0]].shape}, which is not part "
            "of a linear layer; only networks of linear layers can be imported"
        )
    for transposed in (True, False):
        candidates = [
            _layer(name, tensors, biases.get(stem), transposed=transposed)
            for stem, name in weights.items()
        ]
        if chain := _chain(candidates):
            return chain, transposed
    shapes = ", ".join(f"{name} {tensors[name].shape}" for name in weights.values())
    raise CheckpointError(
        f"{path}: expected layers that follow each other from 784 or 1024 inputs on, with a bias "
        f"for each output, got {shapes or 'nothing'}"
    )


def _read(path: Path) -> Tensors:
    """The tensors of a file as float64."""
    try:
        _, arrays = read_tensors(path)
    except TypeError as err:
        raise CheckpointError(f"{path}: {err}; in PyTorch, model.float() converts") from err
    except (OSError, ValueError) as err:
        raise CheckpointError(f"{path}: not a safetensors file: {err}; {HINT}") from err
    with np.errstate(invalid="ignore"):  # a NaN that signals; it is refused below
        tensors = {name: array.astype(np.float64) for name, array in arrays.items()}
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise CheckpointError(f"{path}: {name!r} contains values that are not finite")
    return tensors


def _by_stem(tensors: Tensors, axes: int) -> dict[str, str]:
    """Names of the tensors with so many axes, by what W and b of a layer have in common."""
    names = sorted((name for name, t in tensors.items() if t.ndim == axes), key=_natural)
    return {ROLE.sub("", name): name for name in names}


def _natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts net.2 before net.10, whose numbers may be too long for an int."""
    parts = re.split(r"(\d+)", name)
    digits = (part.lstrip("0") if i % 2 else part for i, part in enumerate(parts))
    return [(len(part) if i % 2 else 0, part) for i, part in enumerate(digits)]


def _layer(name: str, tensors: Tensors, bias: str | None, *, transposed: bool) -> FileLayer:
    W = tensors[name].T if transposed else tensors[name]
    b = np.zeros(W.shape[1]) if bias is None else tensors[bias]
    return FileLayer(name, tensors[name].shape, Layer(W, b))


def _chain(layers: list[FileLayer]) -> list[FileLayer]:
    """The layers in order; none if there is no order or more than one."""
    if _follow(layers):
        return layers
    order: list[FileLayer] = []
    widths = set(SIDES)
    while len(order) < len(layers):
        placed = {each.name for each in order}
        next_ = [f for f in layers if f.name not in placed and len(f.layer.W) in widths]
        if len(next_) != 1:
            return []
        order += next_
        widths = {next_[0].layer.W.shape[1]}
    return order if _follow(order) else []


def _follow(layers: list[FileLayer]) -> bool:
    """Whether the output of each layer fits the input of the next."""
    sizes = [each.layer.W.shape for each in layers]
    return (
        bool(layers)
        and sizes[0][0] in SIDES
        and all(left[1] == right[0] for left, right in pairwise(sizes))
        and all(len(layer.b) == layer.W.shape[1] for _, _, layer in layers)
    )
