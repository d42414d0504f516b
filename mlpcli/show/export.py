"""What `mlp export` wrote, and how an ONNX graph compares."""

from mlpcli.api.export import Exported
from mlpcli.show.format import json_object


def as_text(result: Exported) -> str:
    """The file, the network, and how the graph did in onnxruntime."""
    check = result.trial
    lines = [
        f"file: {result.file} ({result.bytes:,} bytes)",
        f"network: {result.run} ({result.weights} weights)",
    ]
    if check:
        lines += [
            f"opset: {check.opset}",
            f"largest difference in onnxruntime: {check.difference:.2g}, of the probabilities of "
            f"{check.images:,} images of {check.data}",
        ]
    return "\n".join(lines)


def as_json(result: Exported) -> str:
    """The same as one JSON object."""
    trial = result.trial._asdict() if result.trial else None
    return json_object({**result._asdict(), "trial": trial})
