import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mlpcli.data import npz
from mlpcli.errors import DataError

IMAGES = np.arange(24, dtype="u1").reshape(2, 3, 4)


def npy(header: object, content: bytes, *, version: int = 1) -> bytes:
    text = (header if isinstance(header, str) else repr(header)).encode() + b"\n"
    size = len(text).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + size + text + content


def put(path: Path, content: bytes, name: str = "x.npy", method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as zipped:
        zipped.writestr(name, content)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.npz"


def header(shape: tuple[int, ...], descr: object = "|u1") -> dict[str, object]:
    return {"descr": descr, "fortran_order": False, "shape": shape}


@pytest.mark.parametrize("packed", [False, True])
def test_what_numpy_wrote_comes_back(path: Path, packed: bool) -> None:
    (np.savez_compressed if packed else np.savez)(path, x=IMAGES, y=IMAGES.T)

    loaded = npz.arrays(path, {"x", "y", "z"})

    assert sorted(loaded) == ["x", "y"]
    assert_array_equal(loaded["x"], IMAGES)
    assert_array_equal(loaded["y"], IMAGES.T)


def test_a_longer_header_is_read_too(path: Path) -> None:
    put(path, npy(header((24,)), IMAGES.tobytes(), version=2))

    assert_array_equal(npz.arrays(path, {"x"})["x"], IMAGES.ravel())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (npy(header((2**62,)), b""), r"promises uint8 of shape \(4611686018427387904,\)"),
        (npy(header((23,)), bytes(24)), "23 bytes, but 24 are in it"),
        (npy(header((25,)), bytes(24)), "25 bytes, but 24 are in it"),
        (npy(header((-2, -12)), bytes(24)), "not a readable"),
        (npy(header((10**30, 0)), b""), "not a readable"),
        (npy(header((1,), "|O"), pickle.dumps(IMAGES)), "Python objects, which are not loaded"),
        (npy(header((1,), [("a", "|O")]), b"\x80\x04N."), "Python objects, which are not loaded"),
        (npy("(" * 9000, b""), "not a readable"),
        (npy("-" * 9000 + "1", b""), "invalid headers"),
        (npy("__import__('os').getcwd()", b""), "not a readable"),
        (npy(header((24,)), bytes(24), version=4), r"version \(4, 0\)"),
        (b"plain text", "not a readable"),
        (b"", "not a readable"),
    ],
)
def test_an_array_that_is_none_is_refused(path: Path, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        npz.arrays(put(path, content), {"x"})


def test_an_array_that_unpacks_as_no_images_do_is_refused(path: Path) -> None:
    size = 80 << 20
    put(path, npy(header((size,)), bytes(size)), method=zipfile.ZIP_DEFLATED)

    with pytest.raises(DataError, match=r"unpacks from [\d,]+ to 83,886,080 bytes, as no images"):
        npz.arrays(path, {"x"})


def test_a_packing_that_numpy_does_not_use_is_refused(path: Path) -> None:
    put(path, npy(header((24,)), bytes(24)), method=zipfile.ZIP_LZMA)

    with pytest.raises(DataError, match=r"'x\.npy' is not compressed as NumPy does"):
        npz.arrays(path, {"x"})


@pytest.mark.parametrize("name", ["../../x.npy", "/x.npy", "..\\x.npy"])
def test_nothing_is_written_wherever_a_name_leads(path: Path, name: str) -> None:
    put(path, npy(header((24,)), bytes(24)), name=name)

    assert npz.arrays(path, {"x"}) == {}
    assert list(path.parent.iterdir()) == [path]


def test_an_array_alone_is_no_npz(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, IMAGES)

    with pytest.raises(DataError, match="not a zip file"):
        npz.arrays(path, {"x"})


def test_a_zip_file_of_an_unknown_version_is_no_archive_of_arrays(path: Path) -> None:
    put(path, b"")
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\1\2")
    content[at + 6 : at + 8] = b"\x7f\0"  # needed to extract
    path.write_bytes(content)

    assert not npz.is_archive(path)
