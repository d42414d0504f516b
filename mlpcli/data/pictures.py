"""Picture files as gray images, and resized images: all that needs Pillow."""

import hashlib
import io
import math
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlpcli import files
from mlpcli.errors import DataError

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")  # others may run programs
SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"}
SUFFIXES |= {".pgm", ".ppm", ".pbm", ".jfif"}
SIGNATURE = re.compile(  # first bytes of a file of these formats; PPM stands for PBM and PGM too
    rb"\x89PNG\r\n|\xff\xd8\xff|BM.{4}\0{4}|GIF8[79]a|II\*\0|MM\0\*|II\+\0|MM\0\+|RIFF.{4}WEBP"
    rb"|P[1-6](?:#|\s(?:[\s\d#]|$))",
    re.DOTALL,
)
SIGNATURE_SIZE = 12  # bytes
FOREIGN_SIGNATURE = re.compile(rb".{4}ftyp(?:(hei[cmsx]|hev[cmsx]|mif1|msf1)|avi[fs])", re.DOTALL)
CONVERT = "convert it to PNG or JPEG"
NO_PICTURE = "no picture"  # reason to leave out a file
MAX_FILE_SIZE = 512 << 20  # bytes of a picture, read into memory
MAX_PIXELS = 25_000_000  # of a picture; decoding takes 4 bytes per pixel, rotating it 8
MAX_WEBP_PIXELS = 16_000_000  # of a WebP picture, whose decoder takes 12 bytes more per pixel
BAND_SIZE = 1 << 20  # pixels converted at once, since some conversions take many bytes for each
MAX_REDUCED_SIDE = 512  # pixels; reducing a photo to it also averages the noise of its camera
# what Pillow raises for damaged files, besides its own errors, which are OSErrors
DECODE_ERRORS = (
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


def is_picture(content: bytes) -> bool:
    """Whether the content of a file begins as a picture of one of the FORMATS does."""
    return SIGNATURE.match(content) is not None


def foreign(content: bytes) -> str | None:
    """Why a picture of a known kind is not read; None for all other content."""
    kind = foreign_format(content)
    return f"{kind}, which is not read; {CONVERT}" if kind else None


def foreign_format(content: bytes) -> Literal["HEIC", "AVIF"] | None:
    """The format of a picture of a known kind that is not read; None for all other content."""
    match = FOREIGN_SIGNATURE.match(content)
    return None if match is None else "HEIC" if match[1] else "AVIF"


def reason_to_skip(path: Path) -> str | None:
    """Why a file among others is left out, by its first bytes; None for a picture.

    A file named as a picture is one, if a damaged one. Raises OSError.
    """
    with files.open_regular(path) as file:
        start = file.read(SIGNATURE_SIZE)
    if reason := foreign(start):
        return reason
    named = path.suffix.lower() in SUFFIXES
    return None if named or is_picture(start) else NO_PICTURE


def read(path: Path, digest: "hashlib._Hash | None" = None) -> NDArray[np.uint8]:
    """The picture in a file, as `decode` has it; digest gets the very bytes that are decoded."""
    try:
        content = files.read(path, limit=MAX_FILE_SIZE)
    except OSError as err:
        raise DataError(f"{path}: not readable: {err.strerror}") from err
    if digest is not None:
        digest.update(content)
    return decode(content, str(path))


def decode(content: bytes, name: str) -> NDArray[np.uint8]:
    """A picture in gray, (height, width), rotated as its EXIF data says.

    Transparent areas become black, or white if the drawing is dark. Of several frames, the first.
    name: of the file, for messages. Raises DataError.
    """
    from PIL import Image, UnidentifiedImageError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the limits are checked here
        try:
            with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
                limit = MAX_WEBP_PIXELS if picture.format == "WEBP" else MAX_PIXELS
                if math.prod(picture.size) > limit:
                    raise DataError(_too_many_pixels(name, limit))
                return _to_gray(picture)
        except Image.DecompressionBombError as err:
            raise DataError(_too_many_pixels(name, MAX_PIXELS)) from err
        except UnidentifiedImageError as err:
            formats = ", ".join(FORMATS)
            reason = foreign(content) or f"not an image; {formats} files can be read"
            raise DataError(f"{name}: is {reason}") from err
        except MemoryError as err:  # Pillow allocates what a header claims, 4 GB at most
            reason = "a part of it claims to be larger than the memory"
            raise DataError(f"{name}: cannot be decoded as an image: {reason}") from err
        except DECODE_ERRORS as err:
            reason = f"{err}".partition("\n")[0]
            raise DataError(f"{name}: cannot be decoded as an image: {reason}") from err


def shrink(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """A gray image (height, width) reduced until no side is longer; its aspect ratio is kept."""
    from PIL import Image

    if max(image.shape) <= side:
        return image
    # in float, rounded once: in bytes, Pillow rounds after each of its passes, whose order varies
    picture = Image.fromarray(image.astype(np.float32))
    picture.thumbnail((side, side))
    return np.round(np.asarray(picture).clip(0, 255)).astype(np.uint8)


def reduce(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """An image (height, width), averaged over squares of pixels until its sides fit the maximum.

    The maximum is MAX_REDUCED_SIDE; a smaller image keeps its pixels.
    """
    from PIL import Image

    picture = Image.fromarray(image.astype(np.float32))
    return np.asarray(picture.reduce(math.ceil(max(image.shape) / MAX_REDUCED_SIDE)))


def resize(image: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """An image (height, width), interpolated to a longer side of this many pixels.

    The aspect ratio is kept.
    """
    from PIL import Image

    scale = side / max(image.shape)
    height, width = (max(1, round(scale * length)) for length in image.shape)
    method = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(image).resize((width, height), method))


def _to_gray(picture: Any) -> NDArray[np.uint8]:
    """The pixels (height, width) of a Pillow image."""
    from PIL import ImageOps

    ImageOps.exif_transpose(picture, in_place=True)  # a copy would double the memory
    if picture.mode[0] in "IF":  # more than 8 bits
        return _eight_bits(picture)
    if picture.has_transparency_data:
        return _flatten(picture)
    return np.asarray(picture.convert("L"))


def _flatten(picture: Any) -> NDArray[np.uint8]:
    """A transparent picture on black, or on white if the drawing is dark: (height, width)."""
    lightness = 0  # sum of (gray - 127.5) * alpha, doubled to stay an integer
    for _, band in _bands(picture):
        gray, alpha = _gray_and_alpha(band)
        lightness += int(((2 * gray - 255) * alpha).sum())
    background = 255 if lightness < 0 else 0
    out = np.empty(picture.size[::-1], np.uint8)
    for area, band in _bands(picture):
        gray, alpha = _gray_and_alpha(band)
        out[area] = np.round(gray * (alpha / 255) + background * (1 - alpha / 255))
    return out


def _gray_and_alpha(band: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Gray and opacity of each pixel, in [0, 255], both (height, width)."""
    pixels = np.asarray(band.convert("RGBA").convert("LA"), np.int64)
    return pixels[..., 0], pixels[..., 1]


def _eight_bits(picture: Any) -> NDArray[np.uint8]:
    """Pixels (height, width) of another range, 0 to 1, 255 or 65535, scaled to 0 to 255."""
    highest = max(_finite(band).max() for _, band in _bands(picture))
    white = next((top for top in (1, 255, 65535) if highest <= top), highest)
    out = np.empty(picture.size[::-1], np.uint8)
    for area, band in _bands(picture):
        out[area] = np.round(255 * np.clip(_finite(band) / white, 0, 1))
    return out


def _finite(band: Any) -> NDArray[np.float64]:
    """Pixels (height, width), with 0 for NaN and infinities."""
    return np.nan_to_num(np.asarray(band, np.float64), nan=0, posinf=0, neginf=0)


def _bands(picture: Any) -> Iterator[tuple[tuple[slice, slice], Any]]:
    """A picture cut across its longer side: the rows and columns of each band, and the band."""
    width, height = picture.size
    step = max(1, BAND_SIZE // max(1, min(width, height)))
    for start in range(0, max(width, height), step):
        left, top = (start, 0) if width > height else (0, start)
        right, bottom = (start + step, height) if width > height else (width, start + step)
        right, bottom = min(right, width), min(bottom, height)
        yield (slice(top, bottom), slice(left, right)), picture.crop((left, top, right, bottom))


def _too_many_pixels(name: str, limit: int) -> str:
    return f"{name}: has more than {limit:,} pixels; make it smaller first"
