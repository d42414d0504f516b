import gzip
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mlpcli.data import dataset
from mlpcli.data.raw import Reading
from mlpcli.errors import DataError

IMAGES = np.arange(12 * 9, dtype=np.uint8).reshape(12, 3, 3) % 250
IMAGES[:, 2, 2] = 0  # the border of an image
IMAGES[:, 1, 1] = 255
LABELS = np.array([0, 1, 2] * 4)


def rows(labels: Any = LABELS, images: Any = IMAGES, *, last: bool = False) -> list[list[str]]:
    pixels = [[*map(str, image)] for image in images.reshape(len(images), -1)]
    pairs = zip(labels, pixels, strict=True)
    return [[*row, str(k)] if last else [str(k), *row] for k, row in pairs]


def names(label: str = "label", form: str = "pixel{}", *, last: bool = False) -> list[str]:
    pixels = [form.format(i) for i in range(9)]
    return [*pixels, label] if last else [label, *pixels]


def text(lines: list[list[str]], separator: str = ",", end: str = "\n") -> str:
    return "".join(separator.join(line) + end for line in lines)


def check(path: Path, classes: tuple[str, ...] = ("0", "1", "2"), **how: Any) -> dataset.Split:
    read = dataset.load(str(path), "train", how=Reading(**how))

    assert read.classes == classes
    assert_array_equal(read.images, IMAGES)
    assert_array_equal(read.labels, LABELS)
    assert read.files == {path.name: hashlib.sha256(path.read_bytes()).hexdigest()}
    return read


@pytest.mark.parametrize("label", ["label", "Class", "TARGET", "y"])
@pytest.mark.parametrize("form", ["pixel{}", "{}", "1x{}", "p {}"])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_labels_are_found_by_their_name(
    tmp_path: Path, label: str, form: str, last: bool, separator: str
) -> None:
    lines = [names(label, form, last=last), *rows(last=last)]
    (tmp_path / "a.csv").write_text(text(lines, separator))

    check(tmp_path / "a.csv")


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_a_table_without_names_has_labels_at_its_edge(
    tmp_path: Path, last: bool, packed: bool
) -> None:
    content = text(rows(last=last)).encode()
    path = tmp_path / ("a.csv.gz" if packed else "a.csv")
    path.write_bytes(gzip.compress(content) if packed else content)

    read = check(path)
    assert read.notes[0] == f"labels are in the {'last' if last else 'first'} column"


def test_labels_may_be_text_and_sorted(tmp_path: Path) -> None:
    labels = np.array(["a2", "a10", "b"])[LABELS]
    (tmp_path / "a.csv").write_text(text(rows(labels)))

    check(tmp_path / "a.csv", ("a2", "a10", "b"))


@pytest.mark.parametrize("label", ["kind", "0", "KIND"])
def test_a_setting_names_the_labels(tmp_path: Path, label: str) -> None:
    (tmp_path / "a.csv").write_text(text([names("kind"), *rows()]))

    check(tmp_path / "a.csv", label=label)
    with pytest.raises(DataError, match=r"has no column 'nope'; data\.label is one of kind, pix"):
        dataset.load(str(tmp_path / "a.csv"), "train", how=Reading(label="nope"))


def test_an_index_is_left_out_with_a_note(tmp_path: Path) -> None:
    lines = [["id", *names()], *([str(i), *row] for i, row in enumerate(rows()))]
    (tmp_path / "a.csv").write_text(text(lines))

    assert "left out the column 'id'" in check(tmp_path / "a.csv").notes


@pytest.mark.parametrize("end", ["\r\n", "\n\n", " \n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_lines_as_other_programs_write_them(
    tmp_path: Path, end: str, mark: str, quote: str
) -> None:
    lines = [[f"{quote}{cell}{quote}" for cell in row] for row in [names(), *rows()]]
    (tmp_path / "a.csv").write_text(mark + text(lines, end=end), newline="")

    check(tmp_path / "a.csv")


def test_pixels_may_be_fractions(tmp_path: Path) -> None:
    lines = [names(), *rows(images=IMAGES / 255)]
    (tmp_path / "a.csv").write_text(text(lines))

    check(tmp_path / "a.csv")


def test_the_files_of_a_folder_are_splits(tmp_path: Path) -> None:
    (tmp_path / "mnist_train.csv").write_text(text(rows()))
    (tmp_path / "mnist_test.csv").write_text(text(rows()[:5]))
    (tmp_path / "sample_submission.csv").write_text("ImageId,Label\n1,0\n")

    assert dataset.splits(str(tmp_path)) == ("train", "test")
    assert len(dataset.load(str(tmp_path), "test").labels) == 5


def test_a_test_split_without_labels_is_told(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(text([names(), *rows()]))
    (tmp_path / "test.csv").write_text(text([row[1:] for row in [names(), *rows()]]))

    assert len(dataset.load(str(tmp_path), "train").labels) == 12
    with pytest.raises(DataError, match="its test images have no labels; `mlp predict`"):
        dataset.load(str(tmp_path), "test")


def replaced(line: int, cell: int, value: str) -> list[list[str]]:
    lines = [names(), *rows()]
    lines[line][cell] = value
    return lines


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (text(replaced(7, 3, "dark")), r"a\.csv:8: expected a number, got 'dark'"),
        (text(replaced(7, 3, "nan")), "image 6 holds a value that is not a number"),
        (text(replaced(7, 3, "-1")), "a pixel must be at least 0, black, got -1"),
        (text([names(), *rows()[:4], rows()[4][:-1]]), r"a\.csv:6: has 9 columns, .* before it 10"),
        (text([[*row, "1"] for row in rows()]), "has 11 columns, which are not a label and a sq"),
        (text([["y", *names()], *([row[0], *row] for row in rows())]), "may both be the labels"),
        (text([[*row[:-1], row[0]] for row in rows()]), "its first or its last column may"),
        (text([names()]), "expected a number, got 'label'"),
        ("1,2,3,4,5,\xff\n" * 9, "not UTF-8 text"),
        ("1,2,3,4,5,6\n" + "1," * (3 << 20), r"a\.csv:2: is longer than 4,194,304 bytes"),
    ],
)
def test_a_wrong_table_is_told_with_its_line(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "a.csv").write_text(content, encoding="latin-1")

    with pytest.raises(DataError, match=told):
        dataset.load(str(tmp_path / "a.csv"), "train")


def test_a_packed_table_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"1,2,3,4,5,6,7,8,9,10\n" * (4 << 20)))

    with pytest.raises(DataError, match="unpacks to more than images do"):
        dataset.load(str(tmp_path / "a.csv.gz"), "train")
