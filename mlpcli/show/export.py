"""What `mlp export` wrote, and how an ONNX graph compares."""

from mlpcli.api.export import Exported


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
