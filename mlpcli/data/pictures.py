"""Picture files as grey images, and images made smaller: all that Pillow does (extra `images`)."""

import math
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpcli.errors import ConfigError, DataError

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"}
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")  # others run programs, as PostScript does
PIXELS = 50_000_000  # of a picture; it takes four bytes for each, and five while it is shrunk
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
    Raises DataError, and ConfigError without Pillow.
    """
    pillow = _pillow()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what could be wrong is judged here
        try:
            with pillow.open(path, formats=FORMATS) as picture:
                if math.prod(picture.size) > PIXELS:
                    raise DataError(_too_many(path))
                return _upright_grey(picture)
        except pillow.DecompressionBombError as err:
            raise DataError(_too_many(path)) from err
        except pillow.UnidentifiedImageError as err:
            kinds = ", ".join(FORMATS)
            raise DataError(f"{path}: is not an image; {kinds} files can be read") from err
        except DAMAGE as err:
            if isinstance(err, OSError) and err.errno is not None:
                raise DataError(f"{path}: not readable: {err.strerror}") from err
            told = f"{err}".partition("\n")[0]
            raise DataError(f"{path}: cannot be decoded as an image: {told}") from err


def shrunk(image: NDArray[Any], side: int) -> NDArray[np.uint8]:
    """A grey uint8 image, no side of which is longer than asked for; its shape is kept."""
    picture = _pillow().fromarray(image)
    picture.thumbnail((side, side))
    return np.asarray(picture)


def reduced(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """An image, no side of which is longer than FINEST: means over squares of pixels."""
    picture = _pillow().fromarray(image.astype(np.float32))
    return np.asarray(picture.reduce(math.ceil(max(image.shape) / FINEST)))


def resized(image: NDArray[np.float32], longest: int) -> NDArray[np.float32]:
    """An image whose longer side has that many pixels; its shape is kept, its edges are smooth."""
    pillow = _pillow()
    scale = longest / max(image.shape)
    height, width = (max(1, round(scale * side)) for side in image.shape)
    mean = pillow.Resampling.BOX if scale < 1 else pillow.Resampling.BILINEAR
    return np.asarray(pillow.fromarray(image).resize((width, height), mean))


def _upright_grey(picture: Any) -> NDArray[np.uint8]:
    from PIL import ImageOps

    picture = ImageOps.exif_transpose(picture)
    if picture.mode[0] in "IF":  # more than 8 bits
        return _eight_bits(np.asarray(picture, np.float64))
    if picture.has_transparency_data:
        return _on_ground(np.asarray(picture.convert("RGBA").convert("LA")))
    return np.asarray(picture.convert("L"))


def _on_ground(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grey and alpha, (height, width, 2), laid on black, or on white where the drawing is dark."""
    grey, alpha = pixels[..., 0].astype(np.float64), pixels[..., 1] / 255
    ground = 255 if (grey * alpha).sum() < 127.5 * alpha.sum() else 0
    return np.round(grey * alpha + ground * (1 - alpha)).astype(np.uint8)


def _eight_bits(pixels: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Pixels of another range, in that of 8 bits: 0 to 1, 0 to 255 or 0 to 65535."""
    most = next((top for top in (1, 255, 65535) if pixels.max() <= top), pixels.max())
    return np.round(255 * np.clip(np.nan_to_num(pixels) / most, 0, 1)).astype(np.uint8)


def _too_many(path: Path) -> str:
    return f"{path}: has more than {PIXELS:,} pixels; make it smaller first"


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as err:
        raise ConfigError("images need Pillow; pip install 'mlpcli[images]'") from err
    return Image
