from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_equal
from safetensors.numpy import load_file, save_file

from mlpcli.config.load import load_config
from mlpcli.errors import CheckpointError
from mlpcli.nn.batch_statistics import Statistics
from mlpcli.nn.mlp import Layer
from mlpcli.runs import checkpoint
from mlpcli.runs.checkpoint import Checkpoint, Metadata
from mlpcli.runs.folder import RunFolder
from mlpcli.training import build
from mlpcli.training.progress import Progress

Saved = tuple[Path, Checkpoint]
SETTINGS = load_config(None, ["network.hidden=[4]"])


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    path = tmp_path / "best.safetensors"
    metadata = Metadata(
        config=SETTINGS,
        classes=("a", "b", "ki き"),
        data={"x": "sha256:0"},
        progress=Progress(7, 3, 0.1 + 0.2, 5, 1 / 3),
        updates=700,
        light_share=0.25,
        epoch_limits=((0, 9), (500, 12)),
    )
    params = build.initial_params(SETTINGS, classes=3)
    velocity = tuple(Layer(2 * W, b + 1) for W, b in params)
    kept = Checkpoint(metadata, params, (velocity,))
    checkpoint.save(path, kept)
    return path, kept


def test_a_checkpoint_comes_back_as_it_went(saved: Saved) -> None:
    path, kept = saved

    assert_equal(checkpoint.load(path), kept)


def test_weights_can_be_kept_without_what_training_needs(saved: Saved) -> None:
    path, kept = saved

    checkpoint.save(path, kept._replace(optimizer_state=()))

    assert checkpoint.load(path).optimizer_state == ()
    assert sorted(load_file(path)) == ["W1", "W2", "b1", "b2"]


def test_tensors_carry_the_workbooks_names(saved: Saved) -> None:
    names = ["W1", "W2", "b1", "b2"]

    assert sorted(load_file(saved[0])) == sorted([*names, *(f"{n}.velocity" for n in names)])


def test_running_statistics_are_kept_beside_what_training_resumes_from(tmp_path: Path) -> None:
    settings = load_config(None, ["network.hidden=[4, 2]", "network.batch_norm=true"])
    metadata = Metadata(
        config=settings,
        classes=("a", "b"),
        data={},
        progress=Progress(),
        updates=0,
        epoch_limits=((0, 9),),
    )
    params = build.initial_params(settings, classes=2)
    statistics = tuple(
        Statistics(np.full(n, i, "float32"), np.ones(n, "float32")) for i, n in enumerate((4, 2))
    )
    whole = Checkpoint(metadata, params, (params, params), statistics)
    path, plain = tmp_path / "last.safetensors", ["W1", "W2", "W3", "b1", "b2", "b3"]

    checkpoint.save(path, whole)
    assert_equal(checkpoint.load(path), whole)
    assert {"mean1", "variance2", "W1.raw", "W1.velocity"} <= load_file(path).keys()
    checkpoint.save(path, whole._replace(statistics=statistics[:1]))
    with pytest.raises(CheckpointError, match=r"expected mean2 of shape \(2,\), got nothing"):
        checkpoint.load(path)
    checkpoint.save(path, Checkpoint(metadata, params))
    assert sorted(load_file(path)) == plain
    assert_equal(checkpoint.load(path), Checkpoint(metadata, params))


def test_saving_leaves_no_temporary_file(saved: Saved) -> None:
    assert [file.name for file in saved[0].parent.iterdir()] == ["best.safetensors"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-1], "not a readable checkpoint"),
        (lambda data: data[:20], "not a readable checkpoint"),
        (lambda data: b"", "not a readable checkpoint"),
        (lambda data: b"<html>" * 100, "not a readable checkpoint"),
        (lambda data: data.replace(b'schema\\":1', b'schema\\":9'), "its checksum is wrong"),
        (lambda data: data[:-3] + bytes([data[-3] ^ 1]) + data[-2:], "its checksum is wrong"),
    ],
)
def test_a_damaged_checkpoint_is_refused(saved: Saved, damage: Any, message: str) -> None:
    saved[0].write_bytes(damage(saved[0].read_bytes()))

    with pytest.raises(CheckpointError, match=message):
        checkpoint.load(saved[0])


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('"schema":1', '"schema":9', "schema: Input should be 1"),
        ('"seed"', '"sead"', "sead"),
        ('"lengths":[[0,9],[500,12]]', '"lengths":[]', "lengths"),
        ('"progress":[', '"progress":[-', "no training has come to"),
    ],
)
def test_a_checkpoint_with_damaged_metadata_is_refused(
    saved: Saved, before: str, after: str, message: str
) -> None:
    path, kept = saved
    text = kept.metadata.model_dump_json(by_alias=True)
    assert before in text
    tensors, odd = load_file(path), text.replace(before, after)
    save_file(tensors, path, {"mlpcli": f"{checkpoint._checksum(odd, tensors)} {odd}"})

    with pytest.raises(CheckpointError, match=f"its metadata is damaged: .*{message}"):
        checkpoint.load(path)


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"best\.safetensors: no such file; is this a run"):
        RunFolder(tmp_path).load_weights("best")


def test_a_checkpoint_that_does_not_fit_its_config_is_refused(saved: Saved) -> None:
    path, kept = saved
    other = load_config(None, ["network.hidden=[5]"])
    checkpoint.save(path, kept._replace(metadata=kept.metadata.replace(config=other)))

    with pytest.raises(CheckpointError, match=r"expected W1 of shape \(1024, 5\), got \(1024, 4\)"):
        checkpoint.load(path)


def test_a_checkpoint_with_a_non_finite_weight_is_refused(saved: Saved) -> None:
    path, kept = saved
    kept.params[0].W[2, 1] = np.nan
    checkpoint.save(path, kept)

    with pytest.raises(CheckpointError, match="expected W1 as finite float32"):
        checkpoint.load(path)


def test_a_foreign_safetensors_file_is_refused(tmp_path: Path) -> None:
    save_file({"W1": np.zeros((2, 2))}, tmp_path / "x.safetensors")

    with pytest.raises(CheckpointError, match="is not a checkpoint of mlp"):
        checkpoint.load(tmp_path / "x.safetensors")
