import gzip
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mlpcli.data import dataset
from mlpcli.errors import DataError
from tests.faults.formats import idx

IMAGES = np.arange(5 * 6, dtype=np.uint8).reshape(5, 2, 3) * 8
LABELS = np.array([0, 1, 2, 0, 1], np.uint8)


def save(folder: Path, images: str, labels: str, count: int = 5) -> None:
    for name, values in ((images, IMAGES), (labels, LABELS)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = idx(values[:count])
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
        ("train-images.idx3-ubyte", "train-labels.idx1-ubyte"),
        ("emnist-letters-train-images-idx3-ubyte.gz", "emnist-letters-train-labels-idx1-ubyte.gz"),
        ("train_images.bin", "train_labels.bin"),
        ("MNIST/raw/train-images-idx3-ubyte", "MNIST/raw/train-labels-idx1-ubyte.gz"),
        ("raw/train-images-idx3-ubyte", "raw/train-labels-idx1-ubyte"),
        (
            "train-images-idx3-ubyte/train-images-idx3-ubyte",
            "train-labels-idx1-ubyte/train-labels-idx1-ubyte",
        ),
        ("images.idx", "labels.idx"),
        ("data/MNIST/raw/train-images-idx3-ubyte", "data/MNIST/raw/train-labels-idx1-ubyte"),
        ("train-images-idx3-ubyte/train-images-idx3-ubyte", "train-labels.idx1-ubyte"),
        ("train-images", "train-labels"),
        ("Train-Images.IDX3-UBYTE", "Train-Labels.IDX1-UBYTE"),
    ],
)
def test_layouts_in_use_are_read(tmp_path: Path, images: str, labels: str) -> None:
    save(tmp_path, images, labels)

    read = dataset.load(str(tmp_path), "train")

    assert_array_equal(read.images, IMAGES)
    assert_array_equal(read.labels, LABELS)


def test_a_folder_with_the_name_of_each_file_beside_it_is_passed_over(tmp_path: Path) -> None:
    for split, count in (("train", 5), ("t10k", 3)):
        for nested in (True, False):
            images, labels = (f"{split}-{kind}-ubyte" for kind in ("images-idx3", "labels-idx1"))
            if nested:
                save(tmp_path, f"{images}/{images}", f"{labels}/{labels}", count)
            else:
                save(
                    tmp_path, images.replace("-idx", ".idx"), labels.replace("-idx", ".idx"), count
                )

    assert dataset.splits(str(tmp_path)) == ("train", "test")
    assert len(dataset.load(str(tmp_path), "test").labels) == 3


def test_hidden_files_are_passed_over(tmp_path: Path) -> None:
    save(tmp_path, "train-images.idx", "train-labels.idx")
    for name in ("._train-images.idx", "__MACOSX/train-images.idx", ".old/train-labels.idx"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(idx(IMAGES[:1]))

    assert_array_equal(dataset.load(str(tmp_path), "train").images, IMAGES)


def test_a_validation_split_is_found(tmp_path: Path) -> None:
    for name in ("train", "val", "t10k"):
        save(tmp_path, f"{name}-images-idx3-ubyte", f"{name}-labels-idx1-ubyte")

    assert dataset.splits(str(tmp_path)) == ("train", "validation", "test")


@pytest.mark.parametrize("place", [".", "MNIST/raw"])
def test_the_names_of_the_classes_lie_beside_the_images_or_above(
    tmp_path: Path, place: str
) -> None:
    save(tmp_path / "MNIST/raw", "train-images-idx3-ubyte", "train-labels-idx1-ubyte")
    (tmp_path / place / "classes.txt").write_text("ant\nbee\ncow\n")

    assert dataset.load(str(tmp_path), "train").classes == ("ant", "bee", "cow")


def test_several_data_sets_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    for name in ("MNIST", "KMNIST"):
        save(tmp_path, f"{name}/raw/train-images-idx3", f"{name}/raw/train-labels-idx1")

    with pytest.raises(DataError, match="got KMNIST/raw/train-images-idx3, MNIST/raw/train-image"):
        dataset.load(str(tmp_path), "train")


@pytest.mark.parametrize("named", ["images", "labels"])
@pytest.mark.parametrize("end", ["", ".gz"])
def test_a_file_is_read_with_the_other_one_beside_it(tmp_path: Path, named: str, end: str) -> None:
    images, labels = f"t10k-images.idx3-ubyte{end}", "t10k-labels.idx1-ubyte.gz"
    save(tmp_path, images, labels)
    path = tmp_path / (images if named == "images" else labels)

    assert dataset.splits(str(path)) == ("test",)
    assert_array_equal(dataset.load(str(path), "test").images, IMAGES)


def test_a_file_without_the_other_one_is_refused(tmp_path: Path) -> None:
    save(tmp_path, "train-images-idx3-ubyte", "y")

    with pytest.raises(DataError, match="has no file of labels beside it, such as train-labels-id"):
        dataset.load(str(tmp_path / "train-images-idx3-ubyte"), "train")


def test_the_other_file_is_not_guessed_from_a_name_that_says_nothing(tmp_path: Path) -> None:
    save(tmp_path, "x.bin", "y.bin")

    with pytest.raises(
        DataError, match=r"x\.bin: has no file of labels beside it, such as train-la"
    ):
        dataset.load(str(tmp_path / "x.bin"), "train")


def test_two_files_of_one_kind_are_refused(tmp_path: Path) -> None:
    save(tmp_path, "train-images-idx3-ubyte", "train-labels-idx1-ubyte")
    save(tmp_path, "a-train-images-idx3-ubyte", "y")

    with pytest.raises(DataError, match=r"expected one file of train images like .*, got a-train"):
        dataset.load(str(tmp_path), "train")
