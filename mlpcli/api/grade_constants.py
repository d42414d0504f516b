"""What a learner's file says of itself, in constants: read as text, before its code is run.

A constant is a literal on a line of its own, at the left margin. Nothing else is parsed.
"""

import ast
import itertools
import re
from pathlib import Path
from typing import Any, NamedTuple, get_args

from mlpcli.checks.grading.answers import FORMS, Bias
from mlpcli.errors import SubmissionError, nearest
from mlpcli.nn import mlp
from mlpcli.nn.activation import ACTIVATIONS

MAX_FILE = 1 << 20  # bytes that are read
MAX_VALUE = 100  # characters of a value
MAX_LAYERS = 9  # whose number is one digit
MAX_PARAMETERS = 2_000_000
_LINE = re.compile(r"^(SIZES|ACTIVATION|FORM|BIAS_IN_W)[ \t]*=(?!=)([^#\n]*)", re.MULTILINE)


class Constants(NamedTuple):
    """The network and the conventions of a file."""

    sizes: tuple[int, ...] | None = None  # width of every layer, input first
    activation: str = "relu"
    form: str | None = None  # of the arguments; one of FORMS
    bias: Bias | None = None  # which row of W it is


def read(file: Path) -> Constants:
    """The constants of a file. Raises SubmissionError for one that cannot be used."""
    if not file.is_file():
        raise SubmissionError(f"{file}: {'not a file' if file.exists() else 'no such file'}")
    if file.suffix == ".ipynb":
        raise SubmissionError(f"{file}: is a notebook; save its functions in a .py file")
    try:
        with file.open("rb") as source:
            text = source.read(MAX_FILE).decode(errors="replace")
    except OSError as err:
        raise SubmissionError(f"{file}: cannot be read: {err.strerror}") from err
    found: dict[str, Any] = {}
    for match in _LINE.finditer(text):
        name, place = match[1], f"{file}:{text.count(chr(10), 0, match.start()) + 1}: {match[1]}"
        value = _value(place, match[2].strip())
        found[name] = _sizes(place, value) if name == "SIZES" else _choice(place, name, value)
    return Constants(
        sizes=found.get("SIZES"),
        activation=found.get("ACTIVATION", "relu"),
        form=found.get("FORM"),
        bias=found.get("BIAS_IN_W"),
    )


def _value(place: str, text: str) -> Any:
    try:
        return ast.literal_eval(text[:MAX_VALUE])
    except (ValueError, SyntaxError, MemoryError, RecursionError) as err:
        raise SubmissionError(f"{place} must be a literal on one line, got {text:.40}") from err


def _sizes(place: str, value: Any) -> tuple[int, ...]:
    whole = isinstance(value, tuple | list) and all(type(size) is int for size in value)
    if not whole or not 1 <= len(value) - 1 <= MAX_LAYERS:
        text = f"{place} must be 2 to {MAX_LAYERS + 1} whole numbers, input first"
        raise SubmissionError(f"{text}, such as (784, 128, 10), got {value!r:.60}")
    if min(value) < 2:
        raise SubmissionError(f"{place}: widths must be at least 2, got {value!r:.60}")
    if max(value) > MAX_PARAMETERS or mlp.parameter_count(value) > MAX_PARAMETERS:
        text = f"{place}: a network may have at most {MAX_PARAMETERS:,} parameters"
        raise SubmissionError(f"{text}; choose smaller widths")
    if any(a == b for a, b in itertools.pairwise(value)):
        text = f"{place}: widths of neighbors must differ, or W and its transpose look alike"
        raise SubmissionError(f"{text}, got {value!r:.60}")
    return tuple(value)


def _choice(place: str, name: str, value: Any) -> str:
    choices = {"ACTIVATION": [*ACTIVATIONS], "FORM": [*FORMS], "BIAS_IN_W": [*get_args(Bias)]}[name]
    if value not in choices:
        near = nearest(str(value), choices)
        hint = f"; did you mean {near!r}?" if near else ""
        raise SubmissionError(
            f"{place} must be one of {', '.join(choices)}, got {value!r:.40}{hint}"
        )
    return str(value)
