"""Another program's network as a run, which can be evaluated, used and exported as if trained here.

Its first layer is changed so that it does the same with our inputs: 32x32 pixels in [0, 1].
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mlpcli.data import dataset, synth
from mlpcli.data.dataset import INPUTS, Split
from mlpcli.data.registry import DATASETS
from mlpcli.errors import CheckpointError
from mlpcli.nn.mlp import Layer, Params
from mlpcli.runs import checkpoint, record, state_dict
from mlpcli.runs import config as configs
from mlpcli.runs.checkpoint import Checkpoint, Facts
from mlpcli.runs.fit import Progress
from mlpcli.runs.lock import held
from mlpcli.runs.settings import Config
from mlpcli.runs.state_dict import SIDES, Found
from mlpcli.runs.train import load


class Transplant(NamedTuple):
    """What became of a file."""

    run: str  # the run's folder
    file: str
    found: list[Found]  # its layers, the first one first
    transposed: bool  # the file has W as (outputs, inputs)
    config: Config
    params: Params


def transplant(
    file: Path,
    folder: Path,
    source: str | None = None,
    overrides: Sequence[str] = (),
    *,
    mean: float = 0.0,
    std: float = 1.0,
    overwrite: bool = False,
    offline: bool = False,
) -> Transplant:
    """Make a run in folder of the weights in a safetensors file.

    source, overrides: the settings as `config.load` takes them: the data, whose classes are the
    outputs, and the activation. The widths of the layers are the file's.
    mean, std: the network was trained on (pixels / 255 - mean) / std.
    Raises MlpError, with nothing written, where file, data and settings do not fit.
    """
    record.claim(folder, overwrite=overwrite)
    found, transposed = state_dict.layers(file)
    hidden = [len(each.layer.b) for each in found[:-1]]
    config = configs.load(source, [*overrides, f"network.hidden={hidden}"])
    classes = _classes(config, offline=offline)
    outputs = len(found[-1].layer.b)
    if outputs != len(classes):
        raise CheckpointError(
            f"{file}: has {outputs} outputs, but {config.data.name} has {len(classes)} classes; "
            "name its data by --config or --set data.name=..."
        )
    params = adapted([each.layer for each in found], mean=mean, std=std)
    if not all(np.isfinite(array).all() for layer in params for array in layer):
        raise CheckpointError(f"{file}: holds values beyond float32, given --mean and --std")
    origin = {"file": str(file), "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    record.make(folder)
    with held(folder):
        record.claim(folder, overwrite=overwrite)  # again, now that no other can write here
        _write(folder, origin, config, classes, params)
    return Transplant(str(folder), str(file), found, transposed, config, params)


def adapted(layers: list[Layer], *, mean: float, std: float) -> Params:
    """The layers in float32, with the first one for 1024 inputs in [0, 1].

    ((x - mean) / std) @ W + b = x @ (W / std) + b - mean / std * sum of W's rows. Inputs of 28x28
    go to the middle of 32x32; the others get weights of 0.
    """
    (W, b), *others = layers
    first = np.zeros((INPUTS, W.shape[1]))
    side = SIDES[len(W)]
    first[dataset.places((side, side))] = W / std
    changed = [Layer(first, b - mean / std * W.sum(axis=0)), *others]
    with np.errstate(over="ignore"):  # what becomes infinite is refused by the caller
        return tuple(  # row after row, since safetensors writes memory as it lies
            Layer(W.astype(np.float32, order="C"), b.astype(np.float32)) for W, b in changed
        )


def _classes(config: Config, *, offline: bool) -> tuple[str, ...]:
    """Names of the classes; only a user's own data is read for them."""
    name = config.data.name
    if name == "synth":
        return synth.CLASSES
    if name in DATASETS:
        return DATASETS[name].classes
    return load(config, "train", offline=offline).classes


def _write(
    folder: Path, origin: dict[str, str], config: Config, classes: tuple[str, ...], params: Params
) -> None:
    record.create(folder, config)
    facts = Facts(
        config=config,
        classes=classes,
        data={},
        progress=Progress(),
        updates=0,
        lengths=((0, config.train.epochs),),
    )
    for name in (record.BEST, record.LAST):
        checkpoint.save(folder / name, Checkpoint(facts, params))
    nothing = Split(
        config.data.name, np.empty((0, 0, 0), np.uint8), np.empty(0, np.int64), classes, {}
    )
    told = record.begin(config, nothing, training=0, validation=0, threads=1)
    record.save(
        folder,
        told
        | {
            "status": "imported",
            "decided_by": "imported, so what chose the weights is unknown",
            "imported": origin,
        },
    )
