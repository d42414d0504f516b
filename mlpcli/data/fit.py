"""Images of any size as the 32x32 that the network takes."""

import numpy as np
from numpy.typing import NDArray

from mlpcli.data import pictures
from mlpcli.data.background import has_light_background
from mlpcli.data.preprocessing import SIDE, center_view
from mlpcli.data.raw import Reading
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


def stacked(images: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Images (height, width) as one array (n, height, width).

    If their sizes differ, they are centered in 32x32, on the background that most of them have.
    """
    if len({image.shape for image in images}) > 1:
        light = np.mean([has_light_background(image[None])[0] for image in images]) > 0.5
        images = [fit(image, background=255 if light else 0) for image in images]
    return np.stack(images)


def sized(name: str, image: NDArray[np.uint8], how: Reading) -> NDArray[np.uint8]:
    """A picture (height, width) of a data set, in the size that the reader asks for.

    name: of the picture, for the DataError if it is too large.
    """
    if how.fit:
        return how.fit(image[None])[0]
    require_fit(name, image.shape, resize=how.resize)
    return image if max(image.shape) <= SIDE else pictures.shrink(image, SIDE)


def require_fit(name: str, size: tuple[int, ...], *, resize: bool) -> None:
    """Raise DataError, which names the source, for a (height, width) over 32x32 without resize."""
    if max(size) > SIDE and not resize:
        raise DataError(
            f"{name}: images must be at most {SIDE}x{SIDE}, got {size[0]}x{size[1]}; "
            f"{RESIZE_OPTION} shrinks them"
        )
