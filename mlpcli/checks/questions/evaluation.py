"""The value of a formula at a point."""

import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from math import prod
from typing import NamedTuple

import numpy as np

from mlpcli.checks.questions.points import POINT, Point, cost, moved
from mlpcli.checks.questions.spelling import UnreadableError
from mlpcli.checks.questions.tree import STAR, Node
from mlpcli.checks.questions.values import (
    MisfitError,
    Value,
    align,
    entrywise,
    matmul,
    multiply,
    outer,
)
from mlpcli.checks.reference import COMPLEX_STEP
from mlpcli.nn import Array, mlp

MAX_WORK = 150_000_000  # entries of all arrays that are made for a formula at one point
NETWORK_NAMES = "hzWb"
NETWORK = "the network has x, h1 to h3, z1 to z3, W1 to W3, b1 to b3, y and CE"


class Scope(NamedTuple):
    """Where a formula is evaluated."""

    point: Point
    bound: frozenset[str] = frozenset()  # indices of sums around it, which take every entry
    fixed: Mapping[str, int] = {}  # indices with one value, of a derivative
    work: list[int] = []  # noqa: RUF012  # one number: how many entries may still be made
    moved: str = ""  # the symbol that a derivative has moved


def evaluate(node: Node, point: Point) -> Value:
    """The value at a point; raises UnreadableError, with a reason in a learner's words."""
    return _value(node, Scope(point, work=[MAX_WORK]))


def _value(node: Node, scope: Scope) -> Value:
    value = _computed(node, scope)
    _spend(scope, value.array.size + 100)  # a small array takes time too
    return value


def _computed(node: Node, scope: Scope) -> Value:
    if node.op == "number":
        return Value(np.array(float(node.text)))
    if node.op == "symbol":
        return _symbol(node.text, scope)
    if node.op in ("add", "sub", "times", "div", "power"):
        return entrywise(node.op, *(_value(arg, scope) for arg in node.args))
    return _RULES[node.op](node, scope)


def _symbol(name: str, scope: Scope) -> Value:
    point = scope.point
    if name == "e":
        return Value(np.array(np.e))
    if not point.layer:
        if name not in point.values:
            known = ", ".join(point.values)
            raise UnreadableError(f"{name} is not known here; the variables are {known}")
        return Value(point.values[name], (POINT,))
    if (name := full_name(name, point.layer)) not in point.values:
        if name in "ijkm":
            raise UnreadableError(f"{name} is an index; it belongs to a symbol, as in h2_{name}")
        raise UnreadableError(f"{name} is not known here; {NETWORK}")
    return Value(point.values[name])


def full_name(name: str, layer: int) -> str:
    """A symbol with the number of its layer: h is h3. L and J are the loss."""
    if layer and name in ("L", "J", "E"):
        return "CE"
    return f"{name}{layer}" if layer and len(name) == 1 and name in NETWORK_NAMES else name


def _neg(node: Node, scope: Scope) -> Value:
    inner = _value(node.args[0], scope)
    return inner._replace(array=-inner.array)


def _transpose(node: Node, scope: Scope) -> Value:
    """A matrix transposed; a vector becomes a row, (1, n), so that a product shows its order."""
    inner = _value(node.args[0], scope)
    if len(inner.shape) == 1:
        return inner._replace(array=inner.array[..., None, :])
    if len(inner.shape) == 2:
        return inner._replace(array=np.swapaxes(inner.array, -1, -2))
    return inner


def _newaxis(node: Node, scope: Scope) -> Value:
    inner = _value(node.args[0], scope)
    if node.indices.count(":") != len(inner.shape) or len(node.indices) > 3:
        raise UnreadableError(f"[{', '.join(node.indices)}] does not fit {inner.shape}")
    keys = tuple(slice(None) if name == ":" else None for name in node.indices)
    return inner._replace(array=inner.array[(..., *keys)])


def _index(node: Node, scope: Scope) -> Value:
    """Entries of an array: a letter is an index, unless it is fixed; a number or y* is an entry."""
    inner = _value(node.args[0], scope)
    if len(node.indices) > len(inner.shape):
        what = "a number" if not inner.shape else f"an array of shape {inner.shape}"
        raise MisfitError(f"{what} has no index {', '.join(node.indices)}")
    array, names = inner.array, list(inner.indices)
    for name in node.indices:
        axis, n = len(names), array.shape[len(names)]
        if name in names:
            raise MisfitError(f"the index {name} stands twice at one symbol")
        if name == STAR or name in scope.fixed or name.isdigit():
            entry = scope.fixed.get(name, scope.point.star) if not name.isdigit() else int(name)
            if entry >= n:
                raise MisfitError(f"the index {name} goes beyond {n} entries")
            array = array.take(entry, axis=axis)
            continue
        entries = np.arange(n) if name in scope.bound else scope.point.entries(n)
        array = array.take(entries, axis=axis)
        names.append(name)
    return Value(array, tuple(names))


def _sum(node: Node, scope: Scope) -> Value:
    name = node.text
    fixed = {key: entry for key, entry in scope.fixed.items() if key != name}
    inner = _value(node.args[0], scope._replace(bound=scope.bound | {name}, fixed=fixed))
    if name not in inner.indices:
        raise UnreadableError(f"the sum over {name} contains no index {name}")
    axis = inner.indices.index(name)
    n = inner.array.shape[axis]
    first, last = node.indices or ("", "")
    if first.isdigit() and last.isdigit() and int(last) - int(first) + 1 != n:
        raise MisfitError(f"the sum from {first} to {last} does not run over all {n} entries")
    names = tuple(each for each in inner.indices if each != name)
    return Value(inner.array.sum(axis=axis), names)


def _derivative(node: Node, scope: Scope) -> Value:
    """The derivative with respect to a symbol or its entries, each moved by an imaginary step."""
    body, variable = node.args
    base, names = (variable.args[0], variable.indices) if variable.op == "index" else (variable, ())
    if scope.moved:
        raise UnreadableError("a derivative inside a derivative is not read")
    if base.op != "symbol":
        raise UnreadableError("a derivative needs a symbol, or an entry of one, below its line")
    at = _symbol(base.text, scope)
    name = full_name(base.text, scope.point.layer)
    if name == "e":
        raise UnreadableError("e is a number")
    if len(names) != len(at.shape):
        if names or not at.shape:
            raise MisfitError(f"{name} has {len(at.shape)} indices, got {len(names)}")
        names = tuple(f"·{i}" for i in range(len(at.shape)))  # a whole symbol: as own axes
    ranges = [_entries(each, n, scope) for each, n in zip(names, at.shape, strict=True)]
    layer = scope.point.layer
    needed = any(p.op == "symbol" and full_name(p.text, layer) == name for p in body.walk())
    if layer:
        if names[:1] == ("·0",) and name[0] == "W" and (body.op, body.text) == ("symbol", "CE"):
            return _gradient(Node("gradient", (base,)), scope)  # too many entries to move each
        _spend(scope, prod(map(len, ranges)) * cost(scope.point, name, needed=needed))
    slopes = []
    for entry in itertools.product(*ranges):
        values = _moved(scope.point, name, tuple(map(int, entry)), needed=needed)
        fixed = {n: int(i) for n, i in zip(names, entry, strict=True) if n.isalpha()}
        here = Scope(
            scope.point._replace(values=values),
            scope.bound,
            {**scope.fixed, **fixed},
            scope.work,
            moved=name,
        )
        slopes.append(_value(body, here))
    return _stacked(slopes, names, [len(r) for r in ranges], scope)


def _moved(point: Point, name: str, entry: tuple[int, ...], *, needed: bool) -> Mapping[str, Array]:
    if point.move:
        return point.move(name, entry)
    if point.layer:
        return moved(point.values, name, entry, needed=needed)
    return {**point.values, name: point.values[name] + COMPLEX_STEP * 1j}


def _stacked(
    slopes: list[Value], names: tuple[str, ...], lengths: list[int], scope: Scope
) -> Value:
    """The derivatives at all entries as one value, with the indices that are still free."""
    arrays = np.stack([np.imag(slope.array) / COMPLEX_STEP for slope in slopes])
    inner = slopes[0].indices
    array = arrays.reshape((*lengths, *arrays.shape[1:]))
    single = tuple(i for i, n in enumerate(names) if n in scope.fixed or n == STAR or n.isdigit())
    free = tuple(n for i, n in enumerate(names) if i not in single)
    array = array.squeeze(single)
    if free and free[0].startswith("·"):  # own axes, behind the indices of the body
        array = np.moveaxis(array, range(len(free)), range(len(inner), len(inner) + len(free)))
        return Value(array, inner)
    return Value(array, free + inner)


def _entries(name: str, n: int, scope: Scope) -> Array:
    """The positions of an index over n entries in the variable of a derivative."""
    if name == STAR:
        return np.array([scope.point.star])
    if name in scope.fixed or name.isdigit():
        entry = int(name) if name.isdigit() else scope.fixed[name]
        if entry >= n:
            raise MisfitError(f"the index {name} goes beyond {n} entries")
        return np.array([entry])
    if name in scope.bound or name.startswith("·"):
        return np.arange(n)
    return scope.point.entries(n)


def _gradient(node: Node, scope: Scope) -> Value:
    base = node.args[0]
    name = full_name(base.text, scope.point.layer)
    if base.op != "symbol" or not scope.point.gradient or name not in scope.point.values:
        raise UnreadableError("a gradient is that of the loss with respect to a symbol")
    if scope.moved:
        raise UnreadableError("the derivative of a gradient is not read")
    if name in ("y", "CE", "n"):
        raise UnreadableError(f"there is no gradient with respect to {name}")
    return Value(scope.point.gradient("h0" if name == "x" else name))


def _call(node: Node, scope: Scope) -> Value:
    if len(node.args) != 1:
        raise UnreadableError(f"{node.text} takes one argument, got {len(node.args)}")
    if node.text == "sum" and (index := _index_of_sum(node.args[0], scope)):
        return _sum(Node("sum", node.args, text=index), scope)
    inner = _value(node.args[0], scope)
    own = tuple(range(len(inner.indices), inner.array.ndim))
    if node.text == "sum":
        if not own:
            raise UnreadableError("a sum needs an index, such as sum_j, or a vector")
        return inner._replace(array=inner.array.sum(axis=own))
    if node.text == "mean":
        if len(own) != 1:
            raise UnreadableError("a mean is that of a vector, such as mean(grad_z)")
        return inner._replace(array=inner.array.mean(axis=own))
    if node.text == "logsumexp" and own:
        return inner._replace(array=np.log(np.exp(inner.array).sum(axis=own)))
    if node.text == "softmax":
        if not own:
            raise UnreadableError("softmax needs a vector, not a number")
        return inner._replace(array=mlp.softmax(inner.array))
    if node.text == "diag" and len(own) == 1:
        return inner._replace(array=inner.array[..., None] * np.eye(inner.shape[0]))
    function = _NUMPY.get(node.text) or scope.point.functions.get(node.text)
    if function is None:
        raise UnreadableError(f"the function {node.text} is not known here")
    return inner._replace(array=function(inner.array))


def _index_of_sum(body: Node, scope: Scope) -> str:
    """The index of a sum that names none: the only one in its body, or the only one that repeats.

    So Σ exp(z3_j) and Σ W3_ij (h3_j - y_j) are sums over j.
    """
    inner = {part.text for part in body.walk() if part.op == "sum"} | scope.bound
    names = [name for part in body.walk() if part.op == "index" for name in set(part.indices)]
    counts = Counter(name for name in names if name.isalpha() and name not in inner)
    repeated = [name for name, count in counts.items() if count > 1]
    for candidates in (list(counts), repeated):
        if len(candidates) == 1:
            return candidates[0]
    return ""


def _tuple(node: Node, scope: Scope) -> Value:
    """Several scalars as one vector."""
    parts, indices = align(*(_value(arg, scope) for arg in node.args))
    if any(part.ndim > len(indices) for part in parts):
        raise UnreadableError("write numbers between the parentheses, as in (3, 4)")
    return Value(np.stack(np.broadcast_arrays(*parts), axis=-1), indices)


def _spend(scope: Scope, entries: int) -> None:
    scope.work[0] -= entries
    if scope.work[0] < 0:
        raise UnreadableError("it takes too long to compute")


_NUMPY: dict[str, Callable[[Array], Array]] = {
    "log": np.log,
    "exp": np.exp,
    "sqrt": np.sqrt,
    "cbrt": lambda x: x ** (1 / 3),
    "sech": lambda x: 1 / np.cosh(x),
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "abs": np.abs,
}
_RULES: dict[str, Callable[[Node, Scope], Value]] = {
    "implicit": lambda node, scope: multiply(node.op, *(_value(arg, scope) for arg in node.args)),
    "dot": lambda node, scope: multiply(node.op, *(_value(arg, scope) for arg in node.args)),
    "matmul": lambda node, scope: matmul(*(_value(arg, scope) for arg in node.args)),
    "outer": lambda node, scope: outer(*(_value(arg, scope) for arg in node.args)),
    "neg": _neg,
    "transpose": _transpose,
    "newaxis": _newaxis,
    "index": _index,
    "sum": _sum,
    "derivative": _derivative,
    "gradient": _gradient,
    "call": _call,
    "tuple": _tuple,
}
