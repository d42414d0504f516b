import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mlpcli.data import mat

scipy_io = pytest.importorskip("scipy.io")

HEAD = b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM"
X = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


def saved(values: dict[str, Any], *, packed: bool = False) -> bytes:
    scipy_io.savemat(out := io.BytesIO(), values, do_compression=packed)
    return out.getvalue()


def element(kind: int, body: bytes) -> bytes:
    return struct.pack("<II", kind, len(body)) + body + bytes(-len(body) % 8)


def matrix(kind: int, shape: tuple[int, ...], name: bytes, content: bytes) -> bytes:
    dims = struct.pack(f"<{len(shape)}i", *shape)
    head = element(6, struct.pack("<II", kind, 0)) + element(5, dims) + element(1, name)
    return element(14, head + content)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"])
def test_numbers_of_every_type_are_read(dtype: str, packed: bool) -> None:
    found = mat.arrays(saved({"x": X.astype(dtype)}, packed=packed))

    assert found.keys() == {"x"}
    assert found["x"].dtype == dtype
    assert_array_equal(found["x"], X)


def test_arrays_of_structures_have_the_names_of_both() -> None:
    found = mat.arrays(saved({"dataset": {"train": {"images": X}, "mapping": X[0]}}))

    assert_array_equal(found["dataset/train/images"], X)
    assert_array_equal(found["dataset/mapping"], X[0])


def test_doubles_stay_as_they_are_stored_and_in_either_order_of_bytes() -> None:
    def big(kind: int, body: bytes) -> bytes:
        return struct.pack(">II", kind, len(body)) + body + bytes(-len(body) % 8)

    head = big(6, struct.pack(">II", 6, 0)) + big(5, struct.pack(">2i", 1, 2)) + big(1, b"x")
    # four bytes at most stand in the place of the size
    head += struct.pack(">HH", 4, 4) + struct.pack(">2H", 7, 258)
    found = mat.arrays(HEAD[:-2] + b"MI" + big(14, head))

    assert found["x"].tolist() == [[7, 258]]
    assert found["x"].dtype == ">u2"


def test_what_is_no_array_of_numbers_is_passed_over() -> None:
    others: dict[str, Any] = {"text": "abc", "cells": np.array([X, "a"], object), "c": X * 1j}

    assert mat.arrays(saved({**others, "x": X})).keys() == {"x"}


def test_nothing_is_made_that_a_file_only_promises() -> None:
    cells = matrix(1, (2**15, 2**12), b"cells", b"")
    many = matrix(2, (2**14, 2**13), b"many", element(5, struct.pack("<i", 8)) + element(1, b"a"))
    numbers = matrix(9, (1, 3), b"x", element(2, b"\1\2\3"))

    assert mat.arrays(HEAD + cells + many + numbers)["x"].tolist() == [[1, 2, 3]]


def test_deep_structures_are_refused() -> None:
    inner = matrix(9, (1, 1), b"", element(2, b"\1"))
    field = element(5, struct.pack("<i", 8)) + element(1, b"a".ljust(8, b"\0"))
    for _ in range(20):
        inner = matrix(2, (1, 1), b"s", field + inner)

    with pytest.raises(ValueError, match="structures are too deep"):
        mat.arrays(HEAD + inner)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (HEAD[:100], "names no order of bytes"),
        (saved({"x": X})[:-9], "is cut off"),
        (HEAD + matrix(9, (1, 4), b"x", element(2, b"\1")), "cannot reshape"),
        (HEAD + matrix(9, (-1, -1), b"x", element(2, b"\1")), "only specify one unknown|negative"),
        (saved({"x": X}, packed=True)[:-9], "is cut off|compressed array"),
        (HEAD + element(15, zlib.compress(bytes(65 << 20))), "unpacks to more than images do"),
    ],
)
def test_a_damaged_file_is_refused(content: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        mat.arrays(content)
