"""A run's network for other programs: an ONNX graph, or its weights as safetensors or npz."""

import io
import json
import zipfile
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple, get_args

import numpy as np
from safetensors.numpy import save as to_safetensors

from mlpcli import files
from mlpcli.api import onnx_graph
from mlpcli.config.schema import Config
from mlpcli.data import dataset, preprocessing
from mlpcli.data.dataset import Split
from mlpcli.data.preprocessing import SIDE
from mlpcli.errors import CheckFailed, CheckpointError, ConfigError, DataError
from mlpcli.nn.mlp import Params
from mlpcli.runs.checkpoint import Metadata, Tensors, tensors
from mlpcli.runs.folder import RunFolder
from mlpcli.runs.ownership import HEAD_SIZE
from mlpcli.runs.selection import Selection, Weights, load
from mlpcli.training import build
from mlpcli.training.loader import load_split
from mlpcli.training.scoring import probabilities

Form = Literal["onnx", "safetensors", "npz"]
IMAGE_COUNT = 1000  # on which a graph must give the same probabilities
TOLERANCE = 1e-5
NORMALISATION = "x = pixels / 255, of 32x32 pixels row after row, 0 is black; h = f(h @ W + b)"


class RuntimeCheck(NamedTuple):
    """An ONNX graph run in onnxruntime."""

    opset: int
    images: int
    data: str  # name of their data set
    difference: float  # the largest between both probabilities


class Exported(NamedTuple):
    """What was written."""

    run: str  # the run's folder
    weights: str  # best or last
    file: str
    format: Form
    bytes: int
    trial: RuntimeCheck | None  # of ONNX alone
    selection: Selection


def export(
    run: Path,
    file: Path | None = None,
    *,
    form: Form,
    weights: Weights = "auto",
    overwrite: bool = False,
) -> Exported:
    """Write a run's network in one piece; without a file's name, into RUN.FORMAT.

    overwrite: replace a file that is no such export. Raises CheckFailed, with nothing written,
    where an ONNX graph gives other probabilities, ConfigError without its libraries or with another
    format's ending, OutputError where the file cannot be written, and CheckpointError.
    """
    file = file or Path(f"{run.resolve().name}.{form}")
    ending = file.suffix.removeprefix(".").lower()
    if ending != form and ending in get_args(Form):
        raise ConfigError(
            f"{file}: has the ending of another format than {form}; add --format {ending}"
        )
    selection, (metadata, params, *_) = load(RunFolder(run), weights)
    if RunFolder(run).needs(file):
        raise CheckpointError(f"{file}: is a file of the run itself; choose another --out")
    files.claim(file, partial(_is_export, form=form), overwrite=overwrite)
    trial, usage = None, _usage(metadata)
    if form == "onnx":
        content = onnx_graph.build(
            params, usage["activation"], usage, white=metadata.white, inverted=metadata.inverted
        )
        trial = _checked(content, metadata, params)
    elif form == "safetensors":
        content = _safetensors(tensors(params), usage)
    else:
        content = _npz(tensors(params), usage | {"classes": list(metadata.classes)})
    files.write(file, content)
    return Exported(
        run=str(run),
        weights=selection.weights,
        file=str(file),
        format=form,
        bytes=len(content),
        trial=trial,
        selection=selection,
    )


def _is_export(file: BinaryIO, *, form: Form) -> bool:
    """Whether a file is an export in a format."""
    head = file.read(HEAD_SIZE)
    if form == "onnx":
        return b"\x12\x06mlpcli" in head[:64]  # the name of the producer
    if form == "safetensors":
        return head[8:].startswith(b'{"__metadata__":') and NORMALISATION.encode() in head
    try:
        with zipfile.ZipFile(file) as archive:
            return {"W1.npy", "b1.npy", "normalisation.npy"} <= {*archive.namelist()}
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return False


def _checked(content: bytes, metadata: Metadata, params: Params) -> RuntimeCheck:
    """The graph against the forward pass here; raises CheckFailed if they differ."""
    config = metadata.config
    split = _images(config)
    images = split.images[:IMAGE_COUNT]
    squares = np.zeros((len(images), SIDE, SIDE), np.uint8)
    preprocessing.center_view(squares, images.shape[1:])[:] = images
    expected = probabilities(params, images, activation=build.activation(config))
    pixels = onnx_graph.pixels(squares, white=metadata.white, inverted=metadata.inverted)
    difference = float(np.abs(onnx_graph.run(content, pixels) - expected).max())
    if not difference <= TOLERANCE:
        raise CheckFailed(
            f"--format onnx: onnxruntime must give the same probabilities to {TOLERANCE:g}, got a "
            f"difference of {difference:.3g} on {len(images):,} images of {split.name}"
        )
    opset = onnx_graph.opset(config.network.activation)
    return RuntimeCheck(opset, len(images), split.name, difference)


def _images(config: Config) -> Split:
    """Test images if they are in the cache, else training images, else drawn ones."""
    for split in ("test", "train"):
        with suppress(DataError):
            return load_split(config, split, offline=True)
    return dataset.load("synth", "train", drawn=IMAGE_COUNT)


def _usage(metadata: Metadata) -> dict[str, str]:
    """What a program needs to use the weights, for the metadata of a file."""
    return {
        "activation": metadata.config.network.activation,
        "classes": json.dumps(metadata.classes, ensure_ascii=False),
        "data": metadata.config.data.name,
        "normalisation": NORMALISATION,
        "white": f"{metadata.white:g}",
        "inverted": str(metadata.inverted).lower(),
        "temperature": f"{metadata.temperature or 1:.9g}",
    }


def _safetensors(arrays: Tensors, usage: dict[str, str]) -> bytes:
    """The metadata comes in another order each time, so it is sorted for equal files."""
    content = to_safetensors(arrays, usage)
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[start:]


def _npz(arrays: Tensors, usage: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays, **usage)
    return file.getvalue()
