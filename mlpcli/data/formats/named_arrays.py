"""Arrays with names, as NumPy, MATLAB and HDF5 files hold them: which is what of which split."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.interpret import MAX_CLASSES
from mlpcli.data.raw import WHOLE, Parts, Raw, split_of
from mlpcli.errors import DataError

IMAGE_WORDS = {"x", "image", "images", "imgs", "pixels", "features", "data", "samples"}
LABEL_WORDS = {"y", "label", "labels", "target", "targets", "class"}
CLASS_NAMES = ("classes", "class_names", "label_names")
LONE_NAMES = ("arr_0", "arr_1")  # of np.savez(path, images, labels)

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


def parts(source: str, headers: Mapping[str, Header], load: Load) -> Parts:
    """The splits of a source that has these arrays; raises DataError, which lists them."""
    by_split: dict[str, Names] = {}
    for name in headers:
        split, kind = split_of(_spelled(name)), _kind(name)
        if kind and by_split.setdefault(split or WHOLE, {}).setdefault(kind, name) != name:
            other = by_split[split or WHOLE][kind]
            raise DataError(f"{source}: {other!r} and {name!r} may both be its {kind}; keep one")
    found = {split: names for split, names in by_split.items() if "images" in names}
    if not found and LONE_NAMES[0] in headers:
        pair = dict(zip(("images", "labels"), LONE_NAMES, strict=True))
        found = {WHOLE: {kind: name for kind, name in pair.items() if name in headers}}
    if not found:
        raise DataError(
            f"{source}: has no array with a name such as x_train, train_images or images; "
            f"{contents(headers)}"
        )
    if WHOLE in found and len(found) > 1:  # such as `images` beside `x_test`
        found.setdefault("train", found.pop(WHOLE))
        found.pop(WHOLE, None)
    classes = next((name for name in CLASS_NAMES if name in headers), None)
    return {s: partial(_read, source, load, names, classes) for s, names in found.items()}


def contents(headers: Mapping[str, Header]) -> str:
    """What a file holds, for messages: has train_images (2428, 28, 28) uint8, ..."""
    each = [f"{name} {h.shape} {h.dtype}" for name, h in list(headers.items())[:12]]
    more = ", ..." if len(headers) > 12 else ""
    return f"has {', '.join(each)}{more}" if each else "holds no arrays"


def _read(source: str, load: Load, names: Names, classes: str | None) -> Raw:
    wanted = {*names.values(), *([classes] if classes else [])}
    arrays, files = load(wanted)
    if missing := sorted(wanted - arrays.keys()):
        raise DataError(f"{source}: lacks the array {missing[0]!r}")
    labels = arrays[names["labels"]] if "labels" in names else None
    own = _class_names(source, arrays[classes]) if classes else ()
    return Raw(arrays[names["images"]], labels, files, own)


def _spelled(name: str) -> str:
    """A name with its words apart: Xtrain, xTrain and x_train are alike."""
    return re.sub(r"^([xy])[_-]?(?=train|test|val)", r"\1_", name, flags=re.IGNORECASE)


def _kind(name: str) -> str | None:
    words = set(re.split(r"[^a-z0-9]+", _spelled(name).lower()))
    if name in CLASS_NAMES:
        return None
    if words & LABEL_WORDS:
        return "labels"
    return "images" if words & IMAGE_WORDS else None


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
