"""Which tensors of a file became which layers of a run."""

from typing import Any

from mlpcli.api.import_weights import Imported
from mlpcli.data.preprocessing import INPUTS
from mlpcli.nn.mlp import layer_sizes, parameter_count
from mlpcli.show.format import json_object, pick

TRANSPOSED = "(outputs, inputs) in the file, as in PyTorch; transposed"
AS_HERE = "(inputs, outputs) in the file, as here"
CENTERED = ", 28x28 pixels, centered in 32x32"


def as_text(result: Imported) -> str:
    """A line for each layer, with its name and shape in the file."""
    values = _values(result)
    layers = [
        f"{one['name']} {tuple(one['shape'])}: {one['from']} {tuple(one['shape_in_file'])}"
        for one in values["layers"]
    ]
    return "\n".join(
        [
            f"run: {result.run}",
            f"weights: {TRANSPOSED if result.transposed else AS_HERE}",
            f"inputs: {values['inputs']}{CENTERED if values['inputs'] < INPUTS else ''}",
            *layers,
            f"activation: {values['activation']}",
            f"parameters: {values['parameters']:,}",
        ]
    )


def as_json(result: Imported) -> str:
    """The same as one JSON object."""
    return json_object(_values(result))


def _values(result: Imported) -> dict[str, Any]:
    layers = [
        {"name": f"W{i}", "shape": W.shape, "from": layer.name, "shape_in_file": layer.shape}
        for i, (layer, (W, _)) in enumerate(zip(result.layers, result.params, strict=True), 1)
    ]
    return {
        **pick(result, "run", "file", "transposed"),
        "inputs": len(result.layers[0].layer.W),
        "layers": layers,
        "activation": result.config.network.activation,
        "parameters": parameter_count(layer_sizes(result.params)),
    }
