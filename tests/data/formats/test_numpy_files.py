import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mlpcli.data import dataset
from mlpcli.data.raw import Reading
from mlpcli.errors import DataError

IMAGES = np.arange(5 * 9, dtype=np.uint8).reshape(5, 3, 3) * 5
LABELS = np.array([0, 1, 2, 0, 1])


@pytest.mark.parametrize(
    "names",
    [
        "x_train y_train",
        "X_train y_train",
        "xTrain yTrain",
        "xtrain ytrain",
        "train_images train_labels",
        "training_images training_labels",
        "train_x train_y",
        "trainX trainY",
        "trainImages trainLabels",
        "train_set_x train_set_y",
        "fea gnd",
        "images labels",
        "image label",
        "X y",
        "data target",
        "features targets",
        "arr_0 arr_1",
    ],
)
def test_arrays_are_known_by_their_usual_names(tmp_path: Path, names: str) -> None:
    x, y = names.split()
    np.savez(tmp_path / "a.npz", allow_pickle=False, **{x: IMAGES, y: LABELS})
    for name, array in ((x, IMAGES), (y, LABELS)):
        np.save(tmp_path / f"{name}.npy", array)

    for path in (tmp_path / "a.npz", tmp_path, tmp_path / f"{x}.npy"):
        if path == tmp_path:
            (tmp_path / "a.npz").unlink()
        read = dataset.load(str(path), "train")
        assert_array_equal(read.images, IMAGES)
        assert_array_equal(read.labels, LABELS)


def test_the_files_of_medmnist_are_read(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {}
    for split, n in (("train", 5), ("val", 3), ("test", 2)):
        arrays[f"{split}_images"] = np.stack([IMAGES[:n]] * 3, axis=-1)
        arrays[f"{split}_labels"] = LABELS[:n, None].astype("u1")
    np.savez_compressed(tmp_path / "breastmnist.npz", allow_pickle=False, **arrays)
    name = str(tmp_path / "breastmnist.npz")

    assert dataset.splits(name) == ("train", "validation", "test")
    for split, n in (("train", 5), ("validation", 3), ("test", 2)):
        read = dataset.load(name, split)
        assert_array_equal(read.images, IMAGES[:n])
        assert_array_equal(read.labels, LABELS[:n])
        assert read.classes == ("0", "1", "2")


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"a": IMAGES, "b": LABELS}, r"; has a \(5, 3, 3\) uint8, b \(5,\) int64"),
        ({"images": IMAGES}, "its train images have no labels"),
        ({"images": IMAGES, "data": IMAGES}, "'images' and 'data' may both be its images"),
        ({"x_test": IMAGES, "y_test": LABELS}, "has no train split, only test"),
        (
            {"x": IMAGES, "fine_labels": LABELS, "coarse_labels": LABELS},
            "both be its labels; --set data.label=fine_labels names one",
        ),
        (
            {"arr_0": IMAGES, "arr_1": LABELS, "arr_2": IMAGES},
            r"; has arr_0 \(5, 3, 3\) uint8, arr",
        ),
    ],
)
def test_arrays_that_do_not_tell_are_listed(
    tmp_path: Path, arrays: dict[str, Any], told: str
) -> None:
    np.savez(tmp_path / "a.npz", allow_pickle=False, **arrays)

    with pytest.raises(DataError, match=told):
        dataset.load(str(tmp_path / "a.npz"), "train")


def test_arrays_that_are_not_needed_do_not_disturb(tmp_path: Path) -> None:
    others: dict[str, Any] = {"meta": np.array([{}], object), "seed": np.array(3)}
    others |= {"train_image_ids": LABELS, "x_mean": IMAGES[0], "data": np.array(["a note"])}
    others |= {"train_data": LABELS, "label_names": np.array(["a", "b", "c"])}
    np.savez(tmp_path / "a.npz", allow_pickle=True, x_train=IMAGES, y_train=LABELS, **others)
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        archive.writestr("README.txt", "not an array")

    read = dataset.load(str(tmp_path / "a.npz"), "train")
    assert_array_equal(read.images, IMAGES)
    assert read.classes == ("a", "b", "c")


def test_a_damaged_file_that_is_not_needed_does_not_disturb(tmp_path: Path) -> None:
    np.save(tmp_path / "x_train.npy", IMAGES)
    np.save(tmp_path / "y_train.npy", LABELS)
    (tmp_path / "notes.npy").write_bytes(b"damaged")

    assert_array_equal(dataset.load(str(tmp_path), "train").images, IMAGES)


@pytest.mark.parametrize("name", ["x_train", "y_train"])
def test_an_array_of_objects_that_is_needed_is_named(tmp_path: Path, name: str) -> None:
    arrays: dict[str, Any] = {"x_train": IMAGES, "y_train": LABELS}
    arrays[name] = arrays[name].astype(object)
    np.savez(tmp_path / "a.npz", allow_pickle=True, **arrays)

    with pytest.raises(DataError, match=f"{name}.npy' holds Python objects.*; save it as numbers"):
        dataset.load(str(tmp_path / "a.npz"), "train")


def test_labels_may_be_chosen_by_name(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {"fine": LABELS, "coarse": LABELS[::-1], "labels": LABELS * 0}
    for split, n in (("train", 5), ("test", 3)):
        own: dict[str, Any] = {f"{split}_{name}": array[:n] for name, array in arrays.items()}
        np.savez(tmp_path / f"{split}.npz", allow_pickle=False, **own, **{f"x_{split}": IMAGES[:n]})

    how = Reading(label="coarse")
    assert dataset.load(str(tmp_path), "train", how=how).labels.tolist() == LABELS[::-1].tolist()
    with pytest.raises(DataError, match=r"a name such as digit, data\.label; has "):
        dataset.load(str(tmp_path), "train", how=Reading(label="digit"))


def test_unnamed_labels_may_come_before_the_images(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", LABELS, IMAGES, allow_pickle=False)

    assert_array_equal(dataset.load(str(tmp_path / "a.npz"), "train").images, IMAGES)


def test_a_name_with_a_split_goes_before_one_without(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {"train_images": IMAGES, "train_labels": LABELS}
    arrays |= {"images": IMAGES[:2], "labels": LABELS[:2]}
    np.savez(tmp_path / "a.npz", allow_pickle=False, **arrays)

    read = dataset.load(str(tmp_path / "a.npz"), "train")
    assert len(read.labels) == 5
    assert read.notes == ("'images' is left out, since 'train_images' says that it is for train",)


def test_npz_files_of_an_array_each_are_known_by_their_names(tmp_path: Path) -> None:
    for split, n in (("train", 5), ("test", 2)):
        np.savez(tmp_path / f"kmnist-{split}-imgs.npz", IMAGES[:n], allow_pickle=False)
        np.savez(tmp_path / f"kmnist-{split}-labels.npz", LABELS[:n], allow_pickle=False)

    for split, n in (("train", 5), ("test", 2)):
        read = dataset.load(str(tmp_path), split)
        assert_array_equal(read.images, IMAGES[:n])
        assert len(read.files) == 2


def test_a_split_without_a_name_is_the_training_split_beside_a_test_split(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {"images": IMAGES, "labels": LABELS, "x_test": IMAGES[:2]}
    np.savez(tmp_path / "a.npz", allow_pickle=False, **arrays, y_test=LABELS[:2])

    assert dataset.splits(str(tmp_path / "a.npz")) == ("train", "test")


def test_files_of_a_split_each_are_one_data_set(tmp_path: Path) -> None:
    for name, n in (("train", 5), ("test", 2)):
        np.savez(tmp_path / f"{name}.npz", allow_pickle=False, x=IMAGES[:n], y=LABELS[:n])

    assert len(dataset.load(str(tmp_path), "train").labels) == 5
    assert len(dataset.load(str(tmp_path), "test").labels) == 2
