"""What went out of a run folder for other programs."""

from mlpcli.runs.export import Exported
from mlpcli.show.text import as_json


def exported(result: Exported, *, json: bool) -> str:
    """What was written, and how an ONNX graph compares."""
    trial = result.trial
    if json:
        facts = {key: value for key, value in result._asdict().items() if key != "trial"}
        return as_json({**facts, "trial": trial._asdict() if trial else None})
    lines = [
        f"file: {result.file} ({result.bytes:,} bytes)",
        f"network: {result.run} ({result.weights} weights)",
    ]
    if trial:
        lines += [
            f"opset: {trial.opset}",
            f"largest difference in onnxruntime: {trial.difference:.2g}, of the probabilities of "
            f"{trial.images:,} images of {trial.data}",
        ]
    return "\n".join(lines)
