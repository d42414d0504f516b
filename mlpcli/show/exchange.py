"""What went out of a run folder for other programs, and what came into one."""

from mlpcli.data.dataset import INPUTS
from mlpcli.runs.export import Exported
from mlpcli.runs.fit import parameters
from mlpcli.runs.transplant import Transplant
from mlpcli.show.text import as_json

TURNED = "(outputs, inputs) in the file, as in PyTorch; transposed"
AS_HERE = "(inputs, outputs) in the file, as here"
PLACED = ", 28x28 pixels, put into the middle of 32x32"


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


def imported(result: Transplant, *, json: bool) -> str:
    """Which tensors became which layers."""
    layers = [
        {"name": f"W{i}", "shape": list(W.shape), "from": found.name, "shape_in_file": found.shape}
        for i, (found, (W, _)) in enumerate(zip(result.found, result.params, strict=True), 1)
    ]
    inputs = len(result.found[0].layer.W)
    sizes = [len(result.params[0].W), *(len(b) for _, b in result.params)]
    facts = {
        "run": result.run,
        "file": result.file,
        "transposed": result.transposed,
        "inputs": inputs,
        "layers": layers,
        "activation": result.config.network.activation,
        "parameters": parameters(tuple(sizes)),
    }
    if json:
        return as_json(facts)
    return "\n".join(
        [
            f"run: {result.run}",
            f"weights: {TURNED if result.transposed else AS_HERE}",
            f"inputs: {inputs}{PLACED if inputs < INPUTS else ''}",
            *(
                f"{one['name']} {tuple(one['shape'])}: {one['from']} {tuple(one['shape_in_file'])}"
                for one in layers
            ),
            f"activation: {facts['activation']}",
            f"parameters: {facts['parameters']:,}",
        ]
    )
