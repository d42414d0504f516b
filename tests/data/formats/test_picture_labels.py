from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from mlpcli.data import dataset
from mlpcli.data.raw import AS_FOUND
from mlpcli.errors import DataError
from tests.data.formats.test_picture_folders import HEIC, IMAGES, LABELS, check


def listed(
    place: Path, prefix: str = "", end: str = ".png", head: str = "file_name,label", sep: str = ","
) -> str:
    """A table of the pictures, which are saved in a place."""
    place.mkdir(parents=True, exist_ok=True)
    rows = [head] if head else []
    for number, (image, label) in enumerate(zip(IMAGES, LABELS, strict=True)):
        Image.fromarray(image).save(place / f"{number:02}.png")
        rows.append(f"{prefix}{number:02}{end}{sep}{label}")
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize("name", ["metadata.csv", "labels.csv"])
@pytest.mark.parametrize("end", [".png", ""])
def test_a_table_beside_the_pictures_has_their_labels(tmp_path: Path, name: str, end: str) -> None:
    table = listed(tmp_path, end=end, head="id,breed")
    (tmp_path / name).write_text(table, encoding="utf-8-sig")

    check(tmp_path)


@pytest.mark.parametrize("prefix", ["", "train/", ".\\train\\"])
def test_a_table_above_the_pictures_has_their_labels(tmp_path: Path, prefix: str) -> None:
    table = listed(tmp_path / "train", prefix)
    (tmp_path / "labels.csv").write_text(table)

    assert dataset.splits(str(tmp_path)) == ("train",)
    check(tmp_path)


@pytest.mark.parametrize("prefix", ["", "images/"])
@pytest.mark.parametrize("end", [".png", ""])
def test_the_pictures_may_lie_in_a_folder_beside_the_table(
    tmp_path: Path, prefix: str, end: str
) -> None:
    table = listed(tmp_path / "images", prefix, end)
    (tmp_path / "labels.csv").write_text(table)

    check(tmp_path)


def test_each_split_may_have_a_table(tmp_path: Path) -> None:
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
        (tmp_path / split / "metadata.csv").write_text(listed(tmp_path / split))

    check(tmp_path, "test")


def test_a_table_may_name_the_pictures_of_every_split(tmp_path: Path) -> None:
    rows = ["file_name,label"]
    for split in ("train", "test"):
        rows += listed(tmp_path / split, f"{split}/", head="").splitlines()
    (tmp_path / "metadata.csv").write_text("\n".join(rows))

    check(tmp_path)
    check(tmp_path, "test")


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("label,file_name", "{1},{0}"),
        (",file_name,label", "7,{0},{1}"),
        ("file_name,width,label", "{0},4,{1}"),
        ("id\tlabel", "{0}\t{1}"),
        ("image;kind", "{0};{1}"),
        ("kind,image", "{1},{0}"),
        ("", "{0},{1}"),
    ],
)
def test_the_columns_are_known_by_their_names(tmp_path: Path, head: str, row: str) -> None:
    rows = [line.split(",") for line in listed(tmp_path, head="").splitlines()]
    lines = [*([head] if head else []), *(row.format(*each) for each in rows)]
    (tmp_path / "labels.csv").write_text("\n".join(lines))

    check(tmp_path)


def test_the_setting_names_the_column_of_the_labels(tmp_path: Path) -> None:
    rows = [f"{line},x" for line in listed(tmp_path, head="").splitlines()]
    (tmp_path / "labels.csv").write_text("\n".join(["file_name,Kind,label", *rows]))

    read = dataset.load(str(tmp_path), "train", how=AS_FOUND._replace(label="kind"))

    assert read.classes == ("a2", "a10", "b")


def test_pictures_that_the_table_lacks_are_left_out_with_a_note(tmp_path: Path) -> None:
    lines = listed(tmp_path).splitlines()
    (tmp_path / "labels.csv").write_text("\n".join(lines[:-2]))
    (tmp_path / "00.json").write_text("{}")
    (tmp_path / "photo").write_bytes(HEIC)

    read = dataset.load(str(tmp_path), "train")

    assert_array_equal(read.images, IMAGES[:-2])
    heic = "HEIC, which is not read; convert it to PNG or JPEG"
    assert f"left out {tmp_path / 'photo'}: {heic}" in read.notes
    assert f"left out {tmp_path / '10.png'} and 1 more: not in labels.csv" in read.notes


def test_a_picture_may_lack_a_suffix(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(listed(tmp_path, end=""))
    for number in range(0, 12, 2):
        (tmp_path / f"{number:02}.png").rename(tmp_path / f"{number:02}")

    check(tmp_path)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("", "its first line must name the columns file_name and label, got nothing"),
        ("a,b,c\n", "must name the columns file_name and label, got a, b, c"),
        ("id,class,label\n", "must name the columns file_name and label, got id, class, label"),
        ("id,label\n00,b\n../x.png,b\n", r"metadata\.csv:3: '\.\./x\.png' is not in"),
        ("id,label\n00,b\n\n/etc/x.png,b\n", r"metadata\.csv:4: '/etc/x\.png' is not in"),
        ("id,label\n00.png\n", r"metadata\.csv:2: has no label; leave out what has none"),
        ("id,label\n00.png, \n", r"metadata\.csv:2: has no label; leave out what has none"),
        ("id,label\n0,cat\n1,dog\n", "names no picture in .*; rename it if it is not a list"),
        ("id,label\n00,b\n02,a\n", r"'02' may be .*02\.jpg or .*02\.png"),
        ("id,label\n", "names no picture"),
        ('id,label\n"', "not a table of UTF-8 text"),
        ("id,label\n\udcff", "not a table of UTF-8 text"),
    ],
)
def test_a_wrong_table_is_told(tmp_path: Path, table: str, told: str) -> None:
    listed(tmp_path)
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "02.jpg")
    (tmp_path / "metadata.csv").write_bytes(table.encode(errors="surrogateescape"))

    with pytest.raises(DataError, match=told):
        dataset.load(str(tmp_path), "train")
