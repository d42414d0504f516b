"""Images of any size as the 32x32 that the network takes."""

import numpy as np
from numpy.typing import NDArray

from mlpcli.data import pictures
from mlpcli.data.preprocessing import SIDE, center_view
from mlpcli.errors import DataError

RESIZE_OPTION = "--set data.resize=true"  # in messages; Python's load_data has an argument for it


def fit(image: NDArray[np.uint8], *, background: int = 0) -> NDArray[np.uint8]:
    """An image (height, width), reduced if it is too large, centered: uint8 (32, 32).

    background: gray around it, in [0, 255]. The aspect ratio is kept.
    """
    if max(image.shape) > SIDE:
        image = pictures.shrink(image, SIDE)
    square = np.full((SIDE, SIDE), background, np.uint8)
    center_view(square, image.shape)[:] = image
    return square


def require_fit(name: str, size: tuple[int, ...], *, resize: bool) -> None:
    """Raise DataError, which names the source, for a (height, width) over 32x32 without resize."""
    if max(size) > SIDE and not resize:
        raise DataError(
            f"{name}: images must be at most {SIDE}x{SIDE}, got {size[0]}x{size[1]}; "
            f"{RESIZE_OPTION} shrinks them"
        )
