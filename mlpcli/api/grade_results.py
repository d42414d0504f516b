"""The results of a learner's functions, read from the pipe that their process writes into.

The process may write anything, so that everything is bounded and checked before it is used. A
message is one line of JSON, then the bytes of the arrays that the line announces.
"""

import math
from collections.abc import Collection, Iterable, Iterator
from typing import IO, Annotated, Literal, NamedTuple

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from mlpcli.checks.grading.answers import FUNCTIONS, LAYOUTS, Answer, Answers
from mlpcli.nn import Array
from mlpcli.terminal import one_line

MAX_HEADER = 64 << 10  # bytes of a line
MAX_MESSAGES = 500
MAX_SIZE = 4_000_000  # numbers in one message; the largest right answer has half of it
MAX_BYTES = 512 << 20  # of all arrays

Text = Annotated[str, Field(max_length=500), AfterValidator(one_line)]


class GarbledError(Exception):
    """What came over the pipe is not what the worker sends."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ArrayHeader(_Model):
    """What is known of an array before its bytes arrive."""

    name: Text  # keys of the dicts that it was in, separated by dots
    dtype: Literal["<f4", "<f8"]
    shape: list[Annotated[int, Field(ge=0, le=MAX_SIZE)]] = Field(max_length=8)

    @property
    def size(self) -> int:
        """The number of entries."""
        return math.prod(self.shape)


class Header(_Model):
    """The line of a message; which fields it has depends on the event."""

    event: Literal["defined", "calling", "answer", "stopped", "end"]
    names: list[Text] = Field([], max_length=len(FUNCTIONS))  # functions that are asked for
    others: list[Text] = Field([], max_length=50)
    step: Annotated[str, Field(pattern=r"^(grad_[zWb][1-9]|backward|update|)$")] = ""
    layout: int = Field(0, ge=0, lt=len(LAYOUTS))
    kind: Literal["", "type", "not-done", "error"] = ""  # of a failure
    line: int | None = None  # of the learner's file
    text: Text = ""
    changed: list[Text] = Field([], max_length=3)
    own_grad_z3: bool = False
    arrays: list[ArrayHeader] = Field([], max_length=200)


class Message(NamedTuple):
    """One message of the worker."""

    header: Header
    arrays: list[Array]


def messages(stream: IO[bytes]) -> Iterator[Message]:
    """The messages, to the last or to a torn one, whose sender died.

    Raises GarbledError.
    """
    left = MAX_BYTES
    for _ in range(MAX_MESSAGES):
        line = stream.readline(MAX_HEADER)
        if len(line) < MAX_HEADER and not line.endswith(b"\n"):
            return
        try:
            header = Header.model_validate_json(line)
        except ValidationError as err:
            raise GarbledError from err
        left -= sum(8 * array.size for array in header.arrays)
        if sum(array.size for array in header.arrays) > MAX_SIZE or left < 0:
            raise GarbledError
        try:
            arrays = [_array(stream, array) for array in header.arrays]
        except EOFError:
            return
        yield Message(header, arrays)
        if header.event == "end":
            return
    raise GarbledError


def answers(
    found: Iterable[Message], file: str, functions: Collection[str] = tuple(FUNCTIONS)
) -> Answers:
    """The outcome of each call of these functions, by layout and function. Raises GarbledError."""
    calls: Answers = {}
    for header, arrays in found:
        if header.event != "answer":
            continue
        row = calls.setdefault(LAYOUTS[header.layout], {})
        if header.step not in functions or header.step in row:
            raise GarbledError
        row[header.step] = Answer(
            arrays=arrays,
            names=tuple(array.name for array in header.arrays),
            failure=(header.kind, _failure(header, file)) if header.kind else None,
            changed=tuple(header.changed),
            own_grad_z3=header.own_grad_z3,
            line=header.line or 0,
        )
    return calls


def _failure(header: Header, file: str) -> str:
    if header.kind == "error":
        return f"{header.step}: {located(file, header)}"
    return f"{header.step}{' ' if header.kind == 'type' else ': '}{header.text}"


def located(file: str, header: Header) -> str:
    """The text of a message after the place in the learner's file."""
    return f"{file}{'' if header.line is None else f':{header.line}'}: {header.text}"


def _array(stream: IO[bytes], header: ArrayHeader) -> Array:
    """An array of a message. Raises EOFError where the stream ends first."""
    dtype = np.dtype(header.dtype)
    data = stream.read(header.size * dtype.itemsize)
    if len(data) < header.size * dtype.itemsize:
        raise EOFError
    try:
        return np.frombuffer(data, dtype).reshape(header.shape)
    except ValueError as err:  # no numbers, in axes whose product is too large
        raise GarbledError from err
