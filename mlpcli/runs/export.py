"""A run's network for other programs: an ONNX graph, or its weights as safetensors or npz."""

import io
import json
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save as to_safetensors

from mlpcli.data import dataset
from mlpcli.data.dataset import SIDE, Split
from mlpcli.errors import CheckFailed, CheckpointError, ConfigError, DataError
from mlpcli.lock import LOCK
from mlpcli.nn.activation import ACTIVATIONS
from mlpcli.runs import checkpoint, graph, record
from mlpcli.runs.checkpoint import Checkpoint, write
from mlpcli.runs.scores import probabilities
from mlpcli.runs.settings import Config
from mlpcli.runs.train import load

Form = Literal["onnx", "safetensors", "npz"]
IMAGES = 1000  # on which a graph is held to our probabilities
TOLERANCE = 1e-5
NORMALISATION = "x = pixels / 255, of 32x32 pixels row after row, 0 is black; h = f(h @ W + b)"


class Trial(NamedTuple):
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
    trial: Trial | None  # of ONNX alone


def export(folder: Path, file: Path, *, form: Form, weights: str = "best") -> Exported:
    """Write a run's network in one piece.

    Raises CheckFailed, with nothing written, where an ONNX graph does not give our probabilities,
    ConfigError without its libraries or with another format's ending, and CheckpointError.
    """
    ending = file.suffix.removeprefix(".").lower()
    if ending != form and ending in get_args(Form):
        raise ConfigError(f"{file}: ends like another format than {form}; add --format {ending}")
    kept = checkpoint.of_run(folder, weights)
    ours = (*record.OURS, record.REPORT, LOCK)
    if file.resolve() in [(folder / name).resolve() for name in ours]:
        raise CheckpointError(f"{file}: is a file of the run itself; choose another --out")
    trial = None
    if form == "onnx":
        content = graph.build(kept.params, kept.facts.config.network.activation, _facts(kept))
        trial = _tried(content, kept)
    else:
        content = _safetensors(kept) if form == "safetensors" else _npz(kept)
    write(file, content)
    return Exported(str(folder), weights, str(file), form, len(content), trial)


def _tried(content: bytes, kept: Checkpoint) -> Trial:
    """The graph beside our own forward pass; raises CheckFailed where they differ."""
    activation = kept.facts.config.network.activation
    split = _images(kept.facts.config)
    images = split.images[:IMAGES]
    squares = np.zeros((len(images), SIDE, SIDE), np.uint8)
    dataset.middle(squares, images.shape[1:])[:] = images
    theirs = graph.run(content, squares)
    ours = probabilities(kept.params, images, activation=ACTIVATIONS[activation])
    difference = float(np.abs(theirs - ours).max())
    if not difference <= TOLERANCE:
        raise CheckFailed(
            f"--format onnx: onnxruntime must give our probabilities to {TOLERANCE:g}, got a "
            f"difference of {difference:.3g} on {len(images):,} images of {split.name}"
        )
    return Trial(graph.opset(activation), len(images), split.name, difference)


def _images(config: Config) -> Split:
    """Images that the run was not trained on, if at hand; drawn ones if nothing is."""
    for split in ("test", "train"):
        with suppress(DataError):
            return load(config, split, offline=True)
    return dataset.load("synth", "train", images=IMAGES)


def _facts(kept: Checkpoint) -> dict[str, str]:
    """What using the weights needs, for the metadata of a file."""
    return {
        "activation": kept.facts.config.network.activation,
        "classes": json.dumps(kept.facts.classes, ensure_ascii=False),
        "data": kept.facts.config.data.name,
        "normalisation": NORMALISATION,
    }


def _tensors(kept: Checkpoint) -> dict[str, NDArray[Any]]:
    layers = enumerate(kept.params, 1)
    return {f"{name}{i}": array for i, layer in layers for name, array in layer._asdict().items()}


def _safetensors(kept: Checkpoint) -> bytes:
    """The metadata comes in another order each time, so it is sorted for equal files."""
    content = to_safetensors(_tensors(kept), _facts(kept))
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[start:]


def _npz(kept: Checkpoint) -> bytes:
    facts: dict[str, Any] = {**_facts(kept), "classes": list(kept.facts.classes)}
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **_tensors(kept), **facts)
    return file.getvalue()
