"""Weights on disk: safetensors named W1, b1, ... as in the workbook, with what using them needs.

Training continues from what the update rule remembers, kept beside them as `W1.velocity` and so on.
Nothing that can run code is ever loaded. A file is written under a temporary name, flushed to the
disk and then moved into place, so that a reader finds the old one or the new one, never a part.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from pydantic import Field, ValidationError, model_validator
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from mlpcli.data.dataset import INPUTS
from mlpcli.errors import CheckpointError
from mlpcli.nn.mlp import Layer, Params
from mlpcli.runs.fit import Progress
from mlpcli.runs.recipe import slots
from mlpcli.runs.settings import Config, Section

Tensors = dict[str, np.ndarray[Any, Any]]


class Facts(Section):
    """What a checkpoint says of its training."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    config: Config
    classes: tuple[str, ...]  # names, in the order of the outputs
    data: dict[str, str]  # sum of each file of the training images
    light: float = 0.0  # fraction of them whose ground is light; see data/preparation.py
    progress: Progress
    updates: int = Field(ge=0)  # steps done in all
    lengths: tuple[tuple[int, int], ...] = Field(min_length=1)  # see Run in runs/train.py

    @model_validator(mode="after")
    def _possible(self) -> Self:
        done = self.progress
        if min(done.epoch, done.step) < 0 or not bool(done.epoch) <= done.best_epoch <= done.epoch:
            raise ValueError(f"no training has come to {done}")
        return self


class Checkpoint(NamedTuple):
    """A network and its training; without memory, the training cannot go on from here."""

    facts: Facts
    params: Params
    memory: tuple[Params, ...] = ()  # what training goes on from beside params: `recipe.slots`


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint in one piece; raises CheckpointError when the disk refuses."""
    facts, params, memory = checkpoint
    tensors = _named(params, "")
    for slot, vector in zip(slots(facts.config), memory, strict=False):
        tensors |= _named(vector, f".{slot}")
    told = facts.model_dump_json(by_alias=True)
    # one entry: safetensors writes several in an order that differs from process to process
    write(path, to_bytes(tensors, {"mlpcli": f"{sum_(told, tensors)} {told}"}))


def of_run(folder: Path, weights: str) -> Checkpoint:
    """The "best" or "last" weights of a run; raises CheckpointError where there are none."""
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: no such run folder; `mlp train` makes one")
    return load(folder / f"{weights}.safetensors")


def load(path: Path) -> Checkpoint:
    """Read a checkpoint; raises CheckpointError when it is none, or does not fit its config."""
    try:
        with safe_open(path, framework="np") as file:
            metadata = (file.metadata() or {}).get("mlpcli", "")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as err:
        hint = "is this a run folder?"
        if path.with_name("last.safetensors").exists():
            hint = "it is written when an epoch ends; last.safetensors has what there is"
        elif seeds := sorted(path.parent.glob("seed-*/")):
            hint = f"name the run of one seed, such as {seeds[0]}"
        raise CheckpointError(f"{path}: no such file; {hint}") from err
    except (SafetensorError, OSError, ValueError) as err:
        raise CheckpointError(f"{path}: not a readable checkpoint: {err}") from err
    if not metadata:
        raise CheckpointError(f"{path}: is not a checkpoint of mlp; `mlp train` makes them")
    written, _, told = metadata.partition(" ")
    if written != sum_(told, tensors):
        raise CheckpointError(f"{path}: is damaged: its sum is wrong; train again")
    try:
        facts = Facts.model_validate_json(told)
    except ValidationError as err:
        first = err.errors()[0]
        told = f"{'.'.join(map(str, first['loc'])) or 'metadata'}: {first['msg']}"
        raise CheckpointError(f"{path}: what it says of its run is damaged: {told}") from err
    return _fitting(path, tensors, facts)


def digest(params: Params) -> str:
    """SHA-256 of the weights' bytes, in the order W1, b1, W2, ..."""
    sha = hashlib.sha256()
    for W, b in params:
        sha.update(np.ascontiguousarray(W).data)
        sha.update(np.ascontiguousarray(b).data)
    return sha.hexdigest()


def sum_(told: str, tensors: Tensors) -> str:
    """SHA-256 over what a checkpoint says of its run, then over its tensors, by name."""
    sha = hashlib.sha256(told.encode())
    for name in sorted(tensors):
        sha.update(tensors[name].tobytes())
    return sha.hexdigest()


def _named(params: Params, suffix: str) -> Tensors:
    tensors: Tensors = {}
    for i, (W, b) in enumerate(params, 1):
        tensors |= {f"W{i}{suffix}": W, f"b{i}{suffix}": b}
    return tensors


def _fitting(path: Path, tensors: Tensors, facts: Facts) -> Checkpoint:
    """The checkpoint, when it holds the tensors that its config asks for and no other."""
    sizes = (INPUTS, *facts.config.network.hidden, len(facts.classes))
    kept = [f".{slot}" for slot in slots(facts.config)]
    suffixes = ["", *kept] if any("." in name for name in tensors) else [""]
    expected: dict[str, tuple[int, ...]] = {}
    for suffix in suffixes:
        for i in range(1, len(sizes)):
            expected[f"W{i}{suffix}"] = (sizes[i - 1], sizes[i])
            expected[f"b{i}{suffix}"] = (sizes[i],)
    for name in sorted(expected.keys() | tensors.keys()):
        got = tensors[name].shape if name in tensors else "nothing"
        if got != expected.get(name):
            raise CheckpointError(
                f"{path}: does not fit its config: expected {name} of shape "
                f"{expected.get(name, 'nothing')}, got {got}"
            )
        if tensors[name].dtype != np.float32 or not np.isfinite(tensors[name]).all():
            raise CheckpointError(f"{path}: expected {name} as finite float32")
    params, *memory = (
        tuple(
            Layer(tensors[f"W{i}{suffix}"], tensors[f"b{i}{suffix}"]) for i in range(1, len(sizes))
        )
        for suffix in suffixes
    )
    return Checkpoint(facts, params, tuple(memory))


def write(path: Path, data: bytes) -> None:
    """Put a file in place at once: temporary name, fsync, rename, fsync of the folder."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync(path.parent)
    except OSError as err:
        with suppress(OSError):  # a disk that refuses writing may refuse this too
            temporary.unlink()
        raise CheckpointError(f"{path}: cannot write: {err.strerror}") from err


def sync(folder: Path) -> None:
    """Flush to the disk which files a folder has."""
    if os.name == "nt":  # Windows has no handle for a folder
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
