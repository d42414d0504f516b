import gzip
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mlpcli.data import idx
from mlpcli.errors import DataError


def header(magic: int, *counts: int) -> bytes:
    return b"".join(n.to_bytes(4, "big") for n in (magic, *counts))


IMAGES = header(2051, 2, 2, 3) + bytes(range(12))
gz = partial(gzip.compress, mtime=0)  # a test is named by its bytes, so they must not change


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x"


@pytest.mark.parametrize("packed", [False, True])
def test_images_are_read_row_by_row(path: Path, packed: bool) -> None:
    path.write_bytes(gzip.compress(IMAGES) if packed else IMAGES)

    assert_array_equal(idx.images(path), np.arange(12).reshape(2, 2, 3))


def test_an_uncompressed_file_stays_on_disk(path: Path) -> None:
    path.write_bytes(IMAGES)

    images = idx.images(path)

    assert type(images) is np.ndarray  # not a subclass, which would slow down what uses it
    assert images.base is not None
    assert isinstance(images.base.base, np.memmap)


def test_a_label_table_without_columns_is_refused(path: Path) -> None:
    path.write_bytes(header(3074, 2, 0))

    with pytest.raises(DataError, match="its label table has no columns"):
        idx.labels(path)


def test_a_label_table_gives_its_first_column(path: Path) -> None:
    table = np.array([[7, 1, 2], [300, 3, 4]], ">i4")
    path.write_bytes(header(3074, 2, 3) + table.tobytes())

    assert idx.labels(path).tolist() == [7, 300]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected magic number 2051, but the file has 0 bytes"),
        (header(2049, 3) + b"abc", "expected magic number 2051, got 2049; is it the right file"),
        (IMAGES[:9], "truncated inside its header"),
        (IMAGES[:-1], "promises 2x2x3 values, 12 bytes, but it holds 11; fetch"),
        (IMAGES + b"x", "promises 2x2x3 values, 12 bytes, but it holds 13; fetch"),
        (gz(IMAGES[:-1]), "promises 2x2x3 values, 12 bytes, but it holds 11; fetch"),
        (gz(IMAGES + b"x"), "12 bytes, but it holds more; fetch"),
        (gz(IMAGES)[:-9], "the gzip data is truncated; fetch the file again"),
        (gz(IMAGES)[:-8] + b"12345678", "the gzip data is damaged; fetch the file"),
        (gz(header(2051, 2**32 - 1, 28, 28)), "which cannot be in it"),
        (b"<!DOCTYPE html><html>Not found</html>", "is a web page, not IDX data"),
        (b"\n\n<html>", "is a web page, not IDX data"),
    ],
)
def test_a_bad_file_is_described(path: Path, content: bytes, message: str) -> None:
    path.write_bytes(content)

    with pytest.raises(DataError) as caught:
        idx.images(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_more_than_promised_is_not_unpacked(path: Path) -> None:
    path.write_bytes(gzip.compress(IMAGES + bytes(50_000_000)))

    with pytest.raises(DataError, match="holds more"):
        idx.images(path)


def test_a_missing_file_is_named(path: Path) -> None:
    with pytest.raises(DataError, match=f"{path}: not readable: No such file"):
        idx.labels(path)
