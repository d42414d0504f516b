"""What a configured network costs: parameters, operations and memory, layer by layer."""

import itertools
from pathlib import Path
from typing import NamedTuple

from mlpcli.config.keys import Overrides
from mlpcli.config.load import load_config
from mlpcli.config.schema import Config
from mlpcli.runs.folder import RunFolder
from mlpcli.training import build
from mlpcli.training.loader import class_names

FLOAT_SIZE = 4  # bytes, in training


class Row(NamedTuple):
    """One layer: z = h @ W + b, and what follows z."""

    layer: int  # from 1
    W: tuple[int, int]  # shape: inputs, outputs
    activation: str  # of z; softmax in the last layer
    parameters: int  # weights and biases
    forward: int  # floating-point operations for an image; a multiply-add counts as two
    backward: int  # the same, for its gradients


class Summary(NamedTuple):
    """A network and its training; bytes count the arrays, not the program."""

    rows: list[Row]
    batch_size: int
    weights: int  # bytes of the parameters
    training: int  # bytes of parameters, gradient, what the update rule remembers, and a mean
    batch: int  # bytes of the images, every z, h and their gradients, for one batch


def summarize(config: Config, *, classes: int | None = None) -> Summary:
    """The costs of the configured network; classes: as the data has them, unless they are given.

    The first layer's images need no gradient, so its backward pass has one product, not two.
    """
    classes = classes or len(class_names(config, offline=True))
    widths = build.layer_sizes(config, classes=classes)
    rows = []
    for layer, (fan_in, fan_out) in enumerate(itertools.pairwise(widths), 1):
        last = layer == len(widths) - 1
        product = 2 * fan_in * fan_out
        rows.append(
            Row(
                layer=layer,
                W=(fan_in, fan_out),
                activation="softmax" if last else config.network.activation,
                parameters=(fan_in + 1) * fan_out,
                forward=product + fan_out,
                backward=product * (1 if layer == 1 else 2) + fan_out,
            )
        )
    count = sum(row.parameters for row in rows)
    vectors = 2 + len(build.state_names(config))  # parameters, gradient, optimizer state
    size = config.train.batch_size
    in_place = config.network.activation == "relu" and not config.network.batch_norm
    kept = 2 if in_place else 3  # grad_z, z and, unless in place, h
    return Summary(
        rows=rows,
        batch_size=size,
        weights=FLOAT_SIZE * count,
        training=FLOAT_SIZE * count * vectors,
        batch=FLOAT_SIZE * size * (widths[0] + kept * sum(widths[1:])),
    )


def summarize_config(config: str | None, changes: Overrides = ()) -> Summary:
    """The costs of the network that a config and its changes describe; raises ConfigError."""
    return summarize(load_config(config, changes))


def summarize_run(folder: Path) -> Summary:
    """The costs of a run's network; raises CheckpointError."""
    metadata = RunFolder(folder).load_weights("last").metadata
    return summarize(metadata.config, classes=len(metadata.classes))
