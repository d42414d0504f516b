import gzip
import io
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray
from PIL import Image

from mlpcli.data import image_sources
from mlpcli.data.image_sources import Source
from mlpcli.data.raw import AS_FOUND
from mlpcli.errors import DataError

IMAGES = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
IDX = b"".join(n.to_bytes(4, "big") for n in (2051, *IMAGES.shape)) + IMAGES.tobytes()


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def npz(**arrays: NDArray[Any]) -> bytes:
    np.savez(file := io.BytesIO(), allow_pickle=False, **arrays)
    return file.getvalue()


def picture(form: str = "PNG") -> bytes:
    Image.new("L", (6, 8), 255).save(file := io.BytesIO(), format=form)
    return file.getvalue()


def sources(*paths: str, stdin: bytes = b"") -> list[Source]:
    """The images of paths that are all right."""
    found = list(image_sources.find(paths, io.BytesIO(stdin)))
    assert not [each for each in found if isinstance(each, DataError)]
    return [each for each in found if isinstance(each, Source)]


def error(*paths: str, stdin: bytes = b"") -> str:
    """The one message about a place that is not."""
    (error,) = image_sources.find(paths, io.BytesIO(stdin))
    assert isinstance(error, DataError)
    return str(error)


MANY = {
    "idx": IDX,
    "gz": gzip.compress(IDX),
    "npz": npz(images=IMAGES),
    "own": npz(x_train=IMAGES[:1], x_test=IMAGES, y_test=np.arange(3, dtype=np.uint8)),
}


@pytest.mark.parametrize("form", MANY)
@pytest.mark.parametrize("piped", [False, True])
def test_many_images_come_from_one_file(form: str, piped: bool) -> None:
    Path("any.name").write_bytes(MANY[form])
    name = "-" if piped else "any.name"

    (source,) = sources(name, stdin=MANY[form])

    assert (source.name, source.numbered) == (name, True)
    assert_array_equal(source.images, IMAGES)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_a_picture_comes_by_its_bytes_too(form: str) -> None:
    (source,) = sources("-", stdin=picture(form))

    assert (source.name, source.numbered, source.images.shape) == ("-", False, (1, 8, 6))


def test_a_folder_gives_its_pictures_in_order_and_those_of_its_folders() -> None:
    for name in ("b/2.png", "b/10.PNG", "a.jpg", "c.dat", ".hidden/x.png", "b/.x.png"):
        Path("all", name).parent.mkdir(parents=True, exist_ok=True)
        Path("all", name).write_bytes(picture())

    Path("all", "notes.txt").write_text("no picture")

    names = [source.name for source in sources("all")]

    assert names == ["all/a.jpg", "all/b/10.PNG", "all/b/2.png", "all/c.dat"]


def test_a_picture_of_a_phone_in_a_folder_is_told() -> None:
    Path("all").mkdir()
    Path("all", "a.HEIC").write_bytes(b"\0\0\0\x18ftypheic")

    assert error("all") == "all/a.HEIC: is HEIC, which is not read; convert it to PNG or JPEG"


@pytest.mark.parametrize("packed", [False, True])
def test_files_in_a_folder_that_are_no_pictures_are_told(packed: bool) -> None:
    heic = b"\0\0\0\x18ftypheic\0\0\0\0"
    contents = {"a": picture(), "b.jpg": heic, "c.txt": b"text", "d.png": b"text"}
    for name, content in {**contents, "Thumbs.db": b"", "__MACOSX/x": picture()}.items():
        Path("all", name).parent.mkdir(parents=True, exist_ok=True)
        Path("all", name).write_bytes(content)
    if packed:
        shutil.make_archive("all", "zip", "all")
    place = "all.zip" if packed else "all"

    source, unread, skipped, damaged = image_sources.find([place], io.BytesIO())

    assert isinstance(source, Source)
    assert str(unread).startswith(f"{place}/b.jpg: is HEIC, which is not read")
    assert skipped == (f"{place}/c.txt", "no picture")
    assert str(damaged).startswith(f"{place}/d.png: is not an image")


def test_names_from_standard_input_may_be_anything() -> None:
    names = ["a.png", "ü き.png", " b .png", "BM.png", "PK"]
    for name in names:
        Path(name).write_bytes(picture())
    Path("folder").mkdir()
    Path("folder", "c.png").write_bytes(picture())
    lines = "\r\n".join([names[3], "", *names, "folder"]).encode()

    images = sources("-", stdin=lines)

    assert [source.name for source in images] == ["BM.png", *names, "folder/c.png"]


def test_a_name_is_looked_at_as_soon_as_its_line_is_there() -> None:
    Path("a.png").write_bytes(picture())
    ours, theirs = os.pipe()
    with open(ours, "rb") as stdin, open(theirs, "wb", buffering=0) as writer:
        events = image_sources.find(["-"], stdin)
        for _ in range(3):
            writer.write(b"a.png\n")
            assert isinstance(next(events), Source)  # would wait for ever otherwise


def test_one_wrong_place_among_others_is_told_in_its_place() -> None:
    Path("a.png").write_bytes(picture())
    Path("b.png").write_text("not a picture")

    first, second, third = image_sources.find(["a.png", "b.png", "a.png"], io.BytesIO())

    assert isinstance(first, Source)
    assert str(second).startswith("b.png: is not an image")
    assert isinstance(third, Source)


@pytest.mark.parametrize(
    ("array", "white"),
    [
        (IMAGES / 255 * 4, 1),
        (IMAGES.reshape(3, 20) % 17, 16),
        (IMAGES.astype(np.uint16) * 1000, 65535),
        (np.stack([IMAGES] * 3, axis=-1), 255),
        (IMAGES > 30, 1),
    ],
)
def test_arrays_in_any_layout_are_read_as_for_training(array: NDArray[Any], white: float) -> None:
    Path("x.npz").write_bytes(npz(images=array))

    (found,) = image_sources.find(["x.npz"], io.BytesIO(), AS_FOUND._replace(shape=(4, 5)))

    assert isinstance(found, Source)
    assert found.white == white
    assert found.images.dtype == np.uint8
    assert found.images.shape == (3, 4, 5)
    assert found.images.max() > 100 or white == 255


def test_the_white_of_the_run_is_that_of_files_whose_pixels_come_near_it() -> None:
    for top, white in ((40, 200), (20, 255), (201, 255), (2, 16)):
        Path("x.npz").write_bytes(npz(images=np.full((2, 4, 4), top, np.uint8)))

        (found,) = image_sources.find(["x.npz"], io.BytesIO(), AS_FOUND._replace(white=200))

        assert isinstance(found, Source)
        assert found.white == white


def test_one_dark_picture_is_read_as_it_is() -> None:
    Image.new("L", (6, 8), 9).save("dark.png")

    (found,) = sources("dark.png")

    assert (found.white, found.images.max()) == (255, 9)


def test_an_npy_file_and_a_single_image_need_no_name() -> None:
    np.save("x.npy", IMAGES)
    np.save("one.npy", np.eye(9))

    many, one = sources("x.npy", "one.npy")

    assert_array_equal(many.images, IMAGES)
    assert_array_equal(one.images, 255 * np.eye(9)[None])


def test_a_folder_of_data_gives_its_test_images() -> None:
    Path("data").mkdir()
    for split, n in (("train", 2), ("t10k", 3)):
        Path(f"data/{split}-images-idx3-ubyte").write_bytes(
            b"".join(k.to_bytes(4, "big") for k in (2051, n, 4, 5)) + IMAGES[:n].tobytes()
        )
        Path(f"data/{split}-labels-idx1-ubyte").write_bytes(
            b"".join(k.to_bytes(4, "big") for k in (2049, n)) + bytes(n)
        )

    (found,) = sources("data")

    assert found.numbered
    assert_array_equal(found.images, IMAGES)


def test_a_wrong_place_has_its_message() -> None:
    Path("none").mkdir()
    Path("cut.gz").write_bytes(gzip.compress(IDX)[:-9])
    Path("empty.idx").write_bytes(IDX[:4] + bytes(12))
    Path("names.npz").write_bytes(npz(pictures=IMAGES))
    Path("below.npz").write_bytes(npz(x=IMAGES - 1.0))

    assert error("none").startswith("none: is empty")
    assert error("no.png") == "no.png: not readable: No such file or directory"
    assert error("\0") == "\0: not readable: cannot be the name of a file"
    assert error("x" * 999).endswith(": not readable: File name too long")
    assert error("cut.gz").startswith("cut.gz: the gzip data is truncated")
    assert error("empty.idx") == "empty.idx: holds no images"
    assert error("names.npz").endswith("has pictures (3, 4, 5) uint8")
    assert error("below.npz").startswith("below.npz: a pixel must be at least 0, black, got -1")


def test_standard_input_is_called_by_its_own_name_in_messages() -> None:
    for data, message in {
        b"": "-: is empty",
        picture("JPEG")[:-40]: "-: cannot be decoded",
        gzip.compress(IDX)[:-9]: "-: the gzip data is truncated",
        b"\0" + IDX: "-: is not an image",
    }.items():
        assert error("-", stdin=data).startswith(message)
