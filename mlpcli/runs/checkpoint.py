"""Weights on disk: safetensors named W1, b1, ... as in the workbook, with what using them needs.

Training resumes from the optimizer's state, kept beside them as `W1.velocity` and so on, and with
`network.batch_norm` from running statistics, `mean1`, `variance1` and so on. Nothing that can run
code is ever loaded.
"""

import hashlib
import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

import numpy as np
from pydantic import ConfigDict, Field, ValidationError, model_validator
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from mlpcli import atomic, files
from mlpcli.config.schema import Config
from mlpcli.config.section import Frozen
from mlpcli.data.outliers import Traits
from mlpcli.data.placement import Placement
from mlpcli.errors import CheckpointError
from mlpcli.nn.batch_statistics import Statistics
from mlpcli.nn.mlp import Layer, Params
from mlpcli.nn.temperature import scaled
from mlpcli.training.build import layer_sizes, state_names
from mlpcli.training.progress import Progress

TENSOR_TYPES = ("F16", "F32", "F64")  # as safetensors names them

Tensors = dict[str, np.ndarray[Any, Any]]


class Metadata(Frozen):
    """What a checkpoint records of its training."""

    model_config = ConfigDict(populate_by_name=True)

    schema_: Literal[1] = Field(default=1, alias="schema")
    config: Config
    classes: tuple[str, ...]  # names, in the order of the outputs
    data: dict[str, str]  # checksum of each file of the training images
    light_share: Annotated[float, Field(alias="light")] = 0.0  # as in TrainingData
    white: float = 255  # as in Split
    inverted: bool = False  # whether the training images were dark on light
    placement: Placement | None = None  # as in TrainingData
    traits: Traits | None = None
    progress: Progress
    updates: int = Field(ge=0)  # steps done in all
    temperature: float | None = Field(default=None, gt=0)  # that fits the weights; None without one
    # (steps done in all, `train.epochs` from then on), a pair whenever the number changed
    epoch_limits: Annotated[tuple[tuple[int, int], ...], Field(min_length=1, alias="lengths")]

    @model_validator(mode="after")
    def _possible(self) -> Self:
        done = self.progress
        if min(done.epoch, done.step) < 0 or not bool(done.epoch) <= done.best_epoch <= done.epoch:
            raise ValueError(f"no training has come to {done}")
        return self


class Checkpoint(NamedTuple):
    """A network and its training; without optimizer state, the training cannot resume from it."""

    metadata: Metadata
    params: Params
    optimizer_state: tuple[Params, ...] = ()  # the vectors that `build.state_names` names
    statistics: tuple[Statistics, ...] = ()  # with network.batch_norm, of each hidden layer

    def for_use(self) -> "Checkpoint":
        """The same with its last W and b divided by the temperature, if there is one.

        No training resumes from it, and it is not saved.
        """
        temperature = self.metadata.temperature
        return (
            self if temperature is None else self._replace(params=scaled(self.params, temperature))
        )


def save(path: Path, checkpoint: Checkpoint, *, dir_fd: int | None = None) -> None:
    """Write a checkpoint in one piece, as `atomic.write` does; raises OutputError."""
    metadata, params, optimizer_state, statistics = checkpoint
    arrays = tensors(params) | tensors(statistics)
    for name, vector in zip(state_names(metadata.config), optimizer_state, strict=False):
        arrays |= tensors(vector, f".{name}")
    text = metadata.model_dump_json(by_alias=True)
    # one entry: safetensors writes several in an order that differs from process to process
    content = to_bytes(arrays, {"mlpcli": f"{_checksum(text, arrays)} {text}"})
    atomic.write(path, content, dir_fd=dir_fd)


def tensors(records: Params | tuple[Statistics, ...], suffix: str = "") -> Tensors:
    """The arrays by their names in a file: W1, b1, W2, ..., each with a suffix."""
    named: Iterable[Layer | Statistics] = records
    pairs = [(i, record._asdict()) for i, record in enumerate(named, 1)]
    return {f"{name}{i}{suffix}": a for i, arrays in pairs for name, a in arrays.items()}


def read_tensors(path: Path) -> tuple[dict[str, str], Tensors]:
    """The metadata and the arrays of a safetensors file.

    Raises TypeError for arrays of other types than TENSOR_TYPES, such as BF16, which NumPy lacks,
    ValueError for a damaged file, and OSError as it is.
    """
    files.open_regular(path).close()  # safetensors would wait for a named pipe
    try:
        with safe_open(path, framework="np") as file:
            names = list(file.keys())
            for name in names:
                if (kind := file.get_slice(name).get_dtype()) not in TENSOR_TYPES:
                    expected = ", ".join(TENSOR_TYPES)
                    raise TypeError(f"{name!r} must be one of {expected}, got {kind}")
            return file.metadata() or {}, {name: file.get_tensor(name) for name in names}
    except SafetensorError as err:
        raise ValueError(str(err)) from err


def load(path: Path) -> Checkpoint:
    """Read a checkpoint; raises CheckpointError when it is none, or does not fit its config."""
    try:
        metadata_, arrays = read_tensors(path)
    except (OSError, TypeError, ValueError) as err:
        raise CheckpointError(f"{path}: not a readable checkpoint: {err}") from err
    entry = metadata_.get("mlpcli", "")
    if not entry:
        raise CheckpointError(f"{path}: is not a checkpoint of mlp; `mlp train` makes them")
    checksum, _, text = entry.partition(" ")
    if checksum != _checksum(text, arrays):
        raise CheckpointError(f"{path}: is damaged: its checksum is wrong; train again")
    try:
        metadata = Metadata.model_validate_json(text)
    except ValidationError as err:
        first = err.errors()[0]
        reason = f"{'.'.join(map(str, first['loc'])) or 'metadata'}: {first['msg']}"
        raise CheckpointError(f"{path}: its metadata is damaged: {reason}") from err
    return _matching(path, arrays, metadata)


def digest(params: Params) -> str:
    """SHA-256 of the weights' bytes, in the order W1, b1, W2, ..."""
    sha = hashlib.sha256()
    for array in itertools.chain.from_iterable(params):
        sha.update(np.ascontiguousarray(array).data)
    return sha.hexdigest()


def _checksum(text: str, arrays: Tensors) -> str:
    """SHA-256 over the metadata, then over the arrays in the order of their names."""
    sha = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        sha.update(arrays[name].tobytes())
    return sha.hexdigest()


def _matching(path: Path, arrays: Tensors, metadata: Metadata) -> Checkpoint:
    """The checkpoint, when it holds the arrays that its config asks for and no other."""
    sizes = layer_sizes(metadata.config, classes=len(metadata.classes))
    vectors = [f".{name}" for name in state_names(metadata.config)]
    vectors_kept = any("." in name for name in arrays)
    suffixes = ["", *vectors] if vectors_kept else [""]
    expected: dict[str, tuple[int, ...]] = {}
    for i, (m, n) in enumerate(itertools.pairwise(sizes), 1):
        for suffix in suffixes:
            expected |= {f"W{i}{suffix}": (m, n), f"b{i}{suffix}": (n,)}
    normalized = sizes[1:-1] if vectors_kept and metadata.config.network.batch_norm else ()
    for i, n in enumerate(normalized, 1):
        expected |= {f"mean{i}": (n,), f"variance{i}": (n,)}
    for name in sorted(expected.keys() | arrays.keys()):
        got = arrays[name].shape if name in arrays else "nothing"
        if got != expected.get(name):
            raise CheckpointError(
                f"{path}: does not fit its config: expected {name} of shape "
                f"{expected.get(name, 'nothing')}, got {got}"
            )
        if arrays[name].dtype != np.float32 or not np.isfinite(arrays[name]).all():
            raise CheckpointError(f"{path}: expected {name} as finite float32")
    numbers = range(1, len(sizes))
    params, *optimizer_state = (
        tuple(Layer(arrays[f"W{i}{suffix}"], arrays[f"b{i}{suffix}"]) for i in numbers)
        for suffix in suffixes
    )
    statistics = tuple(
        Statistics(arrays[f"mean{i}"], arrays[f"variance{i}"]) for i, _ in enumerate(normalized, 1)
    )
    return Checkpoint(metadata, params, tuple(optimizer_state), statistics)
