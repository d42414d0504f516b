import tracemalloc

import numpy as np
import pytest

from mlpcli.data import quality
from mlpcli.data.dataset import Split

SMALL = np.random.default_rng(0).integers(0, 256, (40, 3, 3), np.uint8)


def split(images: object = SMALL, labels: object = None, classes: str = "ab") -> Split:
    x = np.asarray(images, np.uint8)
    y = np.arange(len(x)) % 2 if labels is None else np.asarray(labels)
    return Split("own", x, y.astype(np.int64), tuple(classes), {})


def test_sound_data_have_no_findings() -> None:
    found = quality.examine({"train": split(), "test": split(SMALL[:5] ^ 1)})

    assert found.findings == ()
    assert found.splits["train"].classes == {"a": 20, "b": 20}
    assert (found.splits["test"].images, found.splits["test"].size) == (5, (3, 3))
    assert found.leaked == {"test": 0}


def test_copies_are_those_that_equal_an_earlier_image(rng: np.random.Generator) -> None:
    images = rng.integers(0, 2, (3000, 3, 3), np.uint8)
    labels = rng.integers(0, 3, 3000)
    seen: dict[bytes, set[int]] = {}
    for image, label in zip(images, labels.tolist(), strict=True):
        seen.setdefault(image.tobytes(), set()).add(label)
    contradictory = sum(len(seen[image.tobytes()]) > 1 for image in images)

    assert quality.copies(images, labels) == (3000 - len(seen), contradictory)


def test_images_with_several_labels_are_counted() -> None:
    images = np.concatenate([SMALL, SMALL[:3]])
    labels = np.concatenate([np.arange(40) % 2, (np.arange(3) + 1) % 2])

    found = quality.examine({"train": split(images, labels)})

    assert found.splits["train"].contradictions == 6
    assert found.findings == (
        "train: 6 images are there with several labels",
        "train: 3 images are copies of others",
    )


@pytest.mark.parametrize("side", [3, 5])
def test_images_of_the_test_split_that_are_trained_on_are_found(side: int) -> None:
    test = np.zeros((10, side, side), np.uint8)
    start = (side - 3) // 2
    test[:, start : start + 3, start : start + 3] = SMALL[:10]
    test[:6, 0, 0] ^= 1

    found = quality.examine({"train": split(), "test": split(test)})

    assert found.leaked == {"test": 4}
    assert found.findings == ("test: 4 of its 10 images are also in train",)


def test_blank_images_and_small_classes_are_found() -> None:
    images = np.concatenate([SMALL[:5], np.zeros((1, 3, 3))])

    found = quality.examine({"all": split(images, [0, 0, 0, 0, 1, 0], classes="abc")})

    assert found.findings == (
        "all: 1 image is blank",
        "all: class 'b' has a single image",
        "all: class 'c' has no images",
    )


def test_why_a_split_could_not_be_read_is_a_finding() -> None:
    assert quality.examine({"train": split()}, ("own: has the label 'x'",)).findings == (
        "own: has the label 'x'",
    )


def test_looking_for_copies_takes_little_memory() -> None:
    images = np.random.default_rng(0).integers(0, 256, (20_000, 28, 28), dtype=np.uint8)
    tracemalloc.start()
    try:
        found = quality.copies(images, np.arange(20_000))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert found == (0, 0)
    assert peak < images.nbytes / 2
