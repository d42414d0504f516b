"""Values of formulas: arrays some of whose axes are indices, and what is done with two of them.

`h2_i (h3 - y)_j` has the indices i and j and no axis of its own; `h3 - y` has one axis, no index.
The size of an array is limited before it is made.
"""

from collections.abc import Callable
from math import prod
from typing import NamedTuple

import numpy as np

from mlpcli.checks.questions.spelling import UnreadableError
from mlpcli.nn import Array

MAX_SIZE = 4_000_000  # entries of an array


class Value(NamedTuple):
    """An array whose first axes are indices, in their order; the others are its own."""

    array: Array
    indices: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Its own shape, without the indices: (10,) for h3, () for h3_i."""
        return self.array.shape[len(self.indices) :]


class MisfitError(UnreadableError):
    """Two parts of a formula do not fit each other."""


def align(*values: Value) -> tuple[list[Array], tuple[str, ...]]:
    """The arrays with the same indices in the same order, of length 1 where one was missing."""
    indices = tuple(sorted({name for value in values for name in value.indices}))
    lengths: dict[str, int] = {}
    arrays = []
    for value in values:
        for name, n in zip(value.indices, value.array.shape, strict=False):
            if lengths.setdefault(name, n) != n:
                raise MisfitError(f"the index {name} counts the units of two layers that differ")
        order = sorted(range(len(value.indices)), key=lambda i: value.indices[i])
        own = range(len(value.indices), value.array.ndim)
        array = value.array.transpose([*order, *own])
        missing = tuple(i for i, name in enumerate(indices) if name not in value.indices)
        arrays.append(np.expand_dims(array, missing))
    return arrays, indices


_OPERATIONS: dict[str, Callable[[Array, Array], Array]] = {
    "add": np.add,
    "sub": np.subtract,
    "times": np.multiply,
    "div": np.divide,
    "power": np.power,
}
_WORDS = {"add": "added", "sub": "subtracted", "div": "divided"}


def entrywise(op: str, left: Value, right: Value) -> Value:
    """A sum, product, quotient or power, entry by entry."""
    a, b = left.shape, right.shape
    if op == "times" and len(a) == 1 and len(b) == 2 and b[0] == 1:  # a column times a row
        return matmul(left, right)
    if not _fit(a, b):
        if op == "times":  # by hand, * is any product
            return multiply("implicit", left, right)
        raise MisfitError(f"shapes {a} and {b} cannot be {_WORDS.get(op, 'combined')}")
    (x, y), indices = align(left, right)
    k = len(indices)  # own axes are aligned from the right, behind the indices
    rank = max(x.ndim, y.ndim) - k
    x, y = (np.expand_dims(v, tuple(range(k, k + rank - (v.ndim - k)))) for v in (x, y))
    limit(np.broadcast_shapes(x.shape, y.shape))
    if op == "power" and not np.iscomplexobj(x):
        x = x.astype(float)
    return Value(_OPERATIONS[op](x, y), indices)


def _fit(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    try:
        return bool(np.broadcast_shapes(a, b)) or not (a and b)
    except ValueError:
        return False


def multiply(op: str, left: Value, right: Value) -> Value:
    """A product without a sign, or with a dot: that of matrices, if it is not of numbers."""
    a, b = left.shape, right.shape
    if a and b and (op == "dot" or len(a) + len(b) > 2):
        return matmul(left, right)
    if a and b and a != b:
        raise MisfitError(f"the product of shapes {a} and {b} is not clear; write outer, or @")
    return entrywise("times", left, right)


def matmul(left: Value, right: Value) -> Value:
    """A matrix product; a column times a row, if vectors of other lengths leave no other sense."""
    a, b = left.shape, right.shape
    if not a or not b:
        return entrywise("times", left, right)
    if len(a) > 2 or len(b) > 2:
        raise MisfitError("a product of more than two axes is not read")
    (x, y), indices = align(left, right)
    if len(a) == 1 and len(b) == 2 and b[0] == 1 != a[0]:  # a column times a row
        x = x[..., :, None]
        own: tuple[int, ...] = ()
    elif len(b) == 1 and a[0] == 1 and len(a) == 2 and a[1] != b[0]:  # h2.T @ grad_z3, of rows
        x, y = np.swapaxes(x, -1, -2), y[..., None, :]
        own = ()
    else:  # a vector is a row on the left, a column on the right
        own = (-2,) * (len(a) == 1 or (len(b) == 1 and a[0] == 1)) + (-1,) * (len(b) == 1)
        x = x[..., None, :] if len(a) == 1 else x
        y = y[..., :, None] if len(b) == 1 else y
    if x.shape[-1] != y.shape[-2]:
        raise MisfitError(f"shapes {a} and {b} do not fit in a matrix product")
    limit((*np.broadcast_shapes(x.shape[:-2], y.shape[:-2]), x.shape[-2], y.shape[-1]))
    return Value((x @ y).squeeze(own), indices)


def outer(left: Value, right: Value) -> Value:
    """The outer product of two vectors."""
    if len(left.shape) != 1 or len(right.shape) != 1:
        shapes = f"{left.shape} and {right.shape}"
        raise MisfitError(f"an outer product needs two vectors, got shapes {shapes}")
    (x, y), indices = align(left, right)
    return Value(_limited_product(x[..., :, None], y[..., None, :]), indices)


def _limited_product(x: Array, y: Array) -> Array:
    limit(np.broadcast_shapes(x.shape, y.shape))
    return x * y


def limit(shape: tuple[int, ...]) -> None:
    """Raise UnreadableError for an array that would be too large."""
    if prod(shape) > MAX_SIZE:
        raise UnreadableError("it is too large to compute")
