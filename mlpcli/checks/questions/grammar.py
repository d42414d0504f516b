"""What a learner writes as a tree of nodes: the grammar in grammar.lark, read by lark.

Nothing is ever evaluated as Python. A text is limited in its length, nesting, numbers and depth.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

import lark
from lark import Lark, Transformer, v_args

from mlpcli.checks.questions.spelling import MAX_DIGITS, UnreadableError, sides
from mlpcli.checks.questions.tree import (
    ALIASES,
    PRODUCTS,
    TWO_ARGUMENTS,
    Node,
    bare_symbol,
    closed,
    index_names,
    make,
    product,
    sum_over,
    symbol,
    with_postfixes,
)


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
    return closed(tree)


def _complaint(side: str, err: lark.exceptions.UnexpectedInput) -> str:
    at = err.pos_in_stream
    if at is None or at < 0 or at >= len(side) or isinstance(err, lark.exceptions.UnexpectedEOF):
        return "it ends too early"
    rest = side[at:]
    if isinstance(err, lark.exceptions.UnexpectedToken) and err.token.type == "$END":
        return "it ends too early"
    word = re.match(r"[A-Za-z]{1,20}|.", rest, re.DOTALL)
    before = f" behind {side[max(0, at - 12) : at].strip()!r}" if at else ""
    return f"{word[0] if word else rest!r} is not understood{before}"


@cache
def _parser() -> Lark:
    grammar = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", transformer=_Builder(), maybe_placeholders=False)


@v_args(inline=True)
class _Builder(Transformer[Any, Node]):
    """Makes nodes while lark reads, so that nothing is walked recursively."""

    def number(self, token: str) -> Node:
        return make("number", text=str(token))

    def symbol(self, token: str) -> Node:
        return symbol(str(token))

    def group(self, inner: Node) -> Node:
        return closed(inner)

    def tuple(self, *parts: Node) -> Node:
        return make("tuple", *parts)

    def add(self, left: Node, right: Node) -> Node:
        return make("add", left, right)

    def sub(self, left: Node, right: Node) -> Node:
        return make("sub", left, right)

    def neg(self, inner: Node) -> Node:
        return make("neg", inner)

    def pos(self, inner: Node) -> Node:
        return inner

    def times(self, left: Node, right: Node) -> Node:
        return product("times", left, right)

    def implicit(self, left: Node, right: Node) -> Node:
        last = left.args[1] if left.op in PRODUCTS else left
        if last.op == "gradient" and (right.op, right.text) == ("symbol", "CE"):
            return left  # W3 ∇_z3 CE(h3, y): it is always that of the loss
        return product("implicit", left, right)

    def dot(self, left: Node, right: Node) -> Node:
        return product("dot", left, right)

    def div(self, left: Node, right: Node) -> Node:
        return product("div", left, right)

    def outer(self, left: Node, right: Node) -> Node:
        return product("outer", left, right)

    def matmul(self, left: Node, right: Node) -> Node:
        return product("matmul", left, right)

    def call(self, name: str, *args: Node) -> Node:
        name = ALIASES.get(str(name), str(name)).removeprefix("\\")
        if name == "grad":
            return make("gradient", *args)
        if name in TWO_ARGUMENTS and len(args) == 2:
            return product(TWO_ARGUMENTS[name], *args)
        if name == "square":
            return make("power", *args, make("number", text="2"))
        if name == "transpose":
            return make("transpose", *args)
        return make("symbol", text="CE") if name == "CE" else make("call", *args, text=name)

    def function_of(self, name: str, arg: Node) -> Node:
        return make("call", arg, text=ALIASES.get(str(name), str(name)))

    def composed(self, outer: str, _: str, inner: str, *rest: Any) -> Node:
        value = make("call", make("call", rest[-1], text=str(inner)), text=str(outer))
        return make("derivative", value, rest[-1]) if len(rest) > 1 else value

    def derivative_of(self, _: str, variable: Node, body: Node) -> Node:
        if body.op == "open":
            first, *factors = body.args
            inner = make("derivative", first, variable)
            return make("open", inner, *factors, indices=body.indices, keep=True)
        return make("derivative", body, variable)

    def partial(self, _: str, of: Node, __: str, variable: Node) -> Node:
        return make("derivative", of, variable)

    def variable(self, token: str, *postfixes: Node) -> Node:
        return self.power(symbol(str(token)), *postfixes)

    def gradient(self, token: str) -> Node:
        return make("gradient", bare_symbol(str(token)))

    def sum_of(self, head: str, body: Node) -> Node:
        below = re.search(r"_ ?([{(].*?[)}]|[i-n])", head)
        above = re.search(r"\^ ?(\{.*?\}|\w+)", head)
        index, _, first = (below[1].strip("{}() ") if below else "").partition("=")
        last = above[1].strip("{} ") if above else ""
        if not re.fullmatch("[i-n]", index.strip()):
            raise UnreadableError(f"a sum needs an index from i to n, got {index.strip()!r:.40}")
        return sum_over(closed(body), index.strip(), (first.strip(), last) if first else ())

    def raised(self, exponent: Node) -> Node:
        return make("raised", exponent)

    def power_of(self, exponent: Node) -> Node:
        return make("power_of", exponent)

    def subscript(self, token: str) -> Node:
        return Node("subscript", text=str(token), indices=index_names(str(token)))

    def bracket(self, token: str) -> Node:
        return Node("subscript", text="[", indices=index_names(str(token)))

    def transposed(self) -> Node:
        return Node("transposed")

    def summed(self) -> Node:
        return Node("summed")

    def averaged(self) -> Node:
        return Node("averaged")

    def power(self, base: Node, *postfixes: Node) -> Node:
        return with_postfixes(base, postfixes)
