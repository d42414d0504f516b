import io
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from safetensors import safe_open

from mlpcli.api import export, onnx_graph
from mlpcli.api.export import Exported, Form
from mlpcli.api.predict import predict
from mlpcli.api.trainer import train
from mlpcli.config.load import load_config
from mlpcli.errors import CheckFailed, CheckpointError
from mlpcli.nn import mlp
from mlpcli.nn.activation import ACTIVATIONS
from mlpcli.runs import checkpoint
from mlpcli.runs.checkpoint import Checkpoint, Metadata
from mlpcli.runs.folder import RunFolder
from mlpcli.training import build
from mlpcli.training.progress import Progress

CLASSES = ("circle", "き", "ḋ")


def kept(activation: str = "relu", hidden: tuple[int, ...] = (9, 7)) -> Checkpoint:
    """A network as it is drawn, with biases that are not 0."""
    changes = [f"network.activation={activation}", f"network.hidden={list(hidden)}"]
    settings = load_config(None, [*changes, "data.images=100"])
    rng, drawn = np.random.default_rng(1), build.initial_params(settings, classes=3)
    params = tuple(mlp.Layer(W, rng.standard_normal(len(b), np.float32)) for W, b in drawn)
    metadata = Metadata(
        config=settings,
        classes=CLASSES,
        data={},
        progress=Progress(),
        updates=0,
        epoch_limits=((0, 1),),
    )
    return Checkpoint(metadata, params)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run's folder, as far as an export reads it."""
    (tmp_path / "run").mkdir()
    checkpoint.save(tmp_path / "run" / "best.safetensors", kept())
    return tmp_path / "run"


def exported(folder: Path, form: Form) -> tuple[Path, Exported]:
    file = folder.parent / f"out.{form}"
    return file, export.export(folder, file, form=form)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [(), (6,), (12, 9, 5, 4)])
def test_a_graph_gives_our_probabilities(
    rng: np.random.Generator, activation: str, hidden: tuple[int, ...]
) -> None:
    pytest.importorskip("onnxruntime")
    network = kept(activation, hidden)
    pixels = rng.integers(0, 256, (7, 32, 32), np.uint8)
    x = pixels.reshape(7, 1024) / np.float32(255)

    model = onnx_graph.build(network.params, activation, {})

    expected = mlp.forward(network.params, x, activation=ACTIVATIONS[activation]).h[-1]
    for n in (7, 1):
        assert_allclose(onnx_graph.run(model, pixels[:n]), expected[:n], atol=1e-6)


def test_an_onnx_file_says_what_it_takes_and_gives(folder: Path) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")

    file, result = exported(folder, "onnx")

    model = onnx.load(file)
    onnx.checker.check_model(model, full_check=True)
    taken, given = model.graph.input[0], model.graph.output[0]
    assert (taken.name, given.name) == ("pixels", "probabilities")
    assert taken.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    shape = taken.type.tensor_type.shape.dim
    assert (shape[0].dim_param, shape[1].dim_value, shape[2].dim_value) == ("n", 32, 32)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(metadata["classes"]) == list(CLASSES)
    assert result.trial is not None
    assert model.opset_import[0].version == result.trial.opset == 13
    assert (result.trial.images, result.trial.data) == (1000, "synth")
    assert result.trial.difference <= 1e-5
    assert result.bytes == file.stat().st_size


@pytest.mark.parametrize(
    ("white", "dtype", "light"),
    [(16, "u1", False), (255, "u1", True), (1, "f4", True), (65535, "u2", False)],
)
def test_a_graph_takes_images_as_the_training_files_have_them(
    dots: str, tmp_path: Path, white: float, dtype: str, light: bool
) -> None:
    pytest.importorskip("onnxruntime")
    with np.load(dots) as own:
        arrays = dict(own)
    for name in ("x_train", "x_test"):
        pixels = (arrays[name] / 255 * white).astype(dtype)
        arrays[name] = white - pixels if light else pixels
    arrays["x_train"][0, 0, 0] = white
    np.savez(tmp_path / "own.npz", allow_pickle=False, **arrays)
    changes = [f"data.name={tmp_path}/own.npz", "network.hidden=[16]", "train.epochs=2"]
    list(train(load_config(None, changes), tmp_path / "run", preflight=False))

    file, result = exported(tmp_path / "run", "onnx")

    assert result.trial is not None
    assert result.trial.difference <= 1e-5
    background = white if light else 0
    squares = np.full((90, 32, 32), background, "u1" if white == 255 else "f4")
    squares[:, 13:19, 13:19] = arrays["x_test"]
    found = onnx_graph.run(file.read_bytes(), squares)
    network = RunFolder(tmp_path / "run").load_weights("best")
    (predicted,) = predict(network, [f"{tmp_path}/own.npz"], io.BytesIO(), top=1)
    assert isinstance(predicted, list)
    for row, each in zip(found, predicted, strict=True):
        assert each.top[0].label == row.argmax()
        assert each.top[0].probability == pytest.approx(row.max(), abs=1e-5)
    onnx = pytest.importorskip("onnx")
    facts = {entry.key: entry.value for entry in onnx.load(file).metadata_props}
    assert (facts["white"], facts["inverted"]) == (str(white), str(light).lower())


def test_a_graph_that_differs_is_not_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setitem(onnx_graph.OPERATORS, "relu", onnx_graph.Operator("Tanh", {}))

    with pytest.raises(CheckFailed, match=r"to 1e-05, got a difference of 0\.\d+ on 1,000 images"):
        exported(folder, "onnx")

    assert [path.name for path in folder.parent.iterdir()] == ["run"]


def test_weights_beyond_a_protocol_buffer_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(onnx_graph, "MAX_SIZE", 1000)

    with pytest.raises(CheckpointError, match="must have at most 1,000 bytes, got"):
        onnx_graph.build(kept().params, "relu", {})


def test_safetensors_hold_the_weights_alone_and_what_using_them_needs(folder: Path) -> None:
    file, result = exported(folder, "safetensors")

    with safe_open(file, framework="np") as held:
        metadata = held.metadata()
        tensors = {name: held.get_tensor(name) for name in held.keys()}  # noqa: SIM118
    assert sorted(tensors) == ["W1", "W2", "W3", "b1", "b2", "b3"]
    for i, (W, b) in enumerate(kept().params, 1):
        assert_array_equal(tensors[f"W{i}"], W)
        assert_array_equal(tensors[f"b{i}"], b)
    assert json.loads(metadata["classes"]) == list(CLASSES)
    assert metadata["activation"] == "relu"
    assert "/ 255" in metadata["normalisation"]
    assert result.trial is None


def test_npz_holds_the_same_without_pickle(folder: Path) -> None:
    file, _ = exported(folder, "npz")

    with np.load(file, allow_pickle=False) as held:
        assert_array_equal(held["W3"], kept().params[2].W)
        assert held["classes"].tolist() == list(CLASSES)
        assert str(held["activation"]) == "relu"


@pytest.mark.slow
@pytest.mark.parametrize("form", ["onnx", "safetensors", "npz"])
def test_an_export_is_the_same_each_time(folder: Path, form: Form) -> None:
    if form == "onnx":
        pytest.importorskip("onnxruntime")

    contents = {exported(folder, form)[0].read_bytes() for _ in range(4)}

    assert len(contents) == 1


def test_a_runs_own_files_are_not_replaced(folder: Path) -> None:
    own = folder / "best.safetensors"
    before = own.read_bytes()

    with pytest.raises(CheckpointError, match="is a file of the run itself"):
        export.export(folder, folder / ".." / "run" / own.name, form="safetensors")

    assert own.read_bytes() == before
