"""From a name to a split of images, and from images to the network's inputs."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli.data import cache, custom, idx, npz, registry, synth
from mlpcli.data.registry import Published
from mlpcli.errors import DataError

SIDE = custom.SIDE
INPUTS = SIDE * SIDE
WHITE = np.float32(255)
CHUNK = 4096  # images looked at together
MOST_CLASSES = custom.MOST_CLASSES
_SURROGATE = re.compile("[\ud800-\udfff]")  # of a file name that is no text


class Split(NamedTuple):
    """One part of a data set, as it lies in memory."""

    name: str  # of the data set
    images: NDArray[np.uint8]  # (n, height, width), at most 32x32
    labels: NDArray[np.int64]  # (n,), each in [0, len(classes))
    classes: tuple[str, ...]
    files: dict[str, str]  # sum of each file it was read from

    def __repr__(self) -> str:
        n, height, width = self.images.shape
        return f"<{self.name}: {n:,} images of {height}x{width}, {len(self.classes)} classes>"


def load(
    name: str,
    split: str,
    *,
    resize: bool = False,
    offline: bool = False,
    images: int | None = None,
) -> Split:
    """The "train" or "test" split of a named data set, of synth, or of the data at a path.

    resize: shrink images larger than 32x32, which are refused otherwise.
    images: how many to draw, for synth alone.
    Only the files of this split are opened. Raises DataError.
    """
    if images is not None and name != "synth":
        raise DataError(f"data.images: {name!r} has its own number of images; only synth is drawn")
    if name == "synth":
        drawn, labels, digest = synth.split(split, images)
        return _checked(Split(name, drawn, labels, synth.CLASSES, {"drawn": digest}), resize=resize)
    if name in registry.DATASETS:
        return _checked(_published(name, split, offline=offline), resize=resize)
    path = cache.expanded(name)
    if not path.exists():
        raise DataError(
            f"data set {name!r}: neither a name nor a path that exists; {registry.nearest(name)}"
        )
    found = custom.read(path, split, resize=resize)
    classes = found.classes or _numbered(found.train_labels, path)
    return _checked(
        Split(name, found.images, found.labels, classes, found.files),
        resize=resize,
    )


def inputs(images: NDArray[np.uint8], out: NDArray[Any] | None = None) -> NDArray[Any]:
    """Images as rows of the network's input: (n, 1024), in [0, 1], centred on black.

    out: zeros of that shape in any float dtype, or what this function wrote before for images of
    the same size; a new float32 array without it.

    >>> inputs(np.full((1, 28, 28), 255, np.uint8)).sum()
    np.float32(784.0)
    """
    if out is None:
        out = np.zeros((len(images), INPUTS), np.float32)
    scale(images, middle(out.reshape(-1, SIDE, SIDE), images.shape[1:]))
    return out


def scale(pixels: NDArray[np.uint8], out: NDArray[Any] | None = None) -> NDArray[Any]:
    """Pixels of any shape as numbers in [0, 1], in out or a new float32 array of that shape."""
    return np.divide(pixels, WHITE, out=out)


def middle(squares: NDArray[Any], size: tuple[int, ...]) -> NDArray[Any]:
    """The part of 32x32 squares (n, 32, 32) that an image of (height, width) takes: a view."""
    height, width = size
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    return squares[:, top : top + height, left : left + width]


def lit(images: NDArray[np.uint8]) -> NDArray[np.intp]:
    """The inputs that are not black in every image, those first that are lit in most of them.

    >>> lit(np.array([[[255, 0], [1, 9]], [[0, 0], [0, 2]]], np.uint8))
    array([528, 495, 527])
    """
    count = np.zeros(images.shape[1:], np.intp)
    for start in range(0, len(images), CHUNK):
        count += np.count_nonzero(images[start : start + CHUNK], axis=0)
    often = np.argsort(-count, axis=None, kind="stable")[: np.count_nonzero(count)]
    return places(images.shape[1:])[often]


def places(size: tuple[int, ...]) -> NDArray[np.intp]:
    """The inputs that the pixels of an image of (height, width) become, row after row.

    >>> places((28, 28))[[0, -1]]
    array([ 66, 957])
    """
    return middle(np.arange(INPUTS).reshape(1, SIDE, SIDE), size).ravel()


def split_validation(
    labels: NDArray[Any], *, count: int, rng: np.random.Generator
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rows to train on and `count` rows to validate on, both ascending.

    Stratified: each class gives its share, rounded so that the shares add up to count.
    """
    classes, sizes = np.unique(labels, return_counts=True)
    shares = sizes * (count / len(labels))
    take = np.floor(shares).astype(int)
    take[np.argsort(take - shares, kind="stable")[: count - take.sum()]] += 1
    kept = np.zeros(len(labels), bool)
    for label, n in zip(classes, take, strict=True):
        kept[rng.permutation(np.flatnonzero(labels == label))[:n]] = True
    return np.flatnonzero(~kept), np.flatnonzero(kept)


def _published(name: str, split: str, *, offline: bool) -> Split:
    published = registry.DATASETS[name]
    files = (published.images[split], published.labels[split])
    paths = [cache.place(published, file) for file in files]
    if not all(map(cache.is_right, paths, files)):
        from mlpcli.data.fetch import fetch  # here, so that cached data needs none of its libraries

        fetch(published, files, offline=offline)
    images, labels = _decode(published, *paths)
    sums = {file.name: file.sum for file in files}
    return Split(name, images, labels - published.first_label, published.classes, sums)


def _decode(
    published: Published, images: Path, labels: Path
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    if images.suffix == ".npz":  # Kuzushiji-49 has one array in each file
        x, y = (npz.arrays(path, {"arr_0"})["arr_0"] for path in (images, labels))
        return x, y.astype(np.int64)
    x = idx.images(images)
    return (x.swapaxes(1, 2) if published.transposed else x), idx.labels(labels)


def _numbered(labels: NDArray[Any], path: Path) -> tuple[str, ...]:
    """Names for the classes 0 to the largest training label."""
    if labels.dtype.kind not in "iu" or labels.ndim != 1 or not len(labels):
        raise DataError(f"{path}: labels must be a row of whole numbers, got {_form(labels)}")
    if labels.max() >= MOST_CLASSES:
        raise DataError(f"{path}: labels must be in [0, {MOST_CLASSES - 1}], got {labels.max()}")
    return tuple(map(str, range(int(labels.max()) + 1)))


def _checked(split: Split, *, resize: bool) -> Split:
    """The split, its labels as int64, when images, labels and classes fit together."""
    name, images, labels, classes, _ = split
    require_images(name, images)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(f"{name}: labels must be a row of whole numbers, got {_form(labels)}")
    if len(images) != len(labels):
        raise DataError(
            f"{name}: has {len(images):,} images but {len(labels):,} labels; "
            "they must be as many, in the same order"
        )
    if len(classes) > MOST_CLASSES:
        raise DataError(f"{name}: must have at most {MOST_CLASSES} classes, got {len(classes):,}")
    if odd := [each for each in classes if _SURROGATE.search(each)]:
        raise DataError(f"{name}: the name of a class must be valid text, got {odd[0]!r}")
    if not images.size:
        raise DataError(f"{name}: holds no images")
    if outside := np.flatnonzero((labels < 0) | (labels >= len(classes))).tolist():
        raise DataError(
            f"{name}: label {labels[outside[0]]} of image {outside[0]} is outside the "
            f"{len(classes)} classes, [0, {len(classes) - 1}]"
        )
    if max(images.shape[1:]) > SIDE:
        if not resize:
            raise DataError(custom.too_large(name, *images.shape[1:]))
        split = split._replace(images=custom.shrink(images))
    return split._replace(labels=labels.astype(np.int64))


def require_images(name: str, images: NDArray[Any]) -> None:
    """Raise DataError, by that name, unless images are as `Split` holds them, of any size."""
    if images.ndim != 3 or images.dtype != np.uint8:
        raise DataError(
            f"{name}: images must be uint8 of shape (n, height, width), got {_form(images)}"
        )


def _form(array: NDArray[Any]) -> str:
    return f"{array.dtype} of shape {array.shape}"
