"""The same images in another form train to the same weights, bit for bit."""

import gzip
import hashlib
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mlpcli.api.trainer import train
from mlpcli.config.load import load_config
from mlpcli.data import dataset
from mlpcli.errors import DataError
from mlpcli.runs.folder import RunFolder
from tests.faults.formats import idx

N = 2000
SETTINGS = ["train.epochs=1", "network.hidden=[32]"]

Arrays = NDArray[Any]
Form = Callable[[Path, Arrays, Arrays], Path]  # writes images and labels; returns what to train on


@pytest.fixture(scope="module")
def digits() -> tuple[Arrays, Arrays]:
    """Images of MNIST or, where it is not in the cache, of synth; by class, as folders are read."""
    try:
        split = dataset.load("mnist", "train", offline=True)
    except DataError:
        split = dataset.load("synth", "train", drawn=N)
    by_class = np.argsort(split.labels[:N], kind="stable")
    return split.images[by_class], split.labels[by_class]


def idx_files(folder: Path, x: Arrays, y: Arrays) -> Path:
    (folder / "train-images-idx3-ubyte").write_bytes(idx(x))
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(y.astype("u1"))))
    return folder


def table(x: Arrays, y: Arrays, *, label: str = "label", last: bool = False, sep: str = ",") -> str:
    """CSV; label: its column's name, "" for a table without a header."""
    names = [f"pixel{i}" for i in range(x[0].size)]
    rows = [[str(k), *map(str, image)] for k, image in zip(y, x.reshape(len(x), -1), strict=True)]
    rows = [[label, *names], *rows] if label else rows
    return "".join(sep.join(row[1:] + row[:1] if last else row) + "\n" for row in rows)


def csv(folder: Path, x: Arrays, y: Arrays, **form: Any) -> Path:
    path = folder / "digits.csv"
    path.write_text(table(x, y, **form))
    return path


def packed_tsv(folder: Path, x: Arrays, y: Arrays) -> Path:
    path = folder / "digits.tsv.gz"
    path.write_bytes(gzip.compress(table(x, y, label="class", last=True, sep="\t").encode()))
    return path


def csv_in_a_zip(folder: Path, x: Arrays, y: Arrays) -> Path:
    path = folder / "digits.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("train.csv", table(x, y))
        archive.writestr("test.csv", table(x[:5], y[:5]))
    return path


def npz(folder: Path, x: Arrays, y: Arrays, *, names: str = "x_train y_train") -> Path:
    path = folder / "digits.npz"
    np.savez(path, allow_pickle=False, **dict(zip(names.split(), (x, y), strict=True)))
    return path


def one_hot(y: Arrays) -> Arrays:
    return np.eye(10)[y]


def npz_of_columns(folder: Path, x: Arrays, y: Arrays) -> Path:
    return npz(folder, (x.reshape(len(x), -1) / 255).T, one_hot(y).T, names="X Y")


def npz_of_floats(folder: Path, x: Arrays, y: Arrays) -> Path:
    return npz(
        folder, (x[..., None] / 255).astype("f4"), one_hot(y), names="train_images train_labels"
    )


def npz_of_text(folder: Path, x: Arrays, y: Arrays) -> Path:
    return npz(folder, np.stack([x] * 3, axis=-1), y.astype(str), names="images labels")


def npz_of_torch(folder: Path, x: Arrays, y: Arrays) -> Path:
    return npz(folder, x[:, None].astype("u2") * 257, y[:, None].astype("f8"), names="data target")


def npy(folder: Path, x: Arrays, y: Arrays) -> Path:
    np.save(folder / "x_train.npy", x.reshape(len(x), -1))
    np.save(folder / "y_train.npy", y)
    return folder


def pictures(folder: Path, x: Arrays, y: Arrays, *, root: str = "train", form: str = "png") -> Path:
    for number, (image, label) in enumerate(zip(x, y, strict=True)):
        place = folder / "digits" / root / str(label)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{number:04}.{form}", optimize=False)
    return folder / "digits"


def listed_pictures(folder: Path, x: Arrays, y: Arrays) -> Path:
    lines = ["file_name,label"]
    for number, (image, label) in enumerate(zip(x, y, strict=True)):
        Image.fromarray(image).save(folder / f"{number:04}.png")
        lines.append(f"{number:04}.png,{label}")
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n")
    return folder


def zipped_pictures(folder: Path, x: Arrays, y: Arrays) -> Path:
    root = pictures(folder, x, y)
    return Path(shutil.make_archive(str(folder / "packed"), "zip", root.parent, root.name))


def pictures_in_a_tar(folder: Path, x: Arrays, y: Arrays) -> Path:
    with tarfile.open(folder / "digits.tar.gz", "w:gz") as archive:
        archive.add(pictures(folder, x, y), "digits")
    return folder / "digits.tar.gz"


def parquet(folder: Path, x: Arrays, y: Arrays) -> Path:
    pytest.importorskip("pyarrow")
    from io import BytesIO

    import pyarrow as pa
    import pyarrow.parquet as pq

    images = []
    for image in x:
        file = BytesIO()
        Image.fromarray(image).save(file, "PNG")
        images.append({"bytes": file.getvalue(), "path": None})
    pq.write_table(pa.table({"image": images, "label": y}), folder / "train-00000-of-00001.parquet")
    return folder


def mat(folder: Path, x: Arrays, y: Arrays) -> Path:
    pytest.importorskip("scipy")
    from scipy.io import savemat

    savemat(folder / "digits.mat", {"X": x.reshape(len(x), -1) / 255, "y": y[:, None]})
    return folder / "digits.mat"


def hdf5(folder: Path, x: Arrays, y: Arrays) -> Path:
    pytest.importorskip("h5py")
    import h5py

    with h5py.File(folder / "digits.h5", "w") as file:
        file["train/data"], file["train/target"] = x.reshape(len(x), -1) / 255, y
    return folder / "digits.h5"


FORMS: dict[str, Form] = {
    "csv": csv,
    "csv without a header": partial(csv, label=""),
    "csv with the label last": partial(csv, label="target", last=True),
    "tsv.gz": packed_tsv,
    "csv in a zip": csv_in_a_zip,
    "npz": npz,
    "npz of columns, one-hot": npz_of_columns,
    "npz of floats, one-hot": npz_of_floats,
    "npz of colors and text": npz_of_text,
    "npz of 16 bits": npz_of_torch,
    "npz without names": partial(npz, names="arr_0 arr_1"),
    "npy": npy,
    "pictures": pictures,
    "pictures in Training": partial(pictures, root="Training", form="bmp"),
    "pictures of classes alone": partial(pictures, root=".", form="pgm"),
    "pictures with a list": listed_pictures,
    "pictures in a zip": zipped_pictures,
    "pictures in a tar": pictures_in_a_tar,
    "parquet": parquet,
    "mat": mat,
    "hdf5": hdf5,
}


def weights(data: Path, run: Path) -> str:
    """The SHA-256 of what is learnt from the data at a path."""
    for _ in train(load_config(None, [*SETTINGS, f"data.name={data}"]), run, preflight=False):
        pass
    params = RunFolder(run).load_weights("last").params
    return hashlib.sha256(b"".join(W.tobytes() + b.tobytes() for W, b in params)).hexdigest()


@pytest.fixture(scope="module")
def expected(digits: tuple[Arrays, Arrays], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The result for IDX files."""
    folder = tmp_path_factory.mktemp("idx")
    return weights(idx_files(folder, *digits), folder / "run")


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMS)
def test_every_form_trains_to_the_same_bits(
    name: str, digits: tuple[Arrays, Arrays], expected: str, tmp_path: Path
) -> None:
    data = FORMS[name](tmp_path, *digits)

    assert weights(data, tmp_path / "run") == expected
