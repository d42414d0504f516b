from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mlpcli.data.class_labels import encode, label_count, renumber
from mlpcli.data.raw import AS_FOUND
from mlpcli.errors import DataError

N = 6
TEXT = ["b", "a10", "a9", "b", "a9", "a10"]
CODES = [2, 1, 0, 2, 0, 1]


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (np.array(CODES, "u1"), ("0", "1", "2")),
        (np.array(CODES, ">i4")[:, None], ("0", "1", "2")),
        (np.array(CODES)[None], ("0", "1", "2")),
        (np.array(CODES, "f4"), ("0", "1", "2")),
        (np.eye(3)[CODES], ("0", "1", "2")),
        (np.eye(3, dtype=bool)[CODES].T, ("0", "1", "2")),
        (np.array(TEXT), ("a9", "a10", "b")),
        (np.array(TEXT, "S"), ("a9", "a10", "b")),
        (np.array([9, 3, 1, 9, 1, 3]), ("1", "3", "9")),
        (np.array([1, 0, -1, 1, -1, 0]), ("-1", "0", "1")),
        (np.array(["10", "9", "3", "10", "3", "9"]), ("3", "9", "10")),
    ],
    ids=lambda value: f"{getattr(value, 'dtype', '')}",
)
def test_labels_are_found_in_every_usual_form(
    labels: NDArray[Any], classes: tuple[str, ...]
) -> None:
    codes, names = encode(labels, (), N, AS_FOUND, source="a")

    assert names == classes
    assert codes.dtype == np.int64
    assert codes.tolist() == CODES


def test_as_many_one_hot_labels_as_classes_may_stand_either_way() -> None:
    one_hot = np.eye(4)[[1, 1, 3, 0]]  # label 2 has no image

    for labels in (one_hot, one_hot.T):
        codes, names = encode(labels, (), 4, AS_FOUND, source="a")
        assert (codes.tolist(), names) == ([1, 1, 2, 0], ("0", "1", "3"))


@pytest.mark.parametrize("images", [np.zeros((4, 5, 5)), np.zeros((25, 4))])
@pytest.mark.parametrize("labels", [np.eye(10)[:4], np.eye(10)[:, :4], np.arange(4)[None]])
def test_few_images_of_many_classes_are_counted(images: NDArray[Any], labels: NDArray[Any]) -> None:
    assert label_count(labels, images) == 4


def test_labels_of_two_values_may_be_bool() -> None:
    codes, names = encode(np.array([True, False]), (), 2, AS_FOUND, source="a")

    assert (codes.tolist(), names) == ([1, 0], ("0", "1"))


def test_two_classes_of_one_name_are_refused() -> None:
    with pytest.raises(DataError, match="two classes are called 'b'; give each its own name"):
        encode(np.array(CODES), ("b", "a", "b"), N, AS_FOUND, source="a")


def test_text_labels_may_be_listed_in_another_order() -> None:
    codes, names = encode(np.array(TEXT), ("b", "a9", "a10"), N, AS_FOUND, source="a")

    assert names == ("b", "a9", "a10")
    assert [names[code] for code in codes] == TEXT


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (np.zeros((N, 3)), "must be one-hot"),
        (np.full((N, 2), 0.5), "must be one-hot"),
        (np.zeros(N - 1, int), "has 6 images but 5 labels"),
        (np.array([0, 1, np.nan, 0, 0, 0]), "label nan of image 2 is not a whole number"),
        (np.array([0, 1, 1e300, 0, 0, 0]), r"label 1e\+300 of image 2"),
        (np.array([0, 1, 2**63, 0, 0, 0], "u8"), "label 9223372036854775808 of image 2"),
        (np.array([b"\xff"] * N), "must be UTF-8 text"),
        (np.zeros(N, "M8[s]"), "must be a row of whole numbers or of text"),
    ],
)
def test_labels_that_are_none_are_told(labels: NDArray[Any], told: str) -> None:
    with pytest.raises(DataError, match=told):
        encode(labels, (), N, AS_FOUND, source="a")


@pytest.mark.parametrize(
    ("own", "names", "positions"),
    [
        (("b", "a"), ("a", "b", "c"), [1, 0]),
        (("B", "A"), ("a", "b", "c"), [1, 0]),
        (("0", "2"), ("zero", "one", "two"), [0, 2]),
        (("zero", "one"), ("0", "1"), [0, 1]),
        (("3", "8"), ("3", "8"), [0, 1]),
    ],
)
def test_classes_are_matched_by_name_or_else_by_position(
    own: tuple[str, ...], names: tuple[str, ...], positions: list[int]
) -> None:
    codes, note = renumber(np.array([0, 1]), own, names, source="a")

    assert codes.tolist() == positions
    by_position = own[0].isdigit() != names[0].isdigit()
    assert note.startswith("classes are matched by position") == by_position


@pytest.mark.parametrize(
    ("own", "names"),
    [(("a", "d"), ("a", "b", "c")), (("0", "3"), ("0", "1", "2")), (("x", "y"), ("0", "1", "2"))],
)
def test_other_classes_are_refused(own: tuple[str, ...], names: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match="must be among those that were learned"):
        renumber(np.array([0, 1]), own, names, source="a")


def test_a_class_that_no_image_has_need_not_be_known() -> None:
    codes, _ = renumber(np.array([0, 0]), ("a", "d"), ("b", "a"), source="a")

    assert codes.tolist() == [1, 1]
