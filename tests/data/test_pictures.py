import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from PIL import Image

from mlpcli.data import pictures
from mlpcli.errors import DataError

Pixels = NDArray[np.uint8]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def gray(rng: np.random.Generator) -> Pixels:
    return rng.integers(0, 256, (5, 7), np.uint8)


def reread(picture: Image.Image, name: str = "x.png", **options: Any) -> Pixels:
    picture.save(name, **options)
    return pictures.read(Path(name))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM"])
@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_the_first_bytes_tell_a_picture(gray: Pixels, form: str, mode: str) -> None:
    out = io.BytesIO()
    Image.fromarray(gray).convert(mode).save(out, form)

    assert pictures.is_picture(out.getvalue()[: pictures.SIGNATURE_SIZE])


@pytest.mark.parametrize(
    "start", [b"P5\n# by hand", b"P2\n\n28 28\n255", b"P5#x\n28 28", b"P5\n", b"P6 \n28"]
)
def test_every_way_to_begin_a_pgm_is_known(start: bytes) -> None:
    assert pictures.is_picture(start)


@pytest.mark.parametrize("start", [b"BMW,VW,Audi,Opel", b"P1\tP2\tP3\tP4", b"P1 is the first", b""])
def test_text_that_begins_alike_is_no_picture(start: bytes) -> None:
    assert not pictures.is_picture(start)


@pytest.mark.parametrize(
    ("brand", "kind"), [(b"heic", "HEIC"), (b"mif1", "HEIC"), (b"avif", "AVIF")]
)
def test_pictures_of_phones_are_told_whatever_their_name(brand: bytes, kind: str) -> None:
    Path("x.jpg").write_bytes(b"\0\0\0\x18ftyp" + brand + bytes(12))

    reason = f"{kind}, which is not read; convert it to PNG or JPEG"
    assert pictures.reason_to_skip(Path("x.jpg")) == reason
    assert pictures.foreign(b"\0\0\0\x18ftypisom") is None  # a film
    with pytest.raises(DataError, match=rf"x\.jpg: is {reason}"):
        pictures.read(Path("x.jpg"))


def png(width: int, height: int) -> bytes:
    """A PNG that promises pixels of which it holds the first few."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


FORMS: dict[str, Callable[[Pixels], Any]] = {
    "gray": lambda g: Image.fromarray(g),
    "colours": lambda g: Image.fromarray(g).convert("RGB"),
    "palette": lambda g: Image.fromarray(g).convert("P"),
    "opaque": lambda g: Image.fromarray(g).convert("RGBA"),
    "sixteen bits": lambda g: Image.fromarray(g.astype(np.uint16) * 257),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_picture_of_any_form_becomes_the_same_gray(gray: Pixels, form: str) -> None:
    gray[0, 0] = 255

    assert_array_equal(reread(FORMS[form](gray)), gray)


@pytest.mark.parametrize("suffix", sorted(pictures.SUFFIXES))
def test_every_suffix_is_that_of_a_readable_file(suffix: str) -> None:
    pixels = reread(Image.new("L", (8, 6), 255), f"x{suffix}")

    assert_allclose(pixels, np.full((6, 8), 255), atol=1)


def test_a_coloured_pixel_has_its_luminance() -> None:
    red = Image.new("RGB", (1, 1), (255, 0, 0))

    assert_array_equal(reread(red), [[76]])  # ITU-R BT.601: 0.299


def test_a_dark_drawing_on_nothing_is_laid_on_white() -> None:
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[0, 0] = (10, 10, 10, 255)

    assert_array_equal(reread(Image.fromarray(pixels)), [[10, 255], [255, 255]])


def test_a_light_drawing_on_nothing_is_laid_on_black() -> None:
    pixels = np.full((2, 2, 4), 255, np.uint8)
    pixels[..., 3] = [[255, 0], [51, 0]]

    assert_array_equal(reread(Image.fromarray(pixels)), [[255, 0], [51, 0]])


@pytest.mark.parametrize("size", [(31, 9), (9, 31), (31, 1), (1, 31)])
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "I;16", "F"])
def test_a_picture_is_the_same_in_bands_as_in_one_piece(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], mode: str
) -> None:
    picture = Image.fromarray(rng.integers(0, 256, (*size, 4), np.uint8))
    name = "x.tiff" if mode == "F" else "x.png"
    options = {"transparency": bytes(range(256))} if mode == "P" else {}
    picture = picture.convert("I" if mode == "I;16" else mode).convert(mode)
    whole = reread(picture, name, **options)
    monkeypatch.setattr(pictures, "BAND_SIZE", 40)

    assert_array_equal(pictures.read(Path(name)), whole)


def test_a_large_webp_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_WEBP_PIXELS", 24)

    with pytest.raises(DataError, match="has more than 24 pixels; make it smaller first"):
        reread(Image.new("L", (5, 5)), "x.webp")


def test_a_camera_held_on_its_side_gives_an_upright_picture(gray: Pixels) -> None:
    rotated = Image.fromarray(gray).rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: the first row is the right side

    assert_array_equal(reread(rotated, exif=exif), gray)


def test_of_several_frames_the_first_is_read() -> None:
    first, second = (Image.new("L", (4, 4), level) for level in (0, 255))

    assert reread(first, "x.gif", save_all=True, append_images=[second]).max() == 0


def test_what_is_no_picture_has_its_message() -> None:
    whole = Path("whole.jpg")
    Image.fromarray(np.arange(256, dtype=np.uint8).repeat(9).reshape(48, 48)).save(whole)
    for name, data, message in (
        ("text.png", b"hello", "is not an image; PNG, JPEG"),
        ("empty.png", b"", "is not an image"),
        ("program.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is not an image"),
        ("cut.jpg", whole.read_bytes()[:-300], "cannot be decoded as an image: "),
        ("bomb.png", png(60_000, 60_000), "has more than 25,000,000 pixels"),
        ("large.png", png(5_001, 5_000), "has more than 25,000,000 pixels"),
    ):
        Path(name).write_bytes(data)
        with pytest.raises(DataError) as caught:
            pictures.read(Path(name))
        assert str(caught.value).startswith(f"{name}: {message}")
    with pytest.raises(DataError, match=r"^none\.png: not readable: No such file"):
        pictures.read(Path("none.png"))


@pytest.mark.parametrize("kind", pictures.FORMATS)
def test_a_damaged_picture_is_read_or_refused(rng: np.random.Generator, kind: str) -> None:
    path = Path("x")
    Image.fromarray(rng.integers(0, 256, (40, 40), np.uint8)).save(path, format=kind)
    whole = bytearray(path.read_bytes())
    for _ in range(60):
        damaged = whole.copy()
        for place in rng.integers(0, len(whole), 4):
            damaged[place] = rng.integers(0, 256)
        path.write_bytes(damaged[: rng.integers(1, len(whole))])
        with suppress(DataError):
            assert pictures.read(path).dtype == np.uint8


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit of memory")
def test_a_part_that_claims_to_be_larger_than_memory_takes_none() -> None:
    buffer = io.BytesIO()
    Image.new("L", (3, 3)).save(buffer, "PNG")
    before, pixels, after = buffer.getvalue().partition(b"IDAT")
    Path("a.png").write_bytes(before[:-4] + b"\xff\xff\xff\xf0" + pixels + after)
    script = """
import sys, resource, pathlib
from mlpcli.data import pictures
resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))
pictures.read(pathlib.Path(sys.argv[1]))
"""
    command = [sys.executable, "-c", script, "a.png"]

    done = subprocess.run(command, capture_output=True, encoding="utf-8")

    assert (done.returncode, done.stderr) == (0, "")


def test_shrinking_keeps_the_shape(gray: Pixels) -> None:
    assert pictures.shrink(np.zeros((100, 50), np.uint8), 32).shape == (32, 16)
    assert_array_equal(pictures.shrink(gray, 32), gray)


def test_rows_and_columns_are_shrunk_alike(rng: np.random.Generator) -> None:
    image = rng.integers(0, 256, (301, 187), dtype=np.uint8)

    assert_array_equal(pictures.shrink(image.T, 28), pictures.shrink(image, 28).T)


def test_reducing_takes_means_over_squares() -> None:
    image = np.zeros((1024, 512), np.uint8)
    image[:2, 0] = 100

    reduced = pictures.reduce(image)

    assert reduced.shape == (512, 256)
    assert_array_equal(reduced[0, :2], [50, 0])


def test_resizing_to_the_same_size_changes_nothing(gray: Pixels) -> None:
    image = gray.astype(np.float32)

    assert_array_equal(pictures.resize(image, 7), image)
    assert pictures.resize(np.ones((1, 500), np.float32), 20).shape == (1, 20)
