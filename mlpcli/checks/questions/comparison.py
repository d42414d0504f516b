"""Whether an answer has the same value as an answer of ours, at all points."""

from collections.abc import Mapping
from functools import cache

import numpy as np

from mlpcli.checks.questions.batch_points import units
from mlpcli.checks.questions.evaluation import evaluate
from mlpcli.checks.questions.grammar import read
from mlpcli.checks.questions.points import MAX_ENTRIES, Point, networks, scalars
from mlpcli.checks.questions.question import Question
from mlpcli.checks.questions.shorthand import number
from mlpcli.checks.questions.spelling import UnreadableError, as_tuple
from mlpcli.checks.questions.tree import Node
from mlpcli.checks.questions.values import Value, align
from mlpcli.nn import Array

TOLERANCE = 1e-9  # of an entry, relative to it or to MIN_SCALE of the largest
MIN_SCALE = 1e-3


def tree(question: Question, text: str) -> Node:
    """An answer as a tree: a shape or a formula."""
    if question.kind == "value":
        text = number(text)
    node = read(as_tuple(text) if question.kind == "shape" else text)
    if question.kind == "shape" and node.op != "tuple":
        raise UnreadableError("write a shape as the lengths of its axes, as in (3, 4)")
    return _with_powers(node, question.variables) if question.variables else node


def _with_powers(node: Node, variables: Mapping[str, object]) -> Node:
    """z^2, read as layer 2 of the network's z, as a square where z is a scalar."""
    name, digit = node.text[:1], node.text[1:]
    if node.op == "symbol" and digit and node.text not in variables and name in variables:
        parts = (node._replace(text=name), Node("number", text=digit))
        return Node("power", parts, depth=node.depth + 1)
    return node._replace(args=tuple(_with_powers(arg, variables) for arg in node.args))


def points(question: Question) -> list[Point]:
    """Where the answers to a question are evaluated."""
    if question.batch_norm:
        return list(units())
    return _points_of(tuple(question.variables.items()), question.images, question.layer)


def values(question: Question, node: Node) -> list[Value]:
    """The values of a formula at all points; raises UnreadableError, such as MisfitError."""
    return [evaluate(node, point) for point in points(question)]


def expected(question: Question, text: str) -> list[Value]:
    """The values of an answer of ours at all points; each is computed once."""
    key = (question.id, text)
    if key not in _MODELS:
        _MODELS[key] = values(question, tree(question, text))
    return _MODELS[key]


_MODELS: dict[tuple[str, str], list[Value]] = {}


def agree(question: Question, right: list[Value], found: list[Value]) -> bool:
    """Whether all values are equal, in the entries that the question is about."""
    triples = zip(right, found, points(question), strict=True)
    return all(_equal(question, a, b, point) for a, b, point in triples)


def _equal(question: Question, right: Value, value: Value, point: Point) -> bool:
    value = _without_constant_axes(value, right.indices)
    if right.shape != value.shape or not set(value.indices) <= set(right.indices):
        return False
    try:
        (a, b), indices = align(right, value)
    except UnreadableError:
        return False
    a, b = np.broadcast_arrays(a, b)
    if question.where:
        chosen = _chosen(question, indices, a, point)
        a, b = a[chosen], b[chosen]
    return _close(a, b)


def _without_constant_axes(value: Value, indices: tuple[str, ...]) -> Value:
    """The value without further indices on which it does not depend."""
    array, names = value.array, list(value.indices)
    for name in set(names) - set(indices):
        first = array.take([0], axis=names.index(name))
        if (array == first).all():
            array = first.squeeze(axis=names.index(name))
            names.remove(name)
    return Value(array, tuple(names))


def _chosen(question: Question, indices: tuple[str, ...], array: Array, point: Point) -> Array:
    """Where an array is compared: `i = y*` or `i ≠ y*`."""
    name, relation, _ = question.where.split()
    axis = indices.index(name) if name in indices else None
    if axis is None or array.shape[axis] > MAX_ENTRIES:  # an index of other units than y*
        return np.ones(array.shape, dtype=bool)
    is_star = point.entries(array.shape[axis]) == point.star
    mask = is_star if relation == "=" else ~is_star
    shape = [1] * array.ndim
    shape[axis] = -1
    return np.broadcast_to(mask.reshape(shape), array.shape)


def _close(a: Array, b: Array) -> bool:
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return False
    size = np.maximum(abs(a), abs(b))
    scale = np.maximum(size, MIN_SCALE * abs(a).max(initial=0.0))
    return bool((abs(a - b) <= TOLERANCE * scale + 1e-13).all())


@cache
def _points_of(
    variables: tuple[tuple[str, tuple[float, float]], ...], images: int, layer: int
) -> list[Point]:
    return scalars(dict(variables)) if variables else networks(images, layer)
