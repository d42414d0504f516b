"""From labels in any usual form to numbered classes, and from those to the classes of a network."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.raw import Reading, describe, natural
from mlpcli.errors import DataError

MAX_CLASSES = 4096  # their confusion matrix takes 134 MB
MAX_LABEL = 1 << 53  # whole numbers up to it are exact in every dtype


def encode(
    labels: NDArray[Any], names: Sequence[str], n: int, how: Reading, *, source: str
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """For each image the position of its class, (n,), and the names of the classes.

    labels: numbers, text or bytes, (n,) or (n, 1), or one-hot, (n, classes) or (classes, n).
    names: of the labels 0, 1, ...; without them the classes are the different labels, in natural
    order, and their names are the labels. Raises DataError.
    """
    values = _label_row(labels, n, source)
    if how.ten_is_zero:
        values = np.where(values == 10, 0, values) if values.dtype.kind in "iu" else values
    if not names:
        distinct, codes = np.unique(values, return_inverse=True)
        _require_few(len(distinct), source)
        ordered = natural(map(str, distinct)) if values.dtype.kind == "U" else distinct.tolist()
        position = {str(value): i for i, value in enumerate(ordered)}
        order = np.array([position[str(value)] for value in distinct])
        return order[codes].astype(np.int64), tuple(map(str, ordered))
    _require_few(len(names), source)
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise DataError(f"{source}: two classes are called {name!r}; give each its own name")
    if values.dtype.kind == "U":
        codes, own = encode(values, (), n, how, source=source)
        return renumber(codes, own, names, source=source)[0], tuple(names)
    if outside := np.flatnonzero((values < 0) | (values >= len(names))).tolist():
        raise DataError(
            f"{source}: label {values[outside[0]]} of image {outside[0]} is outside the "
            f"{len(names)} classes, [0, {len(names) - 1}]"
        )
    return values.astype(np.int64), tuple(names)


def label_count(labels: NDArray[Any], array: NDArray[Any]) -> int:
    """How many labels the images of an array have; of one-hot labels, the axis that fits them."""
    if labels.ndim != 2 or 1 in labels.shape:
        return labels.size
    longest = sorted(labels.shape, reverse=True)
    ends = (array.shape[0], array.shape[-1])
    return next((n for end in ends for n in longest if n == end), longest[0])


def renumber(
    codes: NDArray[np.int64], own: Sequence[str], names: Sequence[str], *, source: str
) -> tuple[NDArray[np.int64], str]:
    """Labels that are positions in own as positions in names, and a note on how; "" if by name.

    Where one side has only numbers for names, positions are matched. Raises DataError for a label
    that names lack.
    """
    used = np.unique(codes).tolist()
    for spelled in (str, str.casefold):
        position = {spelled(name): i for i, name in enumerate(names)}
        if all(spelled(own[i]) in position for i in used):
            table = [position.get(spelled(name), -1) for name in own]
            return np.array(table, np.int64)[codes], ""
    numbers, learned_numbers = (all(map(str.isdigit, each)) for each in (own, names))
    if numbers and not learned_numbers and all(int(own[i]) < len(names) for i in used):
        table = [int(name) for name in own]
    elif learned_numbers and not numbers and len(own) == len(names):
        table = list(range(len(own)))
    else:
        raise DataError(
            f"{source}: its classes {listed(own)} must be among those that were learned, "
            f"{listed(names)}"
        )
    note = f"classes are matched by position: {own[used[0]]!r} is {names[table[used[0]]]!r}, ..."
    return np.array(table, np.int64)[codes], note


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names for a message, the first ones if there are many."""
    more = f", ... ({len(names)} in all)" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _label_row(labels: NDArray[Any], n: int, source: str) -> NDArray[Any]:
    """Labels as a row (n,) of whole numbers or of text."""
    if labels.ndim == 2 and 1 in labels.shape and labels.size == n:
        labels = labels.ravel()
    if labels.ndim == 2:
        rows = len(labels) == n and (labels.shape[1] != n or _is_one_hot(labels))
        labels = _from_one_hot(labels if rows else labels.T, source)
    if labels.ndim != 1 or labels.dtype.kind not in "buifSU":
        raise DataError(
            f"{source}: labels must be a row of whole numbers or of text, got {describe(labels)}"
        )
    if len(labels) != n:
        raise DataError(
            f"{source}: has {n:,} images but {len(labels):,} labels; "
            "there must be one label for each image, in the same order"
        )
    if labels.dtype.kind == "S":
        try:
            return np.char.decode(labels, "utf-8")
        except UnicodeDecodeError as err:
            raise DataError(f"{source}: labels must be UTF-8 text: {err.reason}") from err
    if labels.dtype.kind in "uf":
        wrong = np.flatnonzero(~((labels == np.rint(labels)) & (np.abs(labels) < MAX_LABEL)))
        if wrong.size:
            raise DataError(
                f"{source}: label {labels[wrong[0]]} of image {wrong[0]} is not a whole number"
            )
    return labels if labels.dtype.kind == "U" else labels.astype(np.int64)


def _from_one_hot(labels: NDArray[Any], source: str) -> NDArray[Any]:
    """The position of the one in each row."""
    if not _is_one_hot(labels):
        raise DataError(
            f"{source}: labels of two axes must be one-hot, one 1 in each row, got "
            f"{describe(labels)}"
        )
    return labels.argmax(axis=1)


def _is_one_hot(labels: NDArray[Any]) -> bool:
    if labels.dtype.kind not in "buif":
        return False
    ones = labels == 1
    return bool((ones.sum(axis=1) == 1).all() and ((labels == 0) | ones).all())


def _require_few(count: int, source: str) -> None:
    if count > MAX_CLASSES:
        raise DataError(f"{source}: must have at most {MAX_CLASSES} classes, got {count:,}")
