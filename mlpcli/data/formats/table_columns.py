"""The columns of a table of pixels: which are pixels, which one has the labels."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.formats.named_arrays import LABEL_WORDS
from mlpcli.data.raw import Reading
from mlpcli.errors import DataError

MIN_COLUMNS = 5  # 2x2 pixels and a label
INDEX_NAMES = {"id", "index", "idx", "unnamed: 0", ""}  # of columns that are left out
MAX_NAMES = 6  # columns listed in a message


class Columns(NamedTuple):
    """What the columns of a table are; pixels stand between the others."""

    separator: str
    header: bool  # whether the first line names them
    before: int  # columns before the pixels
    after: int  # columns after them
    label: int | None  # which of these has the labels; None: not known yet, or there are none
    note: str = ""


def recognize(path: Path, separator: str, rows: list[list[str]], how: Reading) -> Columns:
    """What the columns are, by the first lines; raises DataError where that cannot be known."""
    if not rows or len(rows[0]) < MIN_COLUMNS:
        raise DataError(f"{path}: is not a table of pixels, with a line for each image")
    first, last = rows[0], rows[-1]
    header = len(rows) > 1 and any(
        not _is_number(a) and _is_number(b) for a, b in zip(first, last, strict=False)
    )
    names = [name.strip().lower() for name in first] if header else []
    label = _label(path, names, first, how)
    others = {i for i, name in enumerate(names) if name in INDEX_NAMES}
    others |= set() if label is None else {label}
    count = len(first)
    before, after = _edges(path, others, count)
    pixels = count - before - after
    alone = label is None and is_square(pixels - 1, how)  # the label is the first or the last
    if not (is_square(pixels, how) or alone):
        raise DataError(
            f"{path}: has {count:,} columns, which are not a label and a square number of pixels; "
            "--set data.label names the column of the labels, 'data.shape=[height,width]' the size"
        )
    left_out = sorted(others - {label})
    note = f"left out the column {first[left_out[0]].strip()!r}" if left_out else ""
    own = None if label is None else sorted(others).index(label)
    return Columns(separator, header, before, after, own, note)


def split_edge(
    path: Path, table: NDArray[Any], how: Reading
) -> tuple[NDArray[Any], NDArray[Any], str]:
    """Pixels and labels of a table without names, whose first or last column has the labels."""
    edges = {"first": table[:, 0], "last": table[:, -1]}
    likely = [name for name, column in edges.items() if _may_be_labels(column)]
    if len(likely) != 1:
        raise DataError(
            f"{path}: its first or its last column may have the labels; --set data.label=0 or "
            f"--set data.label={table.shape[1] - 1} chooses one"
        )
    pixels = table[:, 1:] if likely == ["first"] else table[:, :-1]
    return pixels, edges[likely[0]], f"labels are in the {likely[0]} column"


def is_square(pixels: int, how: Reading) -> bool:
    """Whether an image can have so many pixels: those of the shape that is set, or of a square."""
    if how.shape:
        return pixels == how.shape[0] * how.shape[1]
    return pixels > 0 and round(pixels**0.5) ** 2 == pixels


def _edges(path: Path, others: set[int], count: int) -> tuple[int, int]:
    """How many of the columns that are no pixels stand before them, and how many after them."""
    before = next(i for i in range(count + 1) if i not in others)
    after = next(i for i in range(count + 1) if count - 1 - i not in others)
    if sorted(others) != [*range(before), *range(count - after, count)]:
        raise DataError(f"{path}: columns that are no pixels must be the first or the last ones")
    return before, after


def _label(path: Path, names: list[str], first: list[str], how: Reading) -> int | None:
    """The position of the labels by the setting, by their name, or as the only text in a line."""
    count = len(first)
    if how.label is None:
        named = [i for i, name in enumerate(names) if name in LABEL_WORDS]
        if len(named) > 1:
            raise DataError(
                f"{path}: its columns {names[named[0]]!r} and {names[named[1]]!r} may both be the "
                "labels; --set data.label=NAME chooses one"
            )
        if named or names:
            return named[0] if named else None
        texts = [i for i in (0, count - 1) if not _is_number(first[i])]
        return texts[0] if len(texts) == 1 else None
    if how.label.strip().lower() in names:
        return names.index(how.label.strip().lower())
    if how.label.isdecimal() and int(how.label) < count:
        return int(how.label)
    shown = ", ".join(names[:MAX_NAMES]) if names else f"0 to {count - 1}"
    raise DataError(f"{path}: has no column {how.label!r}; data.label is one of {shown}, ...")


def _may_be_labels(column: NDArray[Any]) -> bool:
    """Whether a column has the numbers from 0 or 1 up to another, without larger gaps."""
    distinct = np.unique(column)
    if len(distinct) < 2 or distinct[0] not in (0, 1):
        return False
    return bool((distinct == np.rint(distinct)).all() and np.diff(distinct).max() <= 2)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
