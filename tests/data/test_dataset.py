import gzip
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from mlpcli.data import dataset, preprocessing, subsets
from mlpcli.data.raw import Reading
from mlpcli.errors import DataError
from tests.source import loaded

Arrays = dict[str, Any]
ARRAYS: Arrays = {
    "x_train": np.arange(6 * 4, dtype="uint8").reshape(6, 2, 2),
    "y_train": np.array([0, 1, 2, 0, 1, 2], "uint8"),
    "x_test": np.zeros((3, 2, 2), "uint8"),
    "y_test": np.array([0, 1, 2], "uint8"),
}


def idx_bytes(array: Any) -> bytes:
    counts = (0x0800 + array.ndim, *array.shape)
    return b"".join(n.to_bytes(4, "big") for n in counts) + array.tobytes()


def save_idx(folder: Path, arrays: Arrays, *, packed: bool = False) -> str:
    folder.mkdir(exist_ok=True)
    for split, called in (("train", "train"), ("test", "t10k")):
        for kind, key, axes in (("images", "x", 3), ("labels", "y", 1)):
            content = idx_bytes(arrays[f"{key}_{split}"])
            name = f"{called}-{kind}-idx{axes}-ubyte" + (".gz" if packed else "")
            (folder / name).write_bytes(gzip.compress(content) if packed else content)
    return str(folder)


def save_npz(path: Path, arrays: Arrays) -> str:
    np.savez(path, allow_pickle=True, **arrays)
    return str(path)


@pytest.mark.parametrize("packed", [False, True])
def test_a_folder_of_idx_files_is_read(tmp_path: Path, packed: bool) -> None:
    split = dataset.load(save_idx(tmp_path, ARRAYS, packed=packed), "test")

    assert_array_equal(split.images, ARRAYS["x_test"])
    assert_array_equal(split.labels, ARRAYS["y_test"])
    assert split.classes == ("0", "1", "2")
    assert all(len(digest) == 64 for digest in split.files.values())


def test_training_data_does_without_test_files(tmp_path: Path) -> None:
    name = save_idx(tmp_path, ARRAYS)
    for path in tmp_path.glob("t10k*"):
        path.unlink()

    assert len(dataset.load(name, "train").labels) == 6


def test_class_names_can_lie_beside_idx_files(tmp_path: Path) -> None:
    name = save_idx(tmp_path, ARRAYS)
    (tmp_path / "classes.txt").write_text("cat\ndog\nsu す\n", encoding="utf-8")

    assert dataset.load(name, "train").classes == ("cat", "dog", "su す")


def test_an_npz_file_is_read(tmp_path: Path) -> None:
    name = save_npz(tmp_path / "d.npz", ARRAYS | {"classes": np.array(["a", "b", "c"])})

    split = dataset.load(name, "train")

    assert_array_equal(split.images, ARRAYS["x_train"])
    assert split.classes == ("a", "b", "c")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for part, n in (("train", 3), ("test", 1)):
        for label, name in enumerate(("cat", "dog")):
            folder = tmp_path / "p" / part / name
            folder.mkdir(parents=True)
            for i in range(n):
                Image.new("RGB", (4 + 2 * i, 4), (60 * (label + 1),) * 3).save(folder / f"{i}.png")
    return tmp_path / "p"


def test_a_folder_per_class_is_read(pictures: Path) -> None:
    split = dataset.load(str(pictures), "train")

    assert split.classes == ("cat", "dog")
    assert split.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert split.images.shape == (6, 32, 32)
    assert split.images[0].sum() == 60 * 16
    assert split.images[0, 14:18, 14:18].min() == 60  # centred
    assert dataset.load(str(pictures), "test").labels.tolist() == [0, 1]


def test_a_file_that_is_no_picture_is_named(pictures: Path) -> None:
    (pictures / "train" / "cat" / "z.png").write_text("hello")

    with pytest.raises(DataError, match=r"train/cat/z\.png: is not an image"):
        dataset.load(str(pictures), "train")


def test_a_large_image_needs_resize(pictures: Path) -> None:
    Image.new("L", (64, 32), 200).save(pictures / "train" / "cat" / "z.png")

    with pytest.raises(DataError, match=r"at most 32x32, got 32x64; --set data.resize=true"):
        dataset.load(str(pictures), "train")
    images = dataset.load(str(pictures), "train", how=Reading(resize=True)).images
    assert images[3, 8:24].min() > 190
    assert images[3, :8].max() == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x_train": np.zeros((6, 40, 40), "uint8")}, "at most 32x32, got 40x40; --set data.res"),
        ({"x_train": np.zeros((6, 4, 4), complex)}, "images must be numbers, got complex128"),
        ({"x_train": np.zeros((6, 4, 4), "<U1")}, "images must be numbers, got <U1"),
        ({"x_train": np.full((6, 4, 4), -0.5)}, "a pixel must be at least 0, black, got -0.5"),
        ({"x_train": np.full((6, 4, 4), 1e6)}, "the largest pixel is 1e\\+06; name white by"),
        ({"x_train": np.full((6, 4, 4), np.nan)}, "image 0 holds a value that is not a number"),
        ({"x_train": np.zeros((6, 15), "uint8")}, "have 15 pixels, which is not square; --set"),
        ({"x_train": np.zeros((6, 2, 2, 5), "uint8")}, "must have 1 or 3 channels"),
        ({"x_train": np.zeros((7, 4), "uint8")}, "has 6 labels, but no axis of the images is as"),
        ({"y_train": np.zeros(5, int)}, "has 6 images but 5 labels"),
        ({"y_train": np.zeros((6, 3), int)}, "labels of two axes must be one-hot"),
        ({"y_train": np.full(6, 0.5)}, "label 0.5 of image 0 is not a whole number"),
        ({"y_train": np.full(6, 1j)}, "labels must be a row of whole numbers or of text, got comp"),
        ({"classes": np.array(["a", "b"])}, r"label 2 of image 2 is outside the 2 classes, \[0, 1"),
        ({"x_train": np.array([{}] * 6, object)}, "holds Python objects, which are not loaded"),
        ({"classes": np.frombuffer(b"\xff" * 12, "<U1")}, "classes must be text"),
        (
            {"classes": np.frombuffer(b"\0\xd8\0\0a\0\0\0b\0\0\0", "<U1")},
            r"valid text, got '\\ud800'",
        ),
        ({"classes": np.zeros(5000, "<U1")}, "classes must be at most 4096 texts"),
        ({"classes": np.zeros(3)}, "classes must be .*, got 3 of float64"),
    ],
)
def test_arrays_that_do_not_fit_are_described(tmp_path: Path, change: Arrays, message: str) -> None:
    name = save_npz(tmp_path / "d.npz", ARRAYS | change)

    with pytest.raises(DataError, match=message):
        dataset.load(name, "train")


def test_large_arrays_are_shrunk_on_request(tmp_path: Path) -> None:
    large = {"x_train": np.full((6, 64, 64), 90, "uint8")}
    name = save_npz(tmp_path / "d.npz", ARRAYS | large)

    images = dataset.load(name, "train", how=Reading(resize=True)).images

    assert images.shape == (6, 32, 32)
    assert set(images.ravel()) == {90}


def test_a_test_label_outside_the_training_classes_is_named(tmp_path: Path) -> None:
    name = save_idx(tmp_path, ARRAYS | {"y_test": np.array([0, 3, 1], "uint8")})

    with pytest.raises(DataError, match=r"must be among those that were learned, 0, 1"):
        dataset.load(name, "test")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mnits", r"neither a name nor a path that exists; did you mean 'mnist'\?"),
        ("./zzz", "`mlp data list` shows the names"),
        ("a.txt", "not in a known format; `mlp data formats` lists"),
        ("a.npz", "not a readable .npz file"),
        ("empty", "is empty"),
    ],
)
def test_a_name_that_leads_to_no_data_is_helped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for file in ("a.txt", "a.npz"):
        Path(file).write_text("hello")
    Path("empty").mkdir()

    with pytest.raises(DataError, match=message):
        dataset.load(name, "train")


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (b"cat\n\xff\n", r"classes\.txt: not UTF-8 text at byte 4"),
        (b"x\n" * 5000, "must have at most 4096 classes, got 5,000"),
    ],
)
def test_class_names_that_are_none_are_refused(
    tmp_path: Path, classes: bytes, message: str
) -> None:
    name = save_idx(tmp_path, ARRAYS)
    (tmp_path / "classes.txt").write_bytes(classes)

    with pytest.raises(DataError, match=message):
        dataset.load(name, "test")


@pytest.mark.skipif(sys.platform == "darwin", reason="every file name is text there")
def test_a_folder_whose_name_is_no_text_is_refused(pictures: Path) -> None:
    for split in ("train", "test"):
        (pictures / split / "cat").rename(pictures / split / "ca\udcff")

    with pytest.raises(DataError, match=r"must be valid text, got 'ca\\udcff'"):
        dataset.load(str(pictures), "train")


def test_a_picture_of_absurd_size_is_refused_before_it_is_decoded(pictures: Path) -> None:
    Image.new("1", (8000, 8000)).save(pictures / "train" / "cat" / "z.png")

    with pytest.raises(DataError, match=r"z\.png: has more than 25,000,000 pixels"):
        dataset.load(str(pictures), "train", how=Reading(resize=True))


def test_synth_draws_as_many_images_as_asked_for() -> None:
    assert len(dataset.load("synth", "train", drawn=123).labels) == 123


@pytest.mark.parametrize("side", [28, 32])
def test_inputs_are_centered_and_scaled(rng: np.random.Generator, side: int) -> None:
    images = rng.integers(0, 256, (3, side, side)).astype("uint8")
    margin = (32 - side) // 2

    x = preprocessing.inputs(images)

    assert x.dtype == np.float32
    centered = np.pad(images / 255, [(0, 0), (margin, margin), (margin, margin)])
    assert_allclose(x.reshape(3, 32, 32), centered, rtol=1e-6)


def test_validation_rows_are_stratified_and_disjoint(rng: np.random.Generator) -> None:
    labels = rng.permutation(np.repeat([0, 1, 2], [700, 250, 53]))

    training, validation = subsets.stratified(labels, count=100, rng=rng)

    assert_array_equal(np.sort(np.concatenate([training, validation])), np.arange(1003))
    assert np.bincount(labels[validation]).tolist() == [70, 25, 5]
    assert (np.diff(training) > 0).all()
    assert (np.diff(validation) > 0).all()


def test_the_seed_decides_the_validation_rows() -> None:
    labels = np.arange(1000) % 10

    first, again, other = (
        subsets.stratified(labels, count=100, rng=np.random.default_rng(seed))[1].tolist()
        for seed in (1, 1, 2)
    )

    assert first == again != other


def test_data_at_hand_needs_no_network_library() -> None:
    script = "from mlpcli.data import dataset\ndataset.load('synth', 'train', drawn=100)"

    assert not {"pooch", "requests", "tqdm", "PIL"} & loaded(script)
