"""Formulas as trees of nodes, and the rules by which they are put together.

What is ambiguous on paper is decided here: how far a sum reaches, to what an index belongs, whether
a raised number is a power or the number of a layer.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from mlpcli.checks.questions.spelling import UnreadableError

MAX_DEPTH = 80  # of the tree
MAX_INDICES = 4  # at one symbol
PRODUCTS = ("times", "implicit", "dot", "div", "outer", "matmul")
ALIASES = {"ln": "log", "SOFTMAX": "softmax", "loss": "CE", "dot": "dot_product"}
TWO_ARGUMENTS = {  # functions that stand for an operator
    "outerof": "outer",
    "dot_product": "dot",
    "matmul": "matmul",
    "power": "power",
    "pow": "power",
    "subtract": "sub",
    "multiply": "times",
    "divide": "div",
}
CASES = str.maketrans("ABHKNXYZw", "abhknxyzW")  # letters with one meaning in either case
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


def make(
    op: str, *args: Node, text: str = "", indices: tuple[str, ...] = (), keep: bool = False
) -> Node:
    """A node whose parts are closed; raises UnreadableError if it gets too deep."""
    args = args if keep else tuple(map(closed, args))
    depth = 1 + max((arg.depth for arg in args), default=0)
    if depth > MAX_DEPTH:
        raise UnreadableError("it is nested too deeply")
    return Node(op, args, text, indices, depth)


def closed(node: Node) -> Node:
    """A sum and the factors behind it that do not contain its index, as a product."""
    if node.op != "open":
        return node
    result, *factors = node.args
    for op, factor in zip(node.indices, factors, strict=True):
        result = make(op, result, factor)
    return result


def product(op: str, left: Node, right: Node) -> Node:
    """A product or quotient; factors behind a sum are read after it: in a / sum_j b_j * c_i too."""
    if right.op != "open":
        return make(op, left, right)
    first, *factors = right.args
    result = make(op, left, first)
    for each, factor in zip(right.indices, factors, strict=True):
        result = make(each, result, factor)
    return result


def sum_over(body: Node, index: str, bounds: tuple[str, ...]) -> Node:
    """A sum over the factors up to the last that contains its index; the others stay open."""
    rest: list[tuple[str, Node]] = []
    core = body
    while core.op in PRODUCTS and not _contains(core.args[1], index):
        rest.insert(0, (core.op, core.args[1]))
        core = core.args[0]
    if not _contains(core, index):
        core, rest = body, []
    total = make("sum", core, text=index, indices=bounds)
    if not rest:
        return total
    ops, factors = zip(*rest, strict=True)
    return make("open", total, *factors, indices=ops, keep=True)


def _contains(node: Node, index: str) -> bool:
    """Whether an index is free in a part: not that of a sum inside it."""
    if node.op == "index" and index in node.indices:
        return True
    bound = node.op == "sum" and node.text == index
    return not bound and any(_contains(arg, index) for arg in node.args)


def index_names(text: str) -> tuple[str, ...]:
    """The indices in a subscript or in square brackets: letters, numbers, or y*, also as y."""
    inner = re.sub(r"y ?_? ?\^? ?\{? ?(\*|star) ?\}?|\bstar\b", " * ", text.strip("_ "))
    if re.search(r"[^\s\w,;*:(){}\[\]]", inner):
        raise UnreadableError(f"the index {text.strip()!r:.40} is not understood")
    names = re.findall(r"\*|None|newaxis|:|[0-9]+|[A-Za-z]", inner)
    if not names:
        raise UnreadableError("an index is empty")
    return tuple(STAR if name in ("*", "y") else name for name in names)


def with_postfixes(base: Node, postfixes: Sequence[Node]) -> Node:
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
            if waiting and waiting[0].op in ("raised", "power_of") and not _is_layer(base, mark):
                exponent = with_postfixes(exponent, waiting)
                waiting = []
            base = _raised(base, mark, exponent)
        elif mark.op == "subscript":
            base = _indexed(base, mark.indices)
        else:
            base = _POSTFIX_RULES[mark.op](base)
    return base


def symbol(name: str) -> Node:
    """A symbol; grad_z3 is the gradient of the loss with respect to z3."""
    if found := re.fullmatch("grad_?(.+)", name):
        return make("gradient", make("symbol", text=found[1].translate(CASES)))
    return make("symbol", text=name.translate(CASES))


def bare_symbol(text: str) -> Node:
    """The symbol in `∇_W3` or `∇_{W^{(3)}}`."""
    name = re.sub(r"[_ {}()^]", "", text)
    if not re.fullmatch("[A-Za-zû][0-9]?", name):
        raise UnreadableError(f"the gradient with respect to {name!r:.40} is not understood")
    return make("symbol", text=name.translate(CASES))


LAYERED = re.compile("[hzWb]")  # symbols that there are of each layer


def _is_layer(base: Node, mark: Node) -> bool:
    """Whether a raised number is the number of a layer, as in h^{(3)}, and no power."""
    inner = base.args[0] if base.op in ("index", "gradient") else base
    exponent = mark.args[0]
    is_digit = exponent.op == "number" and re.fullmatch("[0-9]", exponent.text)
    return bool(mark.op == "raised" and is_digit and LAYERED.fullmatch(inner.text))


def _raised(base: Node, mark: Node, exponent: Node) -> Node:
    if exponent.op == "symbol" and exponent.text == "T":
        return make("transpose", base)
    if not _is_layer(base, mark):
        return make("power", base, exponent)
    if base.op in ("index", "gradient"):
        inner = base.args[0]
        symbol = make("symbol", text=inner.text + exponent.text)
        return make(base.op, symbol, indices=base.indices)
    return make("symbol", text=base.text + exponent.text)


def _indexed(base: Node, names: tuple[str, ...]) -> Node:
    if base.op == "symbol" and LAYERED.fullmatch(base.text) and re.fullmatch("[0-9]", names[0]):
        base, names = make("symbol", text=base.text + names[0]), names[1:]  # h_3 is h3
        if not names:
            return base
    if len(base.indices) + len(names) > MAX_INDICES:
        raise UnreadableError("there are too many indices")
    if set(names) & {":", "None", "newaxis"}:
        return make("newaxis", base, indices=names)
    if base.op == "index":  # W3_i_j is W3_ij
        return make("index", *base.args, indices=base.indices + names)
    return make("index", base, indices=names)


_POSTFIX_RULES: dict[str, Callable[[Node], Node]] = {
    "transposed": lambda base: make("transpose", base),
    "summed": lambda base: make("call", base, text="sum"),
    "averaged": lambda base: make("call", base, text="mean"),
}
