"""Arrays with names, as NumPy, MATLAB and HDF5 files hold them: which is what of which split."""

import math
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.class_labels import MAX_CLASSES
from mlpcli.data.raw import WHOLE, Parts, Raw, Reading, split_of, words
from mlpcli.errors import DataError

IMAGE_WORDS = {
    "x",
    "image",
    "images",
    "img",
    "imgs",
    "pixels",
    "features",
    "data",
    "samples",
    "fea",
}
LABEL_WORDS = {"y", "label", "labels", "target", "targets", "class", "gnd"}
OTHER_WORDS = {  # of arrays that describe images or labels
    *("id", "ids", "index", "indices", "idx", "name", "names", "path", "paths", "file", "files"),
    *("mean", "std", "shape", "size", "weight", "weights", "mask", "masks"),
}
CLASS_NAMES = ("classes", "class_names", "label_names", "target_names", "list_classes")
LONE_NAMES = {"arr_0", "arr_1"}  # of np.savez(path, images, labels)

Names = dict[str, str]  # of arrays, by what they are: images, labels
# the arrays with these names, and the SHA-256 of each file that they come from
Load = Callable[[set[str]], tuple[Mapping[str, NDArray[Any]], dict[str, str]]]


class Header(Protocol):
    """What is known of an array before it is read."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""

    @property
    def dtype(self) -> Any:
        """Type of the values."""


def parts(source: str, headers: Mapping[str, Header], load: Load, how: Reading) -> Parts:
    """The splits of a source that has these arrays; raises DataError, which lists them."""
    every: dict[str, dict[str, list[str]]] = {}
    for name in headers:
        if kind := _kind(name, how.label):
            split = split_of(_spelled(name)) or WHOLE
            every.setdefault(split, {}).setdefault(kind, []).append(name)
    found = {
        split: {kind: _choice(source, kind, names, headers) for kind, names in by_kind.items()}
        for split, by_kind in every.items()
        if "images" in by_kind
    }
    if not found and headers.keys() == LONE_NAMES:
        pair = sorted(headers, key=lambda name: math.prod(headers[name].shape))
        found = {WHOLE: dict(zip(("labels", "images"), pair, strict=True))}
    if not found or (how.label and not any("labels" in names for names in found.values())):
        missing = "x_train, train_images or images" if not found else f"{how.label}, data.label"
        raise DataError(
            f"{source}: has no array with a name such as {missing}; {contents(headers)}"
        )
    notes: tuple[str, ...] = ()
    if WHOLE in found and len(found) > 1:  # such as `images` beside `x_test`
        rest = found.pop(WHOLE)
        if "train" in found:
            chosen = found["train"]["images"]
            notes = (f"{rest['images']!r} is left out, since {chosen!r} says that it is for train",)
        found.setdefault("train", rest)
    classes = next((name for name in CLASS_NAMES if name in headers), None)
    return {s: partial(_read, source, load, names, classes, notes) for s, names in found.items()}


def is_known(name: str, how: Reading) -> bool:
    """Whether the name of an array says what it is."""
    return bool(_kind(name, how.label)) or name in CLASS_NAMES


def contents(headers: Mapping[str, Header]) -> str:
    """What a file holds, for messages: has train_images (2428, 28, 28) uint8, ..."""
    each = [f"{name} {h.shape} {h.dtype}" for name, h in list(headers.items())[:12]]
    more = ", ..." if len(headers) > 12 else ""
    return f"has {', '.join(each)}{more}" if each else "holds no arrays"


def _choice(source: str, kind: str, names: list[str], headers: Mapping[str, Header]) -> str:
    """The one of these arrays that can be the images, or the labels."""
    axes, dtypes = (range(2, 5), "buif") if kind == "images" else (range(1, 3), "buifSUO")
    able = [
        name
        for name in names
        if len(headers[name].shape) in axes and headers[name].dtype.kind in dtypes
    ]
    if len(names) == 1 or len(able) == 1:
        return (able or names)[0]
    first, second, *_ = able or names
    todo = "keep one" if kind == "images" else f"--set data.label={first} names one"
    raise DataError(f"{source}: {first!r} and {second!r} may both be its {kind}; {todo}")


def _read(
    source: str, load: Load, names: Names, classes: str | None, notes: tuple[str, ...]
) -> Raw:
    wanted = {*names.values(), *([classes] if classes else [])}
    arrays, files = load(wanted)
    if missing := sorted(wanted - arrays.keys()):
        raise DataError(f"{source}: lacks the array {missing[0]!r}")
    labels = arrays[names["labels"]] if "labels" in names else None
    own = _class_names(source, arrays[classes]) if classes else ()
    return Raw(arrays[names["images"]], labels, files, own, notes)


def _spelled(name: str) -> str:
    """A name with its words apart: Xtrain, xTrain and x_train are alike."""
    return re.sub(r"(?<![a-z])([xy])[_-]?(?=train|test|val)", r"\1_", name, flags=re.IGNORECASE)


def _kind(name: str, label: str | None) -> str | None:
    """What an array is, images or labels; label: the words in the names of labels, if set.

    >>> _kind("train/data", None), _kind("Xtest", None), _kind("images/train", None)
    ('images', 'images', 'images')
    >>> _kind("train_labels", None), _kind("image_ids", None), _kind("fine", "fine")
    ('labels', None, 'labels')
    """
    *above, last = _spelled(name).split("/")
    known = words(last)
    if not known & (IMAGE_WORDS | LABEL_WORDS) and split_of(last):  # such as images/train
        known = words("/".join(above))
    if label is not None and words(_spelled(label)) <= words(_spelled(name)):
        return "labels"
    if last in CLASS_NAMES or known & OTHER_WORDS:
        return None
    if known & LABEL_WORDS:
        return "labels" if label is None else None
    return "images" if known & IMAGE_WORDS else None


def _class_names(source: str, names: NDArray[Any]) -> tuple[str, ...]:
    """Names of classes from an array of text or of whole numbers, of any shape."""
    if names.dtype.kind not in "UiuS" or names.size > MAX_CLASSES:
        raise DataError(
            f"{source}: classes must be at most {MAX_CLASSES} texts, got {names.size:,} of "
            f"{names.dtype}"
        )
    try:
        flat = names.ravel()
        return tuple(map(str, np.char.decode(flat, "utf-8") if flat.dtype.kind == "S" else flat))
    except (ValueError, SystemError) as err:  # code points outside Unicode
        raise DataError(f"{source}: classes must be text: {err}") from err
