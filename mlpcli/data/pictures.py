"""Picture files as grey images, and images made smaller: all that Pillow does."""

import math
import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpcli.errors import DataError

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"}
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")  # others run programs, as PostScript does
PIXELS = 25_000_000  # of a picture; it takes four bytes for each, and eight while it is turned
WEBP = 16_000_000  # the same, of a format whose decoder takes twelve bytes more
BAND = 1 << 20  # pixels that are worked on at once, where each takes many bytes
FINEST = 512  # pixels; a longer side is reduced, which also averages the noise of a camera
# what Pillow raises on damaged files, beside its own errors, which are OSErrors
DAMAGE = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    TypeError,
    ArithmeticError,
    LookupError,
    struct.error,
    zlib.error,
)


def read(path: Path) -> NDArray[np.uint8]:
    """A picture in grey, (height, width), upright as its EXIF data says.

    What is transparent becomes black, or white behind a dark drawing. Of several frames, the first.
    Raises DataError.
    """
    from PIL import Image, UnidentifiedImageError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what could be wrong is judged here
        try:
            with Image.open(path, formats=FORMATS) as picture:
                most = WEBP if picture.format == "WEBP" else PIXELS
                if math.prod(picture.size) > most:
                    raise DataError(_too_many(path, most))
                return _upright_grey(picture)
        except Image.DecompressionBombError as err:
            raise DataError(_too_many(path, PIXELS)) from err
        except UnidentifiedImageError as err:
            kinds = ", ".join(FORMATS)
            raise DataError(f"{path}: is not an image; {kinds} files can be read") from err
        except MemoryError as err:  # room is made for what a header promises, 4 GB at most
            told = "a part of it claims to be larger than the memory"
            raise DataError(f"{path}: cannot be decoded as an image: {told}") from err
        except DAMAGE as err:
            if isinstance(err, OSError) and err.errno is not None:
                raise DataError(f"{path}: not readable: {err.strerror}") from err
            told = f"{err}".partition("\n")[0]
            raise DataError(f"{path}: cannot be decoded as an image: {told}") from err


def shrunk(image: NDArray[Any], side: int) -> NDArray[np.uint8]:
    """A grey uint8 image, no side of which is longer than asked for; its shape is kept."""
    from PIL import Image

    picture = Image.fromarray(image)
    picture.thumbnail((side, side))
    return np.asarray(picture)


def reduced(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """An image, no side of which is longer than FINEST: means over squares of pixels."""
    from PIL import Image

    picture = Image.fromarray(image.astype(np.float32))
    return np.asarray(picture.reduce(math.ceil(max(image.shape) / FINEST)))


def resized(image: NDArray[np.float32], longest: int) -> NDArray[np.float32]:
    """An image whose longer side has that many pixels; its shape is kept, its edges are smooth."""
    from PIL import Image

    scale = longest / max(image.shape)
    height, width = (max(1, round(scale * side)) for side in image.shape)
    mean = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(image).resize((width, height), mean))


def _upright_grey(picture: Any) -> NDArray[np.uint8]:
    from PIL import ImageOps

    ImageOps.exif_transpose(picture, in_place=True)  # else there are two of them
    if picture.mode[0] in "IF":  # more than 8 bits
        return _eight_bits(picture)
    if picture.has_transparency_data:
        return _on_ground(picture)
    return np.asarray(picture.convert("L"))


def _on_ground(picture: Any) -> NDArray[np.uint8]:
    """A picture laid on black, or on white where the drawing is dark."""
    light = 0  # the sum of grey - 127.5, weighed by alpha; doubled, so that it is exact
    for _, band in _bands(picture):
        grey, alpha = _grey_and_alpha(band)
        light += int(((2 * grey - 255) * alpha).sum())
    ground = 255 if light < 0 else 0
    out = np.empty(picture.size[::-1], np.uint8)
    for place, band in _bands(picture):
        grey, alpha = _grey_and_alpha(band)
        out[place] = np.round(grey * (alpha / 255) + ground * (1 - alpha / 255))
    return out


def _grey_and_alpha(band: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    pixels = np.asarray(band.convert("RGBA").convert("LA"), np.int64)
    return pixels[..., 0], pixels[..., 1]


def _eight_bits(picture: Any) -> NDArray[np.uint8]:
    """Pixels of another range, in that of 8 bits: 0 to 1, 0 to 255 or 0 to 65535."""
    highest = max(_finite(band).max() for _, band in _bands(picture))
    most = next((top for top in (1, 255, 65535) if highest <= top), highest)
    out = np.empty(picture.size[::-1], np.uint8)
    for place, band in _bands(picture):
        out[place] = np.round(255 * np.clip(_finite(band) / most, 0, 1))
    return out


def _finite(band: Any) -> NDArray[np.float64]:
    """Pixels, 0 where a float is none or without bounds."""
    return np.nan_to_num(np.asarray(band, np.float64), nan=0, posinf=0, neginf=0)


def _bands(picture: Any) -> Iterator[tuple[tuple[slice, slice], Any]]:
    """The parts of a picture across its longer side, each with its rows and columns."""
    width, height = picture.size
    step = max(1, BAND // max(1, min(width, height)))
    for start in range(0, max(width, height), step):
        left, top = (start, 0) if width > height else (0, start)
        right, bottom = (start + step, height) if width > height else (width, start + step)
        right, bottom = min(right, width), min(bottom, height)
        yield (slice(top, bottom), slice(left, right)), picture.crop((left, top, right, bottom))


def _too_many(path: Path, most: int) -> str:
    return f"{path}: has more than {most:,} pixels; make it smaller first"
