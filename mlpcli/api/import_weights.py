"""Another program's network as a run, which can be evaluated, used and exported as if trained here.

Its first layer is adapted to the inputs here: 32x32 pixels in [0, 1].
"""

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mlpcli import files
from mlpcli.api import state_dict
from mlpcli.api.state_dict import SIDES, FileLayer
from mlpcli.config.load import load_config
from mlpcli.config.schema import Config
from mlpcli.data import preprocessing
from mlpcli.data.dataset import Split
from mlpcli.data.preprocessing import INPUTS
from mlpcli.errors import CheckpointError, ConfigError, DataError
from mlpcli.nn.mlp import Layer, Params
from mlpcli.runs.checkpoint import Checkpoint, Metadata
from mlpcli.runs.folder import RunFolder
from mlpcli.runs.record import new_record
from mlpcli.training.loader import TrainingData, class_names, load_split, prepare
from mlpcli.training.progress import Progress

MAX_FILE_SIZE = 16 << 30  # bytes


class Imported(NamedTuple):
    """What a file became."""

    run: str  # the run's folder
    file: str
    layers: list[FileLayer]  # in order
    transposed: bool  # the file has W as (outputs, inputs)
    config: Config
    params: Params


def import_weights(
    file: Path,
    folder: Path,
    source: str | None = None,
    overrides: Sequence[str] = (),
    *,
    mean: float = 0.0,
    std: float = 1.0,
    overwrite: bool = False,
    offline: bool = False,
) -> Imported:
    """Make a run in folder of the weights in a safetensors file.

    source, overrides: the settings as `load_config` takes them: the data, whose classes are the
    outputs, and the activation. The widths of the layers are the file's. Data that the settings
    name is measured if it is there, so that images are prepared as it lies.
    mean, std: the network was trained on (pixels / 255 - mean) / std.
    Raises MlpError, with nothing written, where file, data and settings do not fit.
    """
    run = RunFolder(folder)
    run.claim(overwrite=overwrite)
    checksum = _checksum(file)
    layers, transposed = state_dict.read_layers(file)
    if _checksum(file) != checksum:
        raise CheckpointError(f"{file}: changed while it was read; import it again")
    hidden = [len(each.layer.b) for each in layers[:-1]]
    config = load_config(source, [*overrides, f"network.hidden={hidden}"])
    classes = class_names(config, offline=offline)
    named = source is not None or any(each.startswith("data.name=") for each in overrides)
    data = _training_data(config) if named else None
    outputs = len(layers[-1].layer.b)
    if outputs != len(classes):
        raise CheckpointError(
            f"{file}: has {outputs} output{'s' * (outputs > 1)}, but {config.data.name} has "
            f"{len(classes)} classes; name its data by --config or --set data.name=..."
        )
    params = adapted([each.layer for each in layers], mean=mean, std=std)
    if not all(np.isfinite(array).all() for layer in params for array in layer):
        raise CheckpointError(f"{file}: holds values beyond float32, given --mean and --std")
    origin = {"file": str(file), "sha256": checksum}
    run.make()
    with run.lock() as held:
        held.claim(overwrite=overwrite)  # again, now that no other can write here
        _write(held, origin, config, classes, params, data)
    return Imported(str(folder), str(file), layers, transposed, config, params)


def adapted(layers: list[Layer], *, mean: float, std: float) -> Params:
    """The layers in float32, with the first one for 1024 inputs in [0, 1].

    ((x - mean) / std) @ W + b = x @ (W / std) + b - mean / std * sum of W's rows. Inputs of 28x28
    go to the middle of 32x32; the others get weights of 0.
    """
    (W, b), *others = layers
    first = np.zeros((INPUTS, W.shape[1]))
    side = SIDES[len(W)]
    first[preprocessing.input_indices((side, side))] = W / std
    changed = [Layer(first, b - mean / std * W.sum(axis=0)), *others]
    with np.errstate(over="ignore"):  # what becomes infinite is refused by the caller
        return tuple(  # in C order, since safetensors writes the memory unchanged
            Layer(W.astype(np.float32, order="C"), b.astype(np.float32)) for W, b in changed
        )


def _training_data(config: Config) -> TrainingData | None:
    """The images that the settings name, measured; None where they are not in the cache."""
    with suppress(DataError, ConfigError):
        return prepare(config, load_split(config, "train", offline=True))
    return None


def _checksum(path: Path) -> str:
    """SHA-256 of a file; raises CheckpointError."""
    try:
        with files.open_regular(path) as file:
            if os.fstat(file.fileno()).st_size > MAX_FILE_SIZE:
                raise CheckpointError(f"{path}: has more than {MAX_FILE_SIZE:,} bytes")
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as err:
        raise CheckpointError(f"{path}: no such file") from err
    except OSError as err:
        raise CheckpointError(f"{path}: not readable: {err.strerror}") from err


def _write(
    run: RunFolder,
    origin: dict[str, str],
    config: Config,
    classes: tuple[str, ...],
    params: Params,
    data: TrainingData | None,
) -> None:
    limits = ((0, config.train.epochs),)
    metadata = Metadata(
        config=config, classes=classes, data={}, progress=Progress(), updates=0, epoch_limits=limits
    )
    if data:  # so that images are prepared as these
        metadata = metadata.replace(
            light_share=data.light_share,
            white=data.split.white,
            inverted=data.split.light,
            placement=data.placement,
            traits=data.traits,
        )
    none = np.empty(0, np.intp)
    no_images = Split(config.data.name, np.empty((0, 0, 0), np.uint8), none, classes, {})
    record = new_record(config, TrainingData(no_images, none, none, none, 0.0), threads=1)
    decided_by = "imported, so what chose the weights is unknown"
    record = record.replace(status="imported", decided_by=decided_by, imported=origin)
    run.create(config, record, Checkpoint(metadata, params))
