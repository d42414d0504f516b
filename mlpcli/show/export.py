"""The output of `mlp export`: the file, and how well an ONNX graph agrees."""

from mlpcli.api.export import Exported
from mlpcli.show import selection
from mlpcli.show.format import counted, json_object


def as_json(result: Exported) -> str:
    """The same as one JSON object."""
    values = result._asdict() | {"selection": selection.as_json(result.selection)}
    return json_object(values)


def as_text(result: Exported) -> str:
    """The file, the network, and how the graph did in onnxruntime."""
    text = (
        f"file: {result.file} ({result.bytes:,} bytes)\n"
        f"network: {result.run} ({result.weights} weights)"
    )
    if check := result.trial:
        text += (
            f"\nopset: {check.opset}\nlargest difference in onnxruntime: {check.difference:.2g}, "
            f"of the probabilities of {counted(check.images, 'image')} of {check.data}"
        )
    return text
