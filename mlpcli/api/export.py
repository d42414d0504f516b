"""A run's network for other programs: an ONNX graph, or its weights as safetensors or npz."""

import io
import json
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save as to_safetensors

from mlpcli import atomic
from mlpcli.api import onnx_graph
from mlpcli.config.schema import Config
from mlpcli.data import dataset
from mlpcli.data.dataset import SIDE, Split
from mlpcli.errors import CheckFailed, CheckpointError, ConfigError, DataError
from mlpcli.nn.activation import ACTIVATIONS
from mlpcli.runs.checkpoint import Checkpoint
from mlpcli.runs.folder import RunFolder
from mlpcli.training.loader import load_split
from mlpcli.training.scoring import probabilities

Form = Literal["onnx", "safetensors", "npz"]
IMAGES = 1000  # on which a graph is held to our probabilities
TOLERANCE = 1e-5
NORMALISATION = "x = pixels / 255, of 32x32 pixels row after row, 0 is black; h = f(h @ W + b)"


class RuntimeCheck(NamedTuple):
    """An ONNX graph run in onnxruntime."""

    opset: int
    images: int
    data: str  # where they are from
    difference: float  # the largest between its probabilities and ours


class Exported(NamedTuple):
    """What was written."""

    run: str  # the run's folder
    weights: str  # best or last
    file: str
    format: Form
    bytes: int
    trial: RuntimeCheck | None  # of ONNX alone


def export(
    folder: Path, file: Path | None = None, *, form: Form, weights: str = "best"
) -> Exported:
    """Write a run's network in one piece; without a file's name, into RUN.FORMAT.

    Raises CheckFailed, with nothing written, where an ONNX graph does not give our probabilities,
    ConfigError without its libraries or with another format's ending, and CheckpointError.
    """
    file = file or Path(f"{folder.resolve().name}.{form}")
    ending = file.suffix.removeprefix(".").lower()
    if ending != form and ending in get_args(Form):
        raise ConfigError(f"{file}: ends like another format than {form}; add --format {ending}")
    run = RunFolder(folder)
    checkpoint = run.load_weights(weights)
    if run.owns(file):
        raise CheckpointError(f"{file}: is a file of the run itself; choose another --out")
    trial = None
    if form == "onnx":
        content = onnx_graph.build(
            checkpoint.params, checkpoint.metadata.config.network.activation, _usage(checkpoint)
        )
        trial = _tried(content, checkpoint)
    else:
        content = _safetensors(checkpoint) if form == "safetensors" else _npz(checkpoint)
    atomic.write(file, content)
    return Exported(str(folder), weights, str(file), form, len(content), trial)


def _tried(content: bytes, checkpoint: Checkpoint) -> RuntimeCheck:
    """The graph beside our own forward pass; raises CheckFailed where they differ."""
    activation = checkpoint.metadata.config.network.activation
    split = _images(checkpoint.metadata.config)
    images = split.images[:IMAGES]
    squares = np.zeros((len(images), SIDE, SIDE), np.uint8)
    dataset.middle(squares, images.shape[1:])[:] = images
    theirs = onnx_graph.run(content, squares)
    ours = probabilities(checkpoint.params, images, activation=ACTIVATIONS[activation])
    difference = float(np.abs(theirs - ours).max())
    if not difference <= TOLERANCE:
        raise CheckFailed(
            f"--format onnx: onnxruntime must give our probabilities to {TOLERANCE:g}, got a "
            f"difference of {difference:.3g} on {len(images):,} images of {split.name}"
        )
    return RuntimeCheck(onnx_graph.opset(activation), len(images), split.name, difference)


def _images(config: Config) -> Split:
    """Images that the run was not trained on, if at hand; drawn ones if nothing is."""
    for split in ("test", "train"):
        with suppress(DataError):
            return load_split(config, split, offline=True)
    return dataset.load("synth", "train", images=IMAGES)


def _usage(checkpoint: Checkpoint) -> dict[str, str]:
    """What using the weights needs, for the metadata of a file."""
    return {
        "activation": checkpoint.metadata.config.network.activation,
        "classes": json.dumps(checkpoint.metadata.classes, ensure_ascii=False),
        "data": checkpoint.metadata.config.data.name,
        "normalisation": NORMALISATION,
    }


def _tensors(checkpoint: Checkpoint) -> dict[str, NDArray[Any]]:
    layers = enumerate(checkpoint.params, 1)
    return {f"{name}{i}": array for i, layer in layers for name, array in layer._asdict().items()}


def _safetensors(checkpoint: Checkpoint) -> bytes:
    """The metadata comes in another order each time, so it is sorted for equal files."""
    content = to_safetensors(_tensors(checkpoint), _usage(checkpoint))
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[start:]


def _npz(checkpoint: Checkpoint) -> bytes:
    facts: dict[str, Any] = {**_usage(checkpoint), "classes": list(checkpoint.metadata.classes)}
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **_tensors(checkpoint), **facts)
    return file.getvalue()
