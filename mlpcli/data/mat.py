"""MATLAB's format of versions 5 to 7.2: named arrays of numbers, and structures of them.

What else a file holds, such as text, cells, objects and functions, is passed over. No array is
larger than its bytes in the file, or than what they may unpack to, and structures are not deep.
SciPy is not used, since a damaged file can crash its reader, and with it the process.
Source: The MathWorks (2024), "MAT-File Format", R2024a.
"""

import math
import struct
import zlib
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.size_limits import max_unpacked_size

HEADER_SIZE = 128  # bytes before the first element
ORDERS = {b"IM": "<", b"MI": ">"}  # of bytes, by the end of the header
MATRIX, COMPRESSED = 14, 15  # types of elements that hold others
STRUCTURE = 2  # class of a matrix
TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
NUMBERS = range(6, 16)  # classes of matrices, from double to uint64
COMPLEX = 1 << 11  # flag of a matrix
MAX_DEPTH = 5  # of structures

Array = NDArray[Any]
Elements = Iterator[tuple[int, memoryview]]  # type and bytes


def arrays(content: bytes) -> dict[str, Array]:
    """The arrays of a file, in the dtype that they are stored in.

    Those of structures have names such as dataset/train/images. Raises ValueError, LookupError,
    struct.error or zlib.error for a damaged file.
    """
    order = ORDERS.get(content[HEADER_SIZE - 2 : HEADER_SIZE])
    if order is None:
        raise ValueError("its header names no order of bytes")
    room = max_unpacked_size(len(content))  # for what is unpacked
    found: dict[str, Array] = {}
    for kind, body in _elements(memoryview(content)[HEADER_SIZE:], order):
        inner: Elements = iter([(kind, body)])
        if kind == COMPRESSED:
            unpacked = _unpacked(body, room)
            room -= len(unpacked)
            inner = _elements(memoryview(unpacked), order)
        for inner_kind, matrix in inner:
            if inner_kind == MATRIX:
                found.update(_matrix(matrix, order))
    return found


def _elements(data: memoryview, order: str) -> Elements:
    at = 0
    while at + 8 <= len(data):
        kind, size = struct.unpack_from(f"{order}2I", data, at)
        at += 8
        body = data[at : at + size]
        if kind >> 16:  # at most four bytes, in the place of the size
            kind, size = kind & 0xFFFF, kind >> 16
            body = data[at - 4 : at][:size]
        else:
            at += size if kind == COMPRESSED else size + -size % 8
        if len(body) < size:
            raise ValueError("it is cut off")
        yield kind, body


def _unpacked(body: memoryview, room: int) -> bytes:
    unpacker = zlib.decompressobj()
    unpacked = unpacker.decompress(body, room + 1)
    if len(unpacked) > room:
        raise ValueError("it unpacks to more than images do")
    if not unpacker.eof:
        raise ValueError("a compressed array is cut off")
    return unpacked


def _matrix(
    body: memoryview, order: str, prefix: str = "", name: str = "", depth: int = 0
) -> Iterator[tuple[str, Array]]:
    """The arrays of a matrix, by name; name: of one in a structure, which has none of its own."""
    parts = _elements(body, order)
    head = [content for _, content in islice(parts, 3)]
    if len(head) < 3:  # an empty matrix
        return
    (flags,) = struct.unpack_from(f"{order}I", head[0])
    shape = np.frombuffer(head[1], f"{order}i4").tolist()
    name = prefix + (name or bytes(head[2]).decode("ascii", "replace"))
    if flags & 0xFF == STRUCTURE and math.prod(shape) == 1:
        if depth == MAX_DEPTH:
            raise ValueError("its structures are too deep")
        (_, length), (_, names) = islice(parts, 2)
        for field, (kind, inner) in zip(_field_names(length, names, order), parts, strict=False):
            if kind == MATRIX:
                yield from _matrix(inner, order, f"{name}/", field, depth + 1)
    elif flags & 0xFF in NUMBERS and not flags & COMPLEX:
        for kind, values in islice(parts, 1) if name else ():  # without one: of functions
            array = np.frombuffer(values, order + TYPES[kind])
            yield name, array.reshape(shape, order="F")


def _field_names(length: memoryview, names: memoryview, order: str) -> list[str]:
    (size,) = struct.unpack_from(f"{order}i", length)
    if size < 1:
        raise ValueError("the names in a structure have no length")
    text = bytes(names)
    each = (text[start : start + size] for start in range(0, len(text), size))
    return [field.partition(b"\0")[0].decode("ascii", "replace") for field in each]
