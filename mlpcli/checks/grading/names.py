"""The names under which a learner returns gradients, such as dW1, grad_b2 or layer3.W."""

import re
from collections.abc import Iterable

_FIELD = re.compile(  # what may precede it keeps words out that only end in w or b
    r"(?:^|[^a-z]|d|g|grad|nabla|delta)(w(?:eights?)?|b(?:ias(?:es)?)?)_?(\d*)(?:_?grad)?$",
    re.IGNORECASE,
)


def labels(names: Iterable[str], depth: int) -> list[str]:
    """What each name stands for: "W2", a "W" or "b" of any layer, or "" for anything.

    names: keys of the dicts that an array was in, separated by dots. depth: layers, which may be
    numbered from 0, 1 or 2.
    """
    read = [_read(name.split(".")) for name in names]
    numbers = {number for field, number in read if field and number is not None}
    first = min(numbers, default=1)
    if numbers != set(range(first, first + depth)):
        first = min(first, 1)
    return [field if number is None else f"{field}{number - first + 1}" for field, number in read]


def _read(keys: list[str]) -> tuple[str, int | None]:
    """The field and the number of its layer, which a key further out may have."""
    for i, key in reversed(list(enumerate(keys))):
        if match := _FIELD.search(key):
            outer = [re.search(r"\d{1,3}$", other) for other in reversed(keys[:i])]
            number = match[2] or next((found[0] for found in outer if found), "")
            return "W" if match[1][0] in "wW" else "b", int(number) if number else None
    return "", None
