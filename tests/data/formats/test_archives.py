import gzip
import hashlib
import io
import shutil
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from mlpcli.data import dataset
from mlpcli.data.formats import archives
from mlpcli.errors import DataError
from tests.faults.formats import idx

IMAGES = np.arange(6 * 9, dtype=np.uint8).reshape(6, 3, 3)
IMAGES[:, 1, 1] = 255
LABELS = np.arange(6) % 2


def folder(place: Path, form: str) -> Path:
    """A folder of data in a form."""
    if form == "idx":
        (place / "train-images-idx3-ubyte").write_bytes(idx(IMAGES))
        (place / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(LABELS)))
    elif form == "csv":
        table = np.c_[LABELS, IMAGES.reshape(6, 9)]
        np.savetxt(place / "train.csv", table, "%d", ",", header="label" + ",p" * 9, comments="")
    elif form == "npz":
        np.savez(place / "a.npz", allow_pickle=False, x_train=IMAGES, y_train=LABELS)
    else:
        for number, (image, label) in enumerate(zip(IMAGES, LABELS, strict=True)):
            (place / str(label)).mkdir(exist_ok=True)
            Image.fromarray(image).save(place / str(label) / f"{number}.png")
    return place


@pytest.mark.parametrize("form", ["idx", "csv", "npz", "pictures"])
@pytest.mark.parametrize("packing", ["zip", "tar", "gztar", "bztar", "xztar"])
@pytest.mark.parametrize("nested", [False, True])
def test_any_form_may_lie_in_an_archive(
    tmp_path: Path, form: str, packing: str, nested: bool
) -> None:
    root = tmp_path / "files"
    inner = root / "one" / "two" if nested else root
    inner.mkdir(parents=True)
    folder(inner, form)
    path = Path(shutil.make_archive(str(tmp_path / "a"), packing, root))
    by_class = np.argsort(LABELS, kind="stable") if form == "pictures" else slice(None)

    read = dataset.load(str(path), "train")

    assert_array_equal(read.images, IMAGES[by_class])
    assert_array_equal(read.labels, LABELS[by_class])
    assert read.files == {path.name: hashlib.sha256(path.read_bytes()).hexdigest()}


def test_what_a_system_adds_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    folder(tmp_path, "idx")
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte.gz"):
            archive.write(tmp_path / name, f"data/{name}")
            archive.writestr(f"__MACOSX/data/._{name}", b"x")
        archive.writestr("data/.DS_Store", b"x")

    assert len(dataset.load(str(path), "train").labels) == 6


def test_the_temporary_folder_goes_with_its_content(tmp_path: Path) -> None:
    root = tmp_path / "files"
    root.mkdir()
    path = Path(shutil.make_archive(str(tmp_path / "a"), "zip", folder(root, "csv")))
    archives._cached.cache_clear()
    before = set(Path(tempfile.gettempdir()).glob("mlp-archive-*"))

    dataset.load(str(path), "train")
    during = set(Path(tempfile.gettempdir()).glob("mlp-archive-*"))
    archives._cached.cache_clear()

    assert len(during - before) == 1
    assert not any(place.exists() for place in during - before)


def test_a_message_names_the_archive(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("train.csv", "label,a,b,c,d\n1,2,3,4,x\n1,2,3,4,5\n")

    with pytest.raises(DataError, match=r"a\.zip/train\.csv:2: expected a number, got 'x'"):
        dataset.load(str(path), "train")


@pytest.mark.parametrize("name", ["../x.csv", "/x.csv", "a/../../x.csv", "C:/x.csv", "..\\x.csv"])
@pytest.mark.parametrize("packing", ["zip", "tar"])
def test_no_file_leads_out_of_an_archive(tmp_path: Path, name: str, packing: str) -> None:
    path = tmp_path / f"a.{packing}"
    if packing == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(zipfile.ZipInfo(name), b"x")
    else:
        with tarfile.open(path, "w") as tar:
            tar.addfile(tarfile.TarInfo(name), io.BytesIO())

    with pytest.raises(DataError, match="leads out of the archive"):
        dataset.load(str(path), "train")


def test_links_in_an_archive_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("1,2,3,4,5\n")
    link = tarfile.TarInfo("train.csv")
    link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "secret.csv")
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.addfile(link)

    with pytest.raises(DataError, match=r"a\.tar: is empty"):
        dataset.load(str(tmp_path / "a.tar"), "train")


@pytest.mark.parametrize("packing", ["zip", "gztar"])
def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path, packing: str) -> None:
    root = tmp_path / "files"
    root.mkdir()
    (root / "x.csv").write_bytes(bytes(80 << 20))
    path = shutil.make_archive(str(tmp_path / "a"), packing, root)

    with pytest.raises(DataError, match="unpacks to more than images do"):
        dataset.load(path, "train")


def test_an_archive_with_a_file_without_a_name_is_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo(""), b"x")

    with pytest.raises(DataError, match="the archive cannot be unpacked"):
        dataset.load(str(tmp_path / "a.zip"), "train")


@pytest.mark.parametrize("content", [b"PK\x03\x04" + bytes(100), bytes(257) + b"ustar\x0000"])
def test_a_damaged_archive_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)

    with pytest.raises(DataError, match=r"a\.zip: (the archive cannot be unpacked|is empty)"):
        dataset.load(str(tmp_path / "a.zip"), "train")
