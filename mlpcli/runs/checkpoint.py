"""Weights on disk: safetensors named W1, b1, ... as in the workbook, with what using them needs.

Nothing that can run code is ever loaded. A file is written under a temporary name, flushed to the
disk and then moved into place, so that a reader finds the old one or the new one, never a part.
"""

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from mlpcli.data.dataset import INPUTS
from mlpcli.errors import CheckpointError
from mlpcli.nn.mlp import Layer, Params
from mlpcli.runs.settings import Config

SCHEMA = 1


class Checkpoint(NamedTuple):
    """A network and what it was trained on."""

    params: Params
    config: Config
    classes: tuple[str, ...]  # names, in the order of the outputs
    epoch: int  # passes over the training images done


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint in one piece; raises CheckpointError when the disk refuses."""
    tensors: dict[str, np.ndarray[Any, Any]] = {}
    for i, (W, b) in enumerate(checkpoint.params, 1):
        tensors |= {f"W{i}": np.ascontiguousarray(W), f"b{i}": np.ascontiguousarray(b)}
    facts = {
        "schema": SCHEMA,
        "config": checkpoint.config.model_dump(mode="json"),
        "classes": checkpoint.classes,
        "epoch": checkpoint.epoch,
    }
    # one entry: safetensors writes several in an order that differs from process to process
    write(path, to_bytes(tensors, {"mlpcli": json.dumps(facts, ensure_ascii=False)}))


def load(path: Path) -> Checkpoint:
    """Read a checkpoint; raises CheckpointError when it is none, or does not fit its config."""
    try:
        with safe_open(path, framework="np") as file:
            metadata = (file.metadata() or {}).get("mlpcli", "")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as err:
        hint = "is this a run folder?"
        if path.with_name("last.safetensors").exists():
            hint = "the run stopped before an epoch ended; --weights last has what there is"
        raise CheckpointError(f"{path}: no such file; {hint}") from err
    except (SafetensorError, OSError, ValueError) as err:
        raise CheckpointError(f"{path}: not a readable checkpoint: {err}") from err
    if not metadata:
        raise CheckpointError(f"{path}: is not a checkpoint of mlp; `mlp train` makes them")
    try:
        facts = json.loads(metadata)
        if facts["schema"] != SCHEMA:
            raise CheckpointError(
                f"{path}: expected a checkpoint of schema {SCHEMA}, got {facts['schema']!r}"
            )
        config = Config.model_validate_json(json.dumps(facts["config"]))
        classes = tuple(str(name) for name in facts["classes"])
        epoch = int(facts["epoch"])
    except (KeyError, TypeError, ValueError) as err:
        told = str(err).splitlines()[0]
        raise CheckpointError(f"{path}: what it says of its run is damaged: {told}") from err
    return Checkpoint(_params(path, tensors, config, len(classes)), config, classes, epoch)


def _params(
    path: Path, tensors: dict[str, np.ndarray[Any, Any]], config: Config, classes: int
) -> Params:
    sizes = (INPUTS, *config.network.hidden, classes)
    expected: dict[str, tuple[int, ...]] = {}
    for i in range(1, len(sizes)):
        expected |= {f"W{i}": (sizes[i - 1], sizes[i]), f"b{i}": (sizes[i],)}
    for name in sorted(expected.keys() | tensors.keys()):
        got = tensors[name].shape if name in tensors else "nothing"
        if got != expected.get(name):
            raise CheckpointError(
                f"{path}: does not fit its config: expected {name} of shape "
                f"{expected.get(name, 'nothing')}, got {got}"
            )
        if tensors[name].dtype != np.float32 or not np.isfinite(tensors[name]).all():
            raise CheckpointError(f"{path}: expected {name} as finite float32")
    return tuple(Layer(tensors[f"W{i}"], tensors[f"b{i}"]) for i in range(1, len(sizes)))


def write(path: Path, data: bytes) -> None:
    """Put a file in place at once: temporary name, fsync, rename, fsync of the folder."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as err:
        temporary.unlink(missing_ok=True)
        raise CheckpointError(f"{path}: cannot write: {err.strerror}") from err


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows has no handle for a folder
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
