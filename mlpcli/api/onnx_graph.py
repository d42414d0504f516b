"""A network as an ONNX graph from pixels to probabilities, and such a graph run (extra `onnx`).

Tensors are named as in the workbook: h0 are the pixels in [0, 1], z1 = h0 @ W1 + b1, h1 = f(z1).
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.preprocessing import SIDE
from mlpcli.errors import CheckpointError, ConfigError
from mlpcli.nn import Array
from mlpcli.nn.activation import LEAK
from mlpcli.nn.mlp import Params
from mlpcli.runs.checkpoint import tensors
from mlpcli.version import __version__

PIXELS, PROBABILITIES = "pixels", "probabilities"  # names of the input and the output
MAX_SIZE = 2**31 - 2**20  # bytes; a protocol buffer holds less than 2 GiB


class Operator(NamedTuple):
    """How a graph computes an activation."""

    name: str
    attributes: dict[str, Any]
    opset: int = 13  # lowest version of the operators that has it and Softmax by rows
    times_z: bool = False  # whether z is multiplied by the result


OPERATORS = {
    "relu": Operator("Relu", {}),
    "leaky_relu": Operator("LeakyRelu", {"alpha": LEAK}),
    "gelu": Operator("Gelu", {"approximate": "tanh"}, opset=20),
    "silu": Operator("Sigmoid", {}, times_z=True),
    "tanh": Operator("Tanh", {}),
    "sigmoid": Operator("Sigmoid", {}),
}


def opset(activation: str) -> int:
    """The lowest version of the operators that a graph with this activation needs."""
    return OPERATORS[activation].opset


def build(
    params: Params,
    activation: str,
    facts: dict[str, str],
    *,
    white: float = 255,
    inverted: bool = False,
) -> bytes:
    """An ONNX file: pixels (n, 32, 32) go in, float32 probabilities (n, classes) come out.

    Pixels are as in the files of the training images: uint8 where white is 255, else float32.
    white, inverted: as in `Metadata`. facts: its metadata. Raises ConfigError without onnx,
    CheckpointError for too many parameters.
    """
    onnx, _ = _libraries()
    size = sum(W.nbytes + b.nbytes for W, b in params)
    if size > MAX_SIZE:
        raise CheckpointError(
            f"--format onnx: a file must have at most {MAX_SIZE:,} bytes, got {size:,} of weights; "
            "use safetensors"
        )
    scale = {"scale": 255 / white, "black": 0} if white != 255 else {}
    levels = {name: np.array(value, np.float32) for name, value in {**scale, "white": 255}.items()}
    constants = {**levels, **tensors(params)}
    value, types = onnx.helper.make_tensor_value_info, onnx.TensorProto
    graph = onnx.helper.make_graph(
        _nodes(onnx, len(params), activation, scaled=bool(scale), inverted=inverted),
        "mlp",
        [value(PIXELS, types.FLOAT if scale else types.UINT8, ["n", SIDE, SIDE])],
        [value(PROBABILITIES, types.FLOAT, ["n", len(params[-1].b)])],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    versions = [onnx.helper.make_opsetid("", opset(activation))]
    model = onnx.helper.make_model(
        graph,
        producer_name="mlpcli",
        producer_version=__version__,
        opset_imports=versions,
        ir_version=onnx.helper.find_min_ir_version_for(versions),  # for runtimes of that time
    )
    onnx.helper.set_model_props(model, facts)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def pixels(
    images: NDArray[np.uint8], *, white: float = 255, inverted: bool = False
) -> NDArray[Any]:
    """Images (n, 32, 32), light on dark, as a graph takes them: as the files have them."""
    images = 255 - images if inverted else images
    return images if white == 255 else images * np.float32(white / 255)


def run(model: bytes, images: NDArray[Any]) -> Array:
    """Probabilities, (n, classes), by onnxruntime for pixels (n, 32, 32)."""
    _, runtime = _libraries()
    options = runtime.SessionOptions()
    options.log_severity_level = 3  # errors; it warns of processors that it does not know
    session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return session.run([PROBABILITIES], {PIXELS: images})[0]


def _nodes(onnx: Any, layers: int, activation: str, *, scaled: bool, inverted: bool) -> list[Any]:
    """Every operation, in order."""
    node = onnx.helper.make_node
    nodes = [
        node("Flatten", [PIXELS], ["row"], axis=1),
        node("Cast", ["row"], ["levels"], to=onnx.TensorProto.FLOAT),
    ]
    levels = "levels"
    if scaled:  # to the whole numbers that images are in memory
        nodes.append(node("Mul", [levels, "scale"], ["scaled"]))
        nodes.append(node("Round", ["scaled"], ["rounded"]))
        nodes.append(node("Clip", ["rounded", "black", "white"], ["clipped"]))
        levels = "clipped"
    if inverted:
        nodes.append(node("Sub", ["white", levels], ["inverted"]))
        levels = "inverted"
    nodes.append(node("Div", [levels, "white"], ["h0"]))
    operator = OPERATORS[activation]
    for i in range(1, layers + 1):
        nodes.append(node("Gemm", [f"h{i - 1}", f"W{i}", f"b{i}"], [f"z{i}"]))
        if i == layers:
            nodes.append(node("Softmax", [f"z{i}"], [PROBABILITIES], axis=1))
            continue
        result = f"gate{i}" if operator.times_z else f"h{i}"
        nodes.append(node(operator.name, [f"z{i}"], [result], **operator.attributes))
        if operator.times_z:
            nodes.append(node("Mul", [f"z{i}", result], [f"h{i}"]))
    return nodes


def _libraries() -> tuple[Any, Any]:
    try:
        import onnx
        import onnxruntime
    except ImportError as err:
        hint = "`pip install onnx onnxruntime`"
        raise ConfigError(f"--format onnx: needs {err.name}; {hint}") from err
    return onnx, onnxruntime
