import errno
import os
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mlpcli.config.load import load_config
from mlpcli.data import dataset, idx, synth, write_idx
from mlpcli.errors import DataError
from mlpcli.training.loader import prepare
from mlpcli.training.loop import fit
from mlpcli.training.progress import Epoch
from tests.data.test_dataset import Arrays, save_npz


def both(images: Any, labels: Any) -> Arrays:
    """The same images and labels for training and for testing."""
    return {"x_train": images, "y_train": labels, "x_test": images, "y_test": labels}


def test_drawn_images_are_written_as_they_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synth, "SIZES", {"train": 20_000, "test": 30})
    monkeypatch.setattr(write_idx, "CHUNK_SIZE", 50)

    progress = list(write_idx.write("synth", tmp_path / "digits", images=120))

    split = dataset.load(str(tmp_path / "digits"), "train")
    images, labels = synth.draw("train", 0, 120)
    assert progress == [(50, 150), (100, 150), (120, 150), (150, 150)]
    assert_array_equal(split.images, images)
    assert_array_equal(split.labels, labels)
    assert split.classes == synth.CLASSES
    assert write_idx.counts(tmp_path / "digits") == {"train": 120, "test": 30}


def test_data_of_any_form_is_written(tmp_path: Path, dots: str) -> None:
    list(write_idx.write(dots, tmp_path / "plain"))

    for split in ("train", "test"):
        before, after = dataset.load(dots, split), dataset.load(str(tmp_path / "plain"), split)
        assert_array_equal(after.images, before.images)
        assert_array_equal(after.labels, before.labels)
        assert after.classes == before.classes


def test_a_folder_with_files_is_left_alone(tmp_path: Path, dots: str) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")

    with pytest.raises(DataError, match="exists; name a new folder"):
        list(write_idx.write(dots, tmp_path))


def test_nothing_is_left_of_a_write_that_failed(
    tmp_path: Path, dots: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    before = sorted(tmp_path.iterdir())

    with pytest.raises(DataError, match="plain: cannot write: No space left on device"):
        list(write_idx.write(dots, tmp_path / "plain"))
    assert sorted(tmp_path.iterdir()) == before


def test_more_classes_than_a_byte_can_tell_apart_are_refused(tmp_path: Path) -> None:
    images, labels = np.ones((300, 2, 2), np.uint8), np.arange(300)
    name = save_npz(tmp_path / "many.npz", both(images, labels))

    with pytest.raises(DataError, match="has 300 classes; IDX labels hold at most 256"):
        list(write_idx.write(name, tmp_path / "plain"))


def test_a_training_on_plain_idx_does_not_hold_the_images(tmp_path: Path) -> None:
    n, side = 100_000, 28
    prefix = write_idx.IMAGE_FILE.format("train")
    with (tmp_path / prefix).open("wb") as file:  # black, and a hole on the disk, but for image 0
        file.write(idx.header(idx.IMAGES, n, side, side) + bytes([255]) * side * side)
        file.truncate(16 + n * side * side)
    labels = (np.arange(n) % 2).astype(np.uint8)
    path = tmp_path / write_idx.LABEL_FILE.format("train")
    path.write_bytes(idx.header(idx.LABELS, n) + labels.tobytes())
    settings = load_config(None, [f"data.name={tmp_path}", "network.hidden=[]", "train.epochs=1"])

    tracemalloc.start()
    *_, last = fit(settings, prepare(settings, dataset.load(str(tmp_path), "train")))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert isinstance(last, Epoch)
    assert peak < n * side * side / 2


def test_mapped_images_train_to_the_same_bits(tmp_path: Path, dots: str) -> None:
    list(write_idx.write(dots, tmp_path / "plain"))
    settings = load_config(None, ["network.hidden=[16]", "train.epochs=2", "train.batch_size=32"])

    in_memory, mapped = (
        [event.engine.theta.tobytes() for event in fit(settings, data)][-1]
        for path in (dots, str(tmp_path / "plain"))
        for data in [prepare(settings, dataset.load(path, "train"))]
    )

    assert in_memory == mapped


def test_each_split_keeps_the_size_of_its_images(tmp_path: Path) -> None:
    shapes = {"train": (6, 8, 7), "test": (4, 5, 9)}
    images = {f"x_{split}": np.full(shape, 200, np.uint8) for split, shape in shapes.items()}
    name = save_npz(
        tmp_path / "data.npz", images | {"y_train": np.arange(6), "y_test": np.arange(4)}
    )

    list(write_idx.write(name, tmp_path / "plain"))

    for split, shape in shapes.items():
        assert dataset.load(str(tmp_path / "plain"), split).images.shape == shape


@pytest.mark.parametrize("name", ["", " a", "b\nc", "d\r"])
def test_a_name_that_is_no_line_of_a_file_is_refused(tmp_path: Path, name: str) -> None:
    arrays = both(np.zeros((4, 3, 3), np.uint8), np.arange(4) % 2)
    path = save_npz(tmp_path / "data.npz", arrays | {"classes": np.array([name, "other"])})

    with pytest.raises(DataError, match="which cannot be a line of a file"):
        list(write_idx.write(path, tmp_path / "plain"))
    assert not (tmp_path / "plain").exists()


@pytest.mark.parametrize("folder", [".", ".."])
def test_a_folder_that_cannot_be_replaced_is_refused(folder: str, dots: str) -> None:
    with pytest.raises(DataError, match="name a new folder"):
        list(write_idx.write(dots, Path(folder)))
