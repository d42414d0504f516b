"""A tree written out again: as a learner types it, or in LaTeX; and text with formulas for both."""

import re
from collections.abc import Callable
from typing import NamedTuple

from mlpcli.checks.questions.grammar import parse
from mlpcli.checks.questions.spelling import UnreadableError, normalized, sides
from mlpcli.checks.questions.tree import STAR, Node

# how tightly a node holds together: what is looser than its place needs parentheses
SUM, PRODUCT, PREFIX, POWER, ATOM = range(5)
TIGHTNESS = {"add": SUM, "sub": SUM, "neg": SUM, "sum": PREFIX, "derivative": PREFIX}
TIGHTNESS |= dict.fromkeys(("times", "implicit", "dot", "div", "outer", "matmul"), PRODUCT)
TIGHTNESS |= {"power": POWER, "gradient": PREFIX}
ARRAY = re.compile("[hzWb][0-9]")
FORMULA = re.compile("`([^`]*)`")
RELATIONS = re.compile(r"(≠|:=|=|<|>)")


LETTERS = {  # that LaTeX has a command for
    "ε": r"\varepsilon",
    "η": r"\eta",
    "λ": r"\lambda",
    "δ": r"\delta",
    "μ": r"\mu",
    "σ": r"\sigma",  # noqa: RUF001  # a Greek letter
    "û": r"\hat{u}",
}


class Style(NamedTuple):
    """What differs between the two ways to write."""

    signs: dict[str, str]  # of products
    latex: bool


_TYPED = {"times": " * ", "implicit": " ", "dot": " · ", "outer": " outer ", "matmul": " @ "}
_SET = {"times": r" \cdot ", "implicit": r" \, ", "dot": r" \cdot ", "outer": r" \otimes "}
TYPED = Style(_TYPED, latex=False)
LATEX = Style(_SET | {"matmul": r" \, "}, latex=True)


def typed(node: Node) -> str:
    """The formula as a learner can type it.

    >>> from mlpcli.checks.questions.grammar import read
    >>> typed(read(r"h^{(2)} \\otimes (h^{(3)} - y)")), typed(read("2x e^(x²)/3"))
    ('h2 outer (h3 - y)', '2 x e^(x^2) / 3')
    """
    return _text(node, TYPED)


def latex(node: Node) -> str:
    r"""The formula in LaTeX.

    >>> from mlpcli.checks.questions.grammar import read
    >>> latex(read("h2_i (h3 - y)_j"))
    'h^{(2)}_{i} \\, \\left(h^{(3)} - y\\right)_{j}'
    """
    return _text(node, LATEX)


def plain_text(text: str) -> str:
    """Prose without the marks around its formulas."""
    return text.replace("`", "")


def markdown(text: str) -> str:
    """Prose with its formulas set in LaTeX; what the grammar does not read stays as code."""
    return FORMULA.sub(lambda match: _set(match[1]), text)


def formula(text: str) -> str:
    """A formula in LaTeX between dollars, or as code."""
    return _set(text)


def _set(text: str) -> str:
    parts = RELATIONS.split(normalized(text))
    try:
        written = [
            (r" \neq " if part == "≠" else f" {part} ") if i % 2 else _side(part.strip())
            for i, part in enumerate(parts)
        ]
    except UnreadableError:
        return f"`{text}`"
    return f"${''.join(written)}$"


def _side(text: str) -> str:
    if re.fullmatch(r"y\^?\*|[fg]'?", text):
        return text.replace("y*", "y^*")
    if text == "f ∘ g":
        return r"f \circ g"
    if re.fullmatch(r"\(?[i-n], ?[i-n]\)?", text):
        return text
    return latex(parse(sides(text)[-1]))


def _text(node: Node, style: Style) -> str:
    return _WRITERS.get(node.op, _product)(node, style)


def _inside(node: Node, place: int, style: Style) -> str:
    """A part, in parentheses if it is looser than its place."""
    text = _text(node, style)
    tight = TIGHTNESS.get(node.op, ATOM) >= place
    if style.latex and node.op == "gradient" and place >= PRODUCT:
        tight = False  # CE behind it would take the next parentheses for its own
    return text if tight or (style.latex and node.op == "div") else _parenthesized(text, style)


def _parenthesized(text: str, style: Style) -> str:
    return rf"\left({text}\right)" if style.latex else f"({text})"


def _number(node: Node, style: Style) -> str:
    return node.text


def _symbol(node: Node, style: Style) -> str:
    name, digit = node.text.rstrip("0123456789"), node.text.lstrip("CEabcdefghijklmnopqrstuvwxyzW")
    if not style.latex:
        return node.text.replace("û", "u_hat")
    if name == "CE":
        return r"\mathrm{CE}"
    name = LETTERS.get(name, name)
    raised = f"^{{({digit})}}" if name in "hzWb" else f"_{{{digit}}}"
    return name + raised if digit.isdigit() else name


def _call(node: Node, style: Style) -> str:
    args = ", ".join(_text(arg, style) for arg in node.args)
    name = node.text
    if style.latex and name == "sqrt":
        return rf"\sqrt{{{args}}}"
    if style.latex:
        word = name.rstrip("'")
        name = name if len(word) == 1 else rf"\operatorname{{{word}}}" + name[len(word) :]
        name = rf"\{word}" if word in ("log", "exp", "sin", "cos", "tanh") else name
    simple = name in ("log", r"\log") and node.args[0].op in ("symbol", "index")
    return f"{name} {args}" if simple else name + _parenthesized(args, style)


def _index(node: Node, style: Style) -> str:
    base = _inside(node.args[0], ATOM, style)
    if style.latex:
        names = ", ".join("y^*" if name == STAR else name for name in node.indices)
        return f"{base}_{{{names}}}"
    return f"{base}_{''.join(node.indices)}"


def _newaxis(node: Node, style: Style) -> str:
    return f"{_inside(node.args[0], ATOM, style)}[{', '.join(node.indices)}]"


def _sum(node: Node, style: Style) -> str:
    body = _inside(node.args[0], PRODUCT, style)
    return rf"\sum_{{{node.text}}} {body}" if style.latex else f"sum_{node.text} {body}"


def _derivative(node: Node, style: Style) -> str:
    of, variable = node.args[0], _text(node.args[1], style)
    simple = of.op in ("symbol", "index")
    if style.latex:
        top = _text(of, style) if simple else ""
        rest = "" if simple else f" {_inside(of, POWER, style)}"
        return rf"\frac{{\partial{' ' + top if top else ''}}}{{\partial {variable}}}{rest}"
    text = _inside(of, PREFIX, style)
    return f"∂{text}/∂{variable}" if simple else f"∂/∂{variable} {text}"


def _gradient(node: Node, style: Style) -> str:
    name = _text(node.args[0], style)
    return rf"\nabla_{{{name}}} \mathrm{{CE}}" if style.latex else f"grad_{name}"


def _transpose(node: Node, style: Style) -> str:
    base = _inside(node.args[0], ATOM, style)
    if style.latex and "^" in base[-6:]:
        base = rf"\left({base}\right)"
    return f"{base}^T" if not style.latex else rf"{base}^\top"


def _tuple(node: Node, style: Style) -> str:
    parts = [_text(arg, style) for arg in node.args]
    return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"


def _neg(node: Node, style: Style) -> str:
    return f"-{_inside(node.args[0], PRODUCT, style)}"


def _add(node: Node, style: Style) -> str:
    sign = "+" if node.op == "add" else "-"
    right = _inside(node.args[1], SUM if node.op == "add" else PRODUCT, style)
    return f"{_text(node.args[0], style)} {sign} {right}"


def _power(node: Node, style: Style) -> str:
    base, exponent = _inside(node.args[0], ATOM, style), node.args[1]
    text = _text(exponent, style)
    if style.latex:
        return f"{base}^{{{text}}}"
    return f"{base}^{text if exponent.op in ('number', 'symbol', 'index') else f'({text})'}"


def _product(node: Node, style: Style) -> str:
    left, right = node.args
    if node.op == "div" and style.latex:
        return rf"\frac{{{_text(left, style)}}}{{{_text(right, style)}}}"
    first = _inside(left, PRODUCT, style)
    if node.op == "div":
        return f"{first} / {_inside(right, PREFIX, style)}"
    sign = style.signs[node.op]
    if style.latex and node.op == "times" and all(map(_is_array, (left, right))):
        sign = r" \odot "
    last = right.args[0] if right.op == "power" else right
    if node.op == "implicit" and (last.op == "number" or right.op == "neg"):
        sign = style.signs["times"]
    return first + sign + _inside(right, PREFIX, style)


def _is_array(node: Node) -> bool:
    """Whether a factor looks like a whole vector or matrix, not like an entry or a number."""
    parts = list(node.walk())
    if any(part.op in ("index", "derivative") for part in parts):
        return False
    return any(part.op == "symbol" and ARRAY.fullmatch(part.text) for part in parts)


_WRITERS: dict[str, Callable[[Node, Style], str]] = {
    "number": _number,
    "symbol": _symbol,
    "call": _call,
    "index": _index,
    "newaxis": _newaxis,
    "sum": _sum,
    "derivative": _derivative,
    "gradient": _gradient,
    "transpose": _transpose,
    "tuple": _tuple,
    "neg": _neg,
    "add": _add,
    "sub": _add,
    "power": _power,
}
