from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal, assert_equal
from numpy.typing import NDArray
from safetensors.numpy import save_file

from mlpcli.api.eval import evaluate_run
from mlpcli.api.export import export
from mlpcli.api.import_weights import Imported, import_weights
from mlpcli.api.resume import resume
from mlpcli.config.load import load_config
from mlpcli.data.preprocessing import inputs
from mlpcli.errors import CheckpointError, MlpError
from mlpcli.nn import mlp
from mlpcli.nn.activation import ACTIVATIONS
from mlpcli.runs import checkpoint
from mlpcli.runs.folder import RunFolder

Tensors = dict[str, NDArray[Any]]


@pytest.fixture
def images(rng: np.random.Generator) -> NDArray[np.uint8]:
    return rng.integers(0, 256, (5, 28, 28), np.uint8)


def state(*sizes: int, names: tuple[str, ...] = ("0", "2", "4"), inputs: int = 784) -> Tensors:
    """A state_dict as PyTorch has it: W as (outputs, inputs)."""
    rng = np.random.default_rng(2)
    tensors: Tensors = {}
    for name, fan_in, fan_out in zip(names, (inputs, *sizes), sizes, strict=False):
        scale = np.float32(fan_in**-0.5)
        tensors[f"{name}.weight"] = rng.standard_normal((fan_out, fan_in), np.float32) * scale
        tensors[f"{name}.bias"] = rng.standard_normal(fan_out, np.float32)
    return tensors


def grafted(
    folder: Path, tensors: Tensors, *changes: str, mean: float = 0.0, std: float = 1.0
) -> Imported:
    save_file({name: np.ascontiguousarray(t) for name, t in tensors.items()}, folder / "net")
    return import_weights(
        folder / "net", folder / "run", None, changes, mean=mean, std=std, overwrite=True
    )


def logits(folder: Path, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Of the run that was made."""
    kept = checkpoint.load(folder / "run" / "best.safetensors")
    activation = ACTIVATIONS[kept.metadata.config.network.activation]
    return mlp.forward(kept.params, inputs(images), activation=activation).z[-1]


def test_a_state_dict_gives_its_logits_again(tmp_path: Path, images: NDArray[np.uint8]) -> None:
    tensors = state(12, 9, 10)
    h = images.reshape(5, 784) / np.float32(255)
    for name in ("0", "2", "4"):
        z = h @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]
        h = np.tanh(z)

    result = grafted(tmp_path, tensors, "network.activation=tanh")

    assert result.transposed
    assert result.config.network.hidden == (12, 9)
    assert [found.name for found in result.layers] == ["0.weight", "2.weight", "4.weight"]
    assert_allclose(logits(tmp_path, images), z, rtol=1e-5, atol=1e-5)


def test_a_network_of_pytorch_gives_its_logits_again(
    tmp_path: Path, images: NDArray[np.uint8]
) -> None:
    torch = pytest.importorskip("torch")
    save = pytest.importorskip("safetensors.torch").save_file
    nn, file = torch.nn, tmp_path / "net.safetensors"
    torch.manual_seed(0)
    for inputs_, activation, layer in ((784, "gelu", nn.GELU("tanh")), (1024, "relu", nn.ReLU())):
        net = nn.Sequential(
            nn.Flatten(), nn.Linear(inputs_, 30), layer, nn.Linear(30, 20), layer, nn.Linear(20, 10)
        )
        save(net.state_dict(), file)
        changes = [f"network.activation={activation}"]
        import_weights(
            file, tmp_path / "run", None, changes, mean=0.1307, std=0.3081, overwrite=True
        )

        seen = images if inputs_ == 784 else np.pad(images, ((0, 0), (2, 2), (2, 2)))
        x = (torch.tensor(seen) / 255 - 0.1307) / 0.3081
        theirs = net(x).detach().numpy()
        assert_allclose(logits(tmp_path, seen), theirs, rtol=1e-5, atol=1e-5)


def test_a_network_for_1024_inputs_is_taken_as_it_is(tmp_path: Path) -> None:
    tensors = state(6, 10, inputs=1024)

    result = grafted(tmp_path, tensors)

    assert_array_equal(result.params[0].W, tensors["0.weight"].T)


def test_an_export_comes_back_as_it_went(tmp_path: Path) -> None:
    first = grafted(tmp_path, state(12, 12, 10))
    export(tmp_path / "run", tmp_path / "out", form="safetensors")

    second = import_weights(tmp_path / "out", tmp_path / "again")

    assert not second.transposed
    assert_equal(second.params, first.params)


@pytest.mark.parametrize(
    "names",
    [
        ("fc1", "fc2", "fc10"),
        ("net.2", "net.9", "net.11"),
        ("module.input", "module.hidden", "module.output"),  # another order by their names
        # Python makes no int of more than 4300 digits
        pytest.param(("02", "9" * 5000, "1" + "0" * 5000), id="long numbers"),
    ],
)
def test_layers_are_found_by_order_and_shapes(tmp_path: Path, names: tuple[str, ...]) -> None:
    result = grafted(tmp_path, state(12, 9, 10, names=names))

    assert [found.name for found in result.layers] == [f"{name}.weight" for name in names]


def test_names_decide_where_shapes_do_not(tmp_path: Path) -> None:
    tensors = state(8, 8, 8, 10, names=("1", "2", "10", "11"))

    result = grafted(tmp_path, tensors)

    assert_array_equal(result.params[2].W, tensors["10.weight"].T)


def test_a_layer_without_a_bias_gets_zeros(tmp_path: Path) -> None:
    tensors = state(8, 10)
    del tensors["0.bias"]

    assert_array_equal(grafted(tmp_path, tensors).params[0].b, np.zeros(8))


def test_weights_of_other_widths_become_float32(tmp_path: Path) -> None:
    for dtype in (np.float16, np.float64):
        tensors = {name: t.astype(dtype) for name, t in state(8, 10).items()}

        assert grafted(tmp_path, tensors).params[1].W.dtype == np.float32


def test_the_run_can_be_evaluated_but_not_resumed(tmp_path: Path, dots: str) -> None:
    data = f"data.name={dots}"
    grafted(tmp_path, state(8, 3), data)
    run = tmp_path / "run"

    assert evaluate_run(run).scores.n == 90
    assert evaluate_run(run, weights="last").classes == ("0", "1", "2")
    assert RunFolder(run).load_record().status == "imported"
    with pytest.raises(CheckpointError, match="was imported, so which images"):
        evaluate_run(run, split="validation")
    with pytest.raises(CheckpointError, match="holds only weights, no optimizer state"):
        list(resume(load_config(str(run / "config.yaml")), run))
    assert evaluate_run(run).scores.n == 90


def test_data_that_is_named_and_there_is_measured(tmp_path: Path, dots: str) -> None:
    with np.load(dots) as own:
        arrays = {name: 16 - own[name] // 16 if name[0] == "x" else own[name] for name in own}
    np.savez(tmp_path / "light.npz", allow_pickle=False, **arrays)

    grafted(tmp_path, state(8, 3), f"data.name={tmp_path}/light.npz")
    metadata = RunFolder(tmp_path / "run").load_weights("best").metadata

    assert (metadata.white, metadata.inverted, metadata.light_share) == (16, True, 0)
    assert metadata.placement is not None
    assert metadata.placement.size == (6, 6)


def test_without_data_nothing_is_measured(tmp_path: Path) -> None:
    grafted(tmp_path, state(8, 10))

    assert RunFolder(tmp_path / "run").load_weights("best").metadata.placement is None


def wrong(tensors: Tensors, *changes: str, folder: Path) -> str:
    """The message about a file that cannot become a run; no folder is made."""
    with pytest.raises(MlpError) as caught:
        grafted(folder, tensors, *changes)
    assert not (folder / "run").exists()
    return str(caught.value).removeprefix(f"{folder / 'net'}: ")


def test_what_does_not_fit_has_its_message(tmp_path: Path) -> None:
    good = state(8, 10)
    odd = good | {"1.running_mean": np.zeros(8, np.float32)}
    conv = good | {"conv.weight": np.zeros((8, 1, 3, 3), np.float32)}
    whole = {"0.weight": np.zeros((10, 784), np.int64)}
    infinite = good | {"0.bias": np.full(8, np.inf, np.float32)}
    signalling = good | {"0.bias": np.full(8, 0x7F800001, np.uint32).view(np.float32)}
    large = {name: t.astype(np.float64) * 1e300 for name, t in good.items()}
    for tensors, message in (
        (odd, "holds '1.running_mean' of shape (8,), which is not part of a linear layer"),
        (conv, "holds 'conv.weight' of shape (8, 1, 3, 3), which is not part"),
        (whole, "'0.weight' must be one of F16, F32, F64, got I64"),
        (infinite, "'0.bias' contains values that are not finite"),
        (signalling, "'0.bias' contains values that are not finite"),
        (large, "holds values beyond float32"),
        (state(8, 10, inputs=900), "expected layers that follow each other from 784 or 1024"),
        ({}, "expected layers that follow each other from 784 or 1024 inputs on, with a bias"),
        (good | {"0.bias": np.zeros(3, np.float32)}, "expected layers that follow each other"),
        (state(8, 3), "has 3 outputs, but synth has 10 classes; name its data"),
    ):
        assert wrong(tensors, folder=tmp_path).startswith(message)
    deep = state(*[8] * 33, 10, names=tuple(map(str, range(34))))
    assert "hidden must be a list" in wrong(deep, folder=tmp_path)


def test_what_is_no_safetensors_file_has_its_message(tmp_path: Path) -> None:
    (tmp_path / "net.pt").write_bytes(b"PK\x03\x04 a pickle in a zip")

    with pytest.raises(CheckpointError, match=r"net\.pt: not a safetensors file: .*save_file"):
        import_weights(tmp_path / "net.pt", tmp_path / "run")
    with pytest.raises(CheckpointError, match="none: no such file"):
        import_weights(tmp_path / "none", tmp_path / "run")


def test_a_run_is_replaced_only_with_overwrite(tmp_path: Path) -> None:
    grafted(tmp_path, state(8, 10))

    with pytest.raises(CheckpointError, match="already contains a run"):
        import_weights(tmp_path / "net", tmp_path / "run")
