"""Parquet, MATLAB and HDF5 files, as they are published."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray
from PIL import Image

from mlpcli.data import dataset
from mlpcli.data.raw import Reading
from mlpcli.errors import DataError

h5py = pytest.importorskip("h5py")
pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
scipy_io = pytest.importorskip("scipy.io")

IMAGES = np.arange(10 * 16, dtype=np.uint8).reshape(10, 4, 4)
IMAGES[:, 0, 3] = 255
LABELS = np.arange(10) % 3
ROWS = IMAGES.reshape(10, 16)


def check(path: Path, classes: tuple[str, ...] = ("0", "1", "2"), **how: Any) -> dataset.Split:
    read = dataset.load(str(path), "train", how=Reading(**how))

    assert read.classes == classes
    assert_array_equal(read.images, IMAGES)
    assert_array_equal(read.labels, LABELS)
    return read


def png(image: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def test_an_mat_file_of_emnist_is_read(tmp_path: Path) -> None:
    columns = IMAGES.swapaxes(1, 2).reshape(10, 16)
    part = {"images": columns, "labels": LABELS[:, None], "writers": LABELS[:, None]}
    half = {"images": columns[:5], "labels": LABELS[:5, None]}
    mapping = np.array([[0, 48], [1, 49], [2, 50]])
    scipy_io.savemat(
        tmp_path / "emnist.mat",
        {"dataset": {"train": part, "test": half, "mapping": mapping}},
        do_compression=True,
    )

    check(tmp_path / "emnist.mat", column_major=True)
    test = dataset.load(str(tmp_path / "emnist.mat"), "test", how=Reading(column_major=True))
    assert_array_equal(test.images, IMAGES[:5])


def test_ten_stands_for_zero_where_that_is_said(tmp_path: Path) -> None:
    labels = np.where(LABELS == 0, 10, LABELS)[:, None]
    scipy_io.savemat(tmp_path / "a.mat", {"X": ROWS / 255, "y": labels})

    check(tmp_path / "a.mat", ten_is_zero=True)
    read = dataset.load(str(tmp_path / "a.mat"), "train")
    assert read.classes == ("1", "2", "10")
    assert any("data.ten_is_zero" in note for note in read.notes)


def test_a_note_says_how_rows_of_an_mat_file_are_read(tmp_path: Path) -> None:
    scipy_io.savemat(tmp_path / "a.mat", {"X": ROWS, "y": LABELS[:, None]})
    scipy_io.savemat(tmp_path / "b.mat", {"X": IMAGES, "y": LABELS[:, None]})

    def notes(name: str, **how: Any) -> str:
        return "; ".join(dataset.load(str(tmp_path / name), "train", how=Reading(**how)).notes)

    assert "data.column_major=true" in notes("a.mat")
    assert "column_major" not in notes("a.mat", column_major=True) + notes("b.mat")


def test_images_may_stand_last_in_an_mat_file(tmp_path: Path) -> None:
    colors = np.moveaxis(np.stack([IMAGES] * 3, axis=-1), 0, -1)
    scipy_io.savemat(tmp_path / "svhn.mat", {"X": colors, "y": LABELS[:, None]})

    check(tmp_path / "svhn.mat")


def test_an_hdf5_file_of_usps_is_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "usps.h5", "w") as file:
        for split, n in (("train", 10), ("test", 4)):
            file[f"{split}/data"] = ROWS[:n] / 255
            file[f"{split}/target"] = LABELS[:n]

    check(tmp_path / "usps.h5")
    assert len(dataset.load(str(tmp_path / "usps.h5"), "test").labels) == 4


def test_labels_of_an_hdf5_file_may_be_text(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x_train", data=IMAGES, compression="gzip", chunks=(2, 4, 4))
        file["y_train"] = [["a", "b", "c"][label] for label in LABELS]

    check(tmp_path / "a.h5", ("a", "b", "c"))


@pytest.mark.parametrize("kind", ["external", "virtual", "link"])
def test_an_hdf5_file_is_not_followed_out_of_itself(tmp_path: Path, kind: str) -> None:
    (tmp_path / "other").write_bytes(bytes(160))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["y_train"] = LABELS
        if kind == "external":
            where = [(str(tmp_path / "other"), 0, 160)]
            file.create_dataset("x_train", (10, 16), "u1", external=where)
        elif kind == "virtual":
            layout = h5py.VirtualLayout((10, 16), "u1")
            layout[:] = h5py.VirtualSource(str(tmp_path / "b.h5"), "x", (10, 16))
            file.create_virtual_dataset("x_train", layout)
        else:
            file["x_train"] = h5py.ExternalLink("b.h5", "x")

    with pytest.raises(DataError, match=r"is in other files|has no array with a name"):
        dataset.load(str(tmp_path / "a.h5"), "train")


def test_the_axes_of_matlab_7_3_are_turned_round(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.mat", "w", userblock_size=512) as file:
        file["X"], file["y"] = IMAGES.T, LABELS[None]  # as MATLAB writes (10, 4, 4) and (10, 1)
    with (tmp_path / "a.mat").open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64")

    check(tmp_path / "a.mat")


def test_groups_that_hold_each_other_are_entered_once(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x_train"], file["y_train"] = IMAGES, LABELS
        group = file.create_group("more")
        for i in range(100):
            group[f"{i}"] = group
        for _ in range(3000):
            group = group.create_group("deeper")

    check(tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"chunks": (1 << 16, 1 << 15), "maxshape": (None, None), "compression": 1}, "promises 2,"),
        ({"shape": (1 << 40, 16)}, "promises 17,592,186,044,416 bytes"),
        ({"scaleoffset": 0}, "needs a plugin"),
    ],
    ids=["one huge chunk", "a huge shape", "another filter"],
)
def test_what_an_hdf5_file_cannot_hold_is_refused(
    tmp_path: Path, options: dict[str, Any], told: str
) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["y_train"] = LABELS
        file.create_dataset("x_train", **{"shape": (10, 16), "dtype": "u1", **options})

    with pytest.raises(DataError, match=f"x_train: .*{told}"):
        dataset.load(str(tmp_path / "a.h5"), "train")


def table(first: int, last: int, names: list[str] | None = None) -> Any:
    images = [{"bytes": png(image), "path": f"{i}.png"} for i, image in enumerate(IMAGES)]
    made = pyarrow.table({"image": images[first:last], "label": LABELS[first:last]})
    if names:
        features = {"label": {"names": names, "_type": "ClassLabel"}}
        about = json.dumps({"info": {"features": features}})
        made = made.replace_schema_metadata({"huggingface": about})
    return made


def test_parquet_files_of_a_split_are_joined(tmp_path: Path) -> None:
    names = ["cat", "dog", "su"]
    for shard, rows in enumerate(((0, 6), (6, 10))):
        place = tmp_path / f"train-0000{shard}-of-00002.parquet"
        parquet.write_table(table(*rows, names), place)
    parquet.write_table(table(0, 3, names), tmp_path / "test-00000-of-00001.parquet")

    check(tmp_path, ("cat", "dog", "su"))
    assert len(dataset.load(str(tmp_path), "test").labels) == 3


def test_a_repository_of_the_hub_has_its_files_in_data(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n")
    (tmp_path / "data").mkdir()
    parquet.write_table(table(0, 10), tmp_path / "data/train-00000-of-00001.parquet")

    check(tmp_path)


def test_a_parquet_file_may_hold_the_bytes_themselves(tmp_path: Path) -> None:
    made = pyarrow.table({"img": [png(image) for image in IMAGES], "Class": LABELS})
    parquet.write_table(made, tmp_path / "a.parquet")

    check(tmp_path / "a.parquet")


def test_a_parquet_file_without_pictures_is_described(tmp_path: Path) -> None:
    parquet.write_table(pyarrow.table({"a": [1], "b": ["x"]}), tmp_path / "a.parquet")

    with pytest.raises(DataError, match="has no column of pictures, only a, b"):
        dataset.load(str(tmp_path / "a.parquet"), "train")


HEADS = {
    "parquet": b"PAR1",
    "mat": b"MATLAB 5.0 MAT-file" + b" " * 105 + b"\0\1IM",
    "h5": b"\x89HDF\r\n\x1a\n",
}


@pytest.mark.parametrize("form", HEADS)
def test_a_damaged_file_is_told(tmp_path: Path, form: str) -> None:
    (tmp_path / f"a.{form}").write_bytes(HEADS[form] + bytes(range(256)))

    with pytest.raises(DataError, match=rf"a\.{form}: not a readable|has no array"):
        dataset.load(str(tmp_path / f"a.{form}"), "train")


@pytest.mark.parametrize(("form", "library"), [("parquet", "pyarrow"), ("h5", "h5py")])
def test_a_library_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, library: str
) -> None:
    (tmp_path / f"a.{form}").write_bytes(HEADS[form])
    for name in list(sys.modules):
        if name.partition(".")[0] == library:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)

    with pytest.raises(
        DataError, match=rf"needs {library}.*; pip install 'mlp-trainer\[formats\]'"
    ):
        dataset.load(str(tmp_path / f"a.{form}"), "train")


def test_an_mat_file_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    scipy_io.savemat(
        tmp_path / "a.mat", {"X": np.zeros((300, 1 << 18), "u1"), "y": [0]}, do_compression=True
    )

    with pytest.raises(DataError, match="unpacks to more than images do"):
        dataset.load(str(tmp_path / "a.mat"), "train")


def test_a_parquet_table_may_have_a_column_for_each_pixel(tmp_path: Path) -> None:
    pixels = {f"pixel{i}": ROWS[:, i] for i in range(16)}
    parquet.write_table(pyarrow.table({"label": LABELS, **pixels}), tmp_path / "a.parquet")

    check(tmp_path / "a.parquet")


def test_a_picture_that_fills_a_million_rows_is_refused(tmp_path: Path) -> None:
    rows = pyarrow.table({"image": [png(IMAGES[0])] * 10**6, "label": np.zeros(10**6, "u1")})
    parquet.write_table(rows, tmp_path / "a.parquet")

    with pytest.raises(DataError, match="promises 1,000,000 rows, which cannot be in it"):
        dataset.load(str(tmp_path / "a.parquet"), "train")


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ([0, None], "row 1 must have a number or a text as its label, got None"),
        ([[0], [1, 2]], r"row 0 must have a number or a text as its label, got \[0\]"),
        ([-1, -1], "its train images have no labels"),
    ],
)
def test_labels_that_a_parquet_file_lacks_are_told(
    tmp_path: Path, labels: list[Any], told: str
) -> None:
    images = [png(image) for image in IMAGES[:2]]
    parquet.write_table(pyarrow.table({"image": images, "label": labels}), tmp_path / "a.parquet")

    with pytest.raises(DataError, match=told):
        dataset.load(str(tmp_path / "a.parquet"), "train")


def test_a_parquet_page_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    rows = pyarrow.table({"image": [bytes(65 << 20)], "label": [0]})
    parquet.write_table(rows, tmp_path / "a.parquet", compression="zstd", use_dictionary=False)

    with pytest.raises(DataError, match=r"promises 68,\d+,\d+ bytes, which cannot be in it"):
        dataset.load(str(tmp_path / "a.parquet"), "train")
