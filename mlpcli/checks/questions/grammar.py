"""What a learner writes as a tree of nodes: the grammar in grammar.lark, read by lark.

Nothing is ever evaluated as Python. A text is limited in its length, nesting, numbers and depth.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import lark
from lark import Lark, Transformer, v_args

from mlpcli.checks.questions.spelling import MAX_DIGITS, UnreadableError, sides

MAX_DEPTH = 80  # of the tree
MAX_INDICES = 4  # at one symbol
PRODUCTS = ("times", "implicit", "dot", "div", "outer", "matmul")
ALIASES = {"ln": "log", "SOFTMAX": "softmax", "loss": "CE", "dot": "dot_product"}
STAR = "y*"  # the correct class, as an index


class Node(NamedTuple):
    """A formula or a part of one.

    op: number, symbol, call, index, newaxis, sum, derivative, gradient, transpose, tuple, add, sub,
    neg, power, or one of PRODUCTS.
    """

    op: str
    args: tuple["Node", ...] = ()
    text: str = ""  # the number, symbol or function; the index of a sum
    indices: tuple[str, ...] = ()  # of an index; the bounds of a sum
    depth: int = 1

    def walk(self) -> Iterator["Node"]:
        """This node and all below."""
        yield self
        for arg in self.args:
            yield from arg.walk()


def read(text: str) -> Node:
    """The tree of a formula, or of the last side of an answer with several.

    Raises UnreadableError, whose message says what is wrong in a learner's words.
    """
    return parse(sides(text)[-1])


def parse(side: str) -> Node:
    """The tree of one side, as `sides` returns them."""
    if long := re.search(rf"[\d.]{{{MAX_DIGITS + 1},}}", side):
        raise UnreadableError(f"the number {long[0][:8]}... has too many digits")
    try:
        tree: Any = _parser().parse(side)  # what the builder makes
    except lark.exceptions.VisitError as err:  # the builder refuses
        raise err.orig_exc from err
    except lark.exceptions.UnexpectedInput as err:
        raise UnreadableError(_complaint(side, err)) from err
    return _closed(tree)


def _complaint(side: str, err: lark.exceptions.UnexpectedInput) -> str:
    at = err.pos_in_stream
    if at is None or at < 0 or at >= len(side) or isinstance(err, lark.exceptions.UnexpectedEOF):
        return "it ends too early"
    rest = side[at:]
    if isinstance(err, lark.exceptions.UnexpectedToken) and err.token.type == "$END":
        return "it ends too early"
    word = re.match(r"[A-Za-z]{1,20}|.", rest)
    before = f" behind {side[max(0, at - 12) : at].strip()!r}" if at else ""
    return f"{word[0] if word else rest!r} is not understood{before}"


@cache
def _parser() -> Lark:
    grammar = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", transformer=_Builder(), maybe_placeholders=False)


def _node(
    op: str, *args: Node, text: str = "", indices: tuple[str, ...] = (), keep: bool = False
) -> Node:
    """A node whose parts are closed; raises UnreadableError if it gets too deep."""
    args = args if keep else tuple(map(_closed, args))
    depth = 1 + max((arg.depth for arg in args), default=0)
    if depth > MAX_DEPTH:
        raise UnreadableError("it is nested too deeply")
    return Node(op, args, text, indices, depth)


def _closed(node: Node) -> Node:
    """A sum and the factors behind it that do not contain its index, as a product."""
    if node.op != "open":
        return node
    result, *factors = node.args
    for op, factor in zip(node.indices, factors, strict=True):
        result = _node(op, result, factor)
    return result


def _product(op: str, left: Node, right: Node) -> Node:
    """A product or quotient; factors behind a sum are read after it: in a / sum_j b_j * c_i too."""
    if right.op != "open":
        return _node(op, left, right)
    first, *factors = right.args
    result = _node(op, left, first)
    for each, factor in zip(right.indices, factors, strict=True):
        result = _node(each, result, factor)
    return result


def _sum(body: Node, index: str, bounds: tuple[str, ...]) -> Node:
    """A sum over the factors up to the last that contains its index; the others stay open."""
    rest: list[tuple[str, Node]] = []
    core = body
    while core.op in PRODUCTS and not _contains(core.args[1], index):
        rest.insert(0, (core.op, core.args[1]))
        core = core.args[0]
    if not _contains(core, index):
        core, rest = body, []
    total = _node("sum", core, text=index, indices=bounds)
    if not rest:
        return total
    ops, factors = zip(*rest, strict=True)
    return _node("open", total, *factors, indices=ops, keep=True)


def _contains(node: Node, index: str) -> bool:
    """Whether an index is free in a part: not that of a sum inside it."""
    if node.op == "index" and index in node.indices:
        return True
    bound = node.op == "sum" and node.text == index
    return not bound and any(_contains(arg, index) for arg in node.args)


def _names(text: str) -> tuple[str, ...]:
    """The indices in a subscript or in square brackets: letters, numbers, or y*."""
    inner = re.sub(r"y ?_? ?\^? ?\{? ?(\*|star) ?\}?|\bstar\b", " * ", text.strip("_ "))
    if re.search(r"[^\s\w,;*:(){}\[\]]", inner):
        raise UnreadableError(f"the index {text.strip()!r:.40} is not understood")
    names = re.findall(r"\*|None|newaxis|:|[0-9]+|[A-Za-z]", inner)
    if not names:
        raise UnreadableError("an index is empty")
    return tuple(STAR if name == "*" else name for name in names)


@v_args(inline=True)
class _Builder(Transformer[Any, Node]):
    """Makes nodes while lark reads, so that nothing is walked recursively."""

    def number(self, token: str) -> Node:
        return _node("number", text=str(token))

    def symbol(self, token: str) -> Node:
        return _symbol(str(token))

    def group(self, inner: Node) -> Node:
        return _closed(inner)

    def tuple(self, *parts: Node) -> Node:
        return _node("tuple", *parts)

    def add(self, left: Node, right: Node) -> Node:
        return _node("add", left, right)

    def sub(self, left: Node, right: Node) -> Node:
        return _node("sub", left, right)

    def neg(self, inner: Node) -> Node:
        return _node("neg", inner)

    def pos(self, inner: Node) -> Node:
        return inner

    def times(self, left: Node, right: Node) -> Node:
        return _product("times", left, right)

    def implicit(self, left: Node, right: Node) -> Node:
        last = left.args[1] if left.op in PRODUCTS else left
        if last.op == "gradient" and (right.op, right.text) == ("symbol", "CE"):
            return left  # W3 ∇_z3 CE(h3, y): it is always that of the loss
        return _product("implicit", left, right)

    def dot(self, left: Node, right: Node) -> Node:
        return _product("dot", left, right)

    def div(self, left: Node, right: Node) -> Node:
        return _product("div", left, right)

    def outer(self, left: Node, right: Node) -> Node:
        return _product("outer", left, right)

    def matmul(self, left: Node, right: Node) -> Node:
        return _product("matmul", left, right)

    def call(self, name: str, *args: Node) -> Node:
        name = ALIASES.get(str(name), str(name))
        if name == "grad":
            return _node("gradient", *args)
        if name in ("outerof", "dot_product") and len(args) == 2:
            return _node("outer" if name == "outerof" else "dot", *args)
        if name == "transpose":
            return _node("transpose", *args)
        return _node("symbol", text="CE") if name == "CE" else _node("call", *args, text=name)

    def function_of(self, name: str, arg: Node) -> Node:
        return _node("call", arg, text=ALIASES.get(str(name), str(name)))

    def composed(self, outer: str, _: str, inner: str, *rest: Any) -> Node:
        value = _node("call", _node("call", rest[-1], text=str(inner)), text=str(outer))
        return _node("derivative", value, rest[-1]) if len(rest) > 1 else value

    def derivative_of(self, _: str, variable: Node, body: Node) -> Node:
        if body.op == "open":
            first, *factors = body.args
            inner = _node("derivative", first, variable)
            return _node("open", inner, *factors, indices=body.indices, keep=True)
        return _node("derivative", body, variable)

    def partial(self, _: str, of: Node, __: str, variable: Node) -> Node:
        return _node("derivative", of, variable)

    def variable(self, token: str, *postfixes: Node) -> Node:
        return self.power(_symbol(str(token)), *postfixes)

    def gradient(self, token: str) -> Node:
        return _node("gradient", _bare_symbol(str(token)))

    def sum_of(self, head: str, body: Node) -> Node:
        below = re.search(r"_ ?([{(].*?[)}]|[i-n])", head)
        above = re.search(r"\^ ?(\{.*?\}|\w+)", head)
        index, _, first = (below[1].strip("{}() ") if below else "").partition("=")
        last = above[1].strip("{} ") if above else ""
        if not re.fullmatch("[i-n]", index.strip()):
            raise UnreadableError(f"a sum needs an index from i to n, got {index.strip()!r:.40}")
        return _sum(_closed(body), index.strip(), (first.strip(), last) if first else ())

    def raised(self, exponent: Node) -> Node:
        return _node("raised", exponent)

    def power_of(self, exponent: Node) -> Node:
        return _node("power_of", exponent)

    def subscript(self, token: str) -> Node:
        return Node("subscript", text=str(token), indices=_names(str(token)))

    def bracket(self, token: str) -> Node:
        return Node("subscript", text="[", indices=_names(str(token)))

    def transposed(self) -> Node:
        return Node("transposed")

    def summed(self) -> Node:
        return Node("summed")

    def power(self, base: Node, *postfixes: Node) -> Node:
        """A base with its layer, indices, powers: they are read as most people write them."""
        waiting = list(postfixes)
        while waiting:
            mark = waiting.pop(0)
            if mark.op in ("raised", "power_of"):
                exponent = mark.args[0]
                # in e^z_i the index belongs to z; e^x^2 is e^(x^2)
                while waiting and exponent.op == "symbol" and waiting[0].text != "[":
                    if waiting[0].op != "subscript" or exponent.text == "T":
                        break
                    exponent = _indexed(exponent, waiting.pop(0).indices)
                if (
                    waiting
                    and waiting[0].op in ("raised", "power_of")
                    and not _is_layer(base, mark)
                ):
                    exponent = self.power(exponent, *waiting)
                    waiting = []
                base = _raised(base, mark, exponent)
            elif mark.op == "subscript":
                base = _indexed(base, mark.indices)
            else:
                base = _node("transpose", base) if mark.op == "transposed" else _total(base)
        return base


def _symbol(name: str) -> Node:
    """A symbol; grad_z3 is the gradient of the loss with respect to z3."""
    if found := re.fullmatch("grad_?(.+)", name):
        return _node("gradient", _node("symbol", text=found[1]))
    return _node("symbol", text=name)


def _bare_symbol(text: str) -> Node:
    """The symbol in `∇_W3` or `∇_{W^{(3)}}`."""
    name = re.sub(r"[_ {}()^]", "", text)
    if not re.fullmatch("[A-Za-z][0-9]?", name):
        raise UnreadableError(f"the gradient with respect to {name!r:.40} is not understood")
    return _node("symbol", text=name)


LAYERED = re.compile("[hzWb]")  # symbols that there are of each layer


def _is_layer(base: Node, mark: Node) -> bool:
    """Whether a raised number is the number of a layer, as in h^{(3)}, and no power."""
    inner = base.args[0] if base.op in ("index", "gradient") else base
    exponent = mark.args[0]
    is_digit = exponent.op == "number" and re.fullmatch("[0-9]", exponent.text)
    return bool(mark.op == "raised" and is_digit and LAYERED.fullmatch(inner.text))


def _raised(base: Node, mark: Node, exponent: Node) -> Node:
    if exponent.op == "symbol" and exponent.text == "T":
        return _node("transpose", base)
    if not _is_layer(base, mark):
        return _node("power", base, exponent)
    if base.op in ("index", "gradient"):
        inner = base.args[0]
        symbol = _node("symbol", text=inner.text + exponent.text)
        return _node(base.op, symbol, indices=base.indices)
    return _node("symbol", text=base.text + exponent.text)


def _indexed(base: Node, names: tuple[str, ...]) -> Node:
    if base.op == "symbol" and LAYERED.fullmatch(base.text) and re.fullmatch("[0-9]", names[0]):
        base, names = _node("symbol", text=base.text + names[0]), names[1:]  # h_3 is h3
        if not names:
            return base
    if len(base.indices) + len(names) > MAX_INDICES:
        raise UnreadableError("there are too many indices")
    if set(names) & {":", "None", "newaxis"}:
        return _node("newaxis", base, indices=names)
    if base.op == "index":  # W3_i_j is W3_ij
        return _node("index", *base.args, indices=base.indices + names)
    return _node("index", base, indices=names)


def _total(base: Node) -> Node:
    return _node("call", base, text="sum")
