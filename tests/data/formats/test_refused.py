import io
import pickle
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mlpcli.data import dataset, image_sources
from mlpcli.data.formats import refused
from mlpcli.data.image_sources import Source
from mlpcli.errors import DataError


def png() -> bytes:
    out = io.BytesIO()
    Image.new("L", (40, 40)).save(out, "PNG")
    return out.getvalue()


FILES = {
    "a.csv": (b"", "is an empty file; fetch it again"),
    "b.csv": (b"version https://git-lfs.github.com/spec/v1\noid", "is a Git LFS pointer; `git lfs"),
    "c.csv": (b"\n<!DOCTYPE html><html>", "is a web page; download the file itself"),
    "d.bin": (pickle.dumps({"x": 1}), "is a pickle file, which can run code; load it where you"),
    "e.joblib": (b"\x78\x9c", "is a pickle file"),
    "f.pt": (b"PK\x03\x04", "is a PyTorch file, which can run code; load it with torch.load"),
    "g.txt": (b"@RELATION iris\n", "is an ARFF file; scipy.io.arff.loadarff reads it"),
    "h.txt": (b"5 152:3 153:18 154:126\n", "is a libsvm file; sklearn.datasets.load_svmlight_file"),
    "i.tfrecord": (b"\x1d\0\0\0\0\0\0\0", "is a TFRecord file"),
    "j.jpg": (b"\0\0\0\x18ftypheic", "is an HEIC picture; convert it to PNG or JPEG"),
    "j.png": (b"\0\0\0\x1cftypavif", "is an AVIF picture; convert it to PNG or JPEG"),
    "k.zip": (b"Rar!\x1a\x07", "is a RAR archive; unpack it"),
    "l.zip": (b"7z\xbc\xaf\x27\x1c", "is a 7z archive; unpack it"),
    "m.xlsx": (b"PK\x03\x04", "is a spreadsheet; save it as CSV"),
    "n.dat": (png(), "is a single picture; name the folder"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_not_read_says_what_to_do_instead(tmp_path: Path, name: str) -> None:
    content, told = FILES[name]
    (tmp_path / "in").mkdir()
    for path in (tmp_path / name, tmp_path / "in" / name):
        path.write_bytes(content)

    with pytest.raises(DataError, match=re.escape(f"{name}: {told}")) as caught:
        dataset.load(str(tmp_path / name), "train")
    assert "\n" not in str(caught.value)
    if name not in ("j.jpg", "j.png", "n.dat"):  # a folder of pictures
        with pytest.raises(DataError, match=re.escape(told.partition(";")[0])):
            dataset.load(str(tmp_path / "in"), "train")


def test_every_kind_that_is_refused_has_its_file() -> None:
    kinds = {re.split("[;,]", kind.name)[0] for kind in refused.KINDS}

    assert kinds == {re.split("[;,]", told.removeprefix("is "))[0] for _, told in FILES.values()}


def test_pictures_of_any_size_in_an_archive_are_predicted(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("in/a.png", png())
        archive.writestr("in/b/c.png", png())

    found = list(image_sources.find([str(path)], io.BytesIO()))

    assert all(isinstance(each, Source) for each in found)
    names = [each.name for each in found if isinstance(each, Source)]
    assert names == [f"{path}/in/a.png", f"{path}/in/b/c.png"]


def test_arrays_in_an_archive_are_predicted(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", allow_pickle=False, images=np.full((3, 4, 4), 255, np.uint8))
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(tmp_path / "x.npz", "x.npz")

    (found,) = image_sources.find([str(path)], io.BytesIO())

    assert isinstance(found, Source)
    assert (found.name, found.images.shape) == (f"{path}/x.npz", (3, 4, 4))
