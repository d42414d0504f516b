import numpy as np
import pytest

from mlpcli.data.raw import Raw, joined
from mlpcli.errors import DataError

IMAGES = np.zeros((2, 3, 3), np.uint8)
LABELS = np.array([0, 1])


def test_parts_of_a_split_are_joined_in_their_order() -> None:
    parts = [Raw(IMAGES, LABELS, {"a": "1"}), Raw(IMAGES + 1, LABELS + 1, {"b": "2"})]

    whole = joined(parts)
    assert whole.images[:, 0, 0].tolist() == [0, 0, 1, 1]
    assert whole.labels is not None
    assert whole.labels.tolist() == [0, 1, 1, 2]
    assert whole.files == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (Raw(IMAGES[:, :2], LABELS, {"b": ""}), r"a, b: the images .*\(2, 3, 3\) and .*\(2, 2, 3"),
        (
            Raw(IMAGES.reshape(2, 9), LABELS, {"b": ""}),
            "a, b: the images of one split must have on",
        ),
        (Raw(IMAGES, LABELS[:, None], {"b": ""}), "a, b: the labels of one split must have one sh"),
    ],
)
def test_parts_of_other_shapes_are_not_joined(other: Raw, told: str) -> None:
    with pytest.raises(DataError, match=told):
        joined([Raw(IMAGES, LABELS, {"a": ""}), other])
