from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray
from PIL import Image

from mlpcli.data import dataset
from mlpcli.errors import DataError

IMAGES = np.arange(12 * 16, dtype=np.uint8).reshape(12, 4, 4)
IMAGES[:, 1, 1] = 255
LABELS = np.repeat(["a2", "a10", "b"], 4)  # in natural order
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"


def save(place: Path, images: NDArray[Any], labels: NDArray[Any], form: str = "png") -> None:
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        (place / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / label / f"{number:02}.{form}")


def check(path: Path, split: str = "train", images: NDArray[Any] = IMAGES) -> dataset.Split:
    read = dataset.load(str(path), split)

    assert read.classes == ("a2", "a10", "b")
    assert_array_equal(read.images, images)
    return read


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train", "test"),
        ("Train", "Test"),
        ("training", "testing"),
        ("training_set", "test_set"),
        ("train_images", "test_images"),
        ("outer/train", "outer/test"),
        ("outer/inner/TRAIN", "outer/inner/TEST"),
        ("train/train", "test/test"),
        ("outer/training_set/training_set", "outer/test_set/test_set"),
        ("train/inner", "test/inner"),
    ],
)
def test_splits_are_known_by_their_names(tmp_path: Path, train: str, test: str) -> None:
    save(tmp_path / train, IMAGES, LABELS)
    save(tmp_path / test, IMAGES[::2], LABELS[::2])

    check(tmp_path)
    read = check(tmp_path, "test", IMAGES[::2])
    assert read.labels.tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("name", ["val", "valid", "Validation", "dev"])
def test_a_validation_split_is_found(tmp_path: Path, name: str) -> None:
    save(tmp_path / "train", IMAGES, LABELS)
    save(tmp_path / name, IMAGES[:8], LABELS[:8])

    assert dataset.splits(str(tmp_path)) == ("train", "validation")
    check(tmp_path, "validation", IMAGES[:8])


@pytest.mark.parametrize("outer", [".", "outer", "one/two"])
def test_folders_of_classes_alone_are_training_images(tmp_path: Path, outer: str) -> None:
    save(tmp_path / outer, IMAGES, LABELS)

    check(tmp_path)


@pytest.mark.parametrize("form", ["png", "bmp", "gif", "tif", "pgm", "ppm", "webp"])
def test_the_first_bytes_tell_a_picture(tmp_path: Path, form: str) -> None:
    save(tmp_path, IMAGES, LABELS, form)
    for file in tmp_path.rglob(f"*.{form}"):
        file.rename(file.with_suffix(".dat"))

    read = dataset.load(str(tmp_path), "train")

    assert read.images.shape == (12, 4, 4)
    assert read.skipped == ()


def test_what_is_left_out_is_counted_with_the_reason(tmp_path: Path) -> None:
    save(tmp_path, IMAGES, LABELS)
    for name in (".DS_Store", "Thumbs.db", "notes.txt", "more.txt"):
        (tmp_path / "b" / name).write_text("text")
    (tmp_path / "d").mkdir()
    for name in ("photo.HEIC", "named.jpg"):
        (tmp_path / "d" / name).write_bytes(HEIC)
    (tmp_path / "a2" / "more").mkdir()
    Image.fromarray(IMAGES[0]).save(tmp_path / "a2" / "more" / "x.png")
    Image.fromarray(IMAGES[0]).save(tmp_path / "stray.png")
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "__MACOSX" / "x.png").write_text("text")

    read = check(tmp_path)

    heic = "HEIC, which is not read; convert it to PNG or JPEG"
    assert sorted((Path(name).name, why) for name, why in read.skipped) == [
        ("more", "a folder in the folder of a class"),
        ("more.txt", "no picture"),
        ("named.jpg", heic),
        ("notes.txt", "no picture"),
        ("photo.HEIC", heic),
        ("stray.png", "beside the folders of the classes"),
    ]
    place = tmp_path / "b"
    assert f"left out {place / 'more.txt'} and 1 more: no picture" in read.notes


def test_what_is_beside_the_folders_of_the_splits_is_told_once(tmp_path: Path) -> None:
    for name in ("train", "test", "more"):
        save(tmp_path / name, IMAGES, LABELS)
    Image.fromarray(IMAGES[0]).save(tmp_path / "stray.png")

    train, test = (check(tmp_path, split) for split in ("train", "test"))

    reason = "not in the folder of a split"
    assert train.skipped == (
        (f"{tmp_path / 'stray.png'}", reason),
        (f"{tmp_path / 'more'}", reason),
    )
    assert test.skipped == ()


def test_two_folders_of_one_split_are_refused(tmp_path: Path) -> None:
    for name in ("train", "training_set"):
        save(tmp_path / name, IMAGES, LABELS)

    with pytest.raises(DataError, match="train and training_set may both hold the train images"):
        dataset.splits(str(tmp_path))


def test_a_class_that_training_lacks_is_told(tmp_path: Path) -> None:
    save(tmp_path / "train", IMAGES[:8], LABELS[:8])
    (tmp_path / "train" / "b").mkdir()
    save(tmp_path / "test", IMAGES, LABELS)

    assert dataset.load(str(tmp_path), "train").classes == ("a2", "a10")
    with pytest.raises(DataError, match="its classes a2, a10, b must be among those that were lea"):
        dataset.load(str(tmp_path), "test")


def test_classes_may_differ_by_case_alone(tmp_path: Path) -> None:
    save(tmp_path, IMAGES[:2], np.array(["Cat", "cat"]))

    assert dataset.load(str(tmp_path), "train").classes == ("Cat", "cat")


def test_tables_of_pixels_with_a_picture_beside_are_read(tmp_path: Path) -> None:
    for split in ("train", "test"):
        rows = [",".join(map(str, [k, *range(16)])) for k in (0, 1, 2)]
        (tmp_path / f"sign_{split}.csv").write_text("\n".join(rows))
    Image.fromarray(IMAGES[0]).save(tmp_path / "explained.png")

    assert dataset.splits(str(tmp_path)) == ("train", "test")


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    save(tmp_path, IMAGES, LABELS)
    (tmp_path / "b" / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n")

    with pytest.raises(DataError, match=r"x\.png: cannot be decoded|x\.png: is not an image"):
        dataset.load(str(tmp_path), "train")


@pytest.mark.parametrize("places", [["."], ["train_images", "test_images"]])
def test_pictures_without_labels_are_refused(tmp_path: Path, places: list[str]) -> None:
    for place in places:
        (tmp_path / place).mkdir(exist_ok=True)
        for number, image in enumerate(IMAGES):
            Image.fromarray(image).save(tmp_path / place / f"{number}.png")

    with pytest.raises(DataError, match="its pictures have no labels; sort them into one folder"):
        dataset.load(str(tmp_path), "train")


def test_pictures_of_several_sizes_lie_on_their_background(tmp_path: Path) -> None:
    light = np.full((6, 20, 12), 250, np.uint8)
    light[:, 8:12, 5:7] = 10
    save(tmp_path / "all", light, np.repeat(["x", "y"], 3))
    Image.fromarray(light[0, 2:, 2:]).save(tmp_path / "all" / "x" / "small.png")

    read = dataset.load(str(tmp_path), "train")

    assert read.light
    assert read.images.shape == (7, 32, 32)
    assert read.images[:, 0].max() == 0  # around the picture
    assert read.images.max() == 245
