"""Formulas of the workbook in MathML, from the names and formulas that `explain` uses."""

import re
from html import escape

from mlpcli.checks.explain import Quantity

_NAME = re.compile(r"(grad_)?([A-Za-z]+?)(\d*)(?:_(\d+(?:,\d+)*))?")
_TOKEN = re.compile(
    r"\[(?P<rest>[^\]]*)\]"
    r"|(?P<entry>(?:grad_)?[A-Za-z]+\d*_\d+(?:,\d+)*)"
    r"|(?P<number>(?<![\d)] )-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)"
    r"|(?P<function>[a-z]+'?)"
    r"|(?P<sign>[-+*/()>])"
)
_SIGNS = {"*": "·", "-": "\N{MINUS SIGN}", ">": "&gt;"}

# each kind of step, {k} its layer and {j} the one before, in names and operators
STEPS = {
    "affine": "z{k} = h{j} W{k} + b{k}",
    "activation": "h{k} = {f} ( z{k} )",
    "softmax": "h{k} = softmax ( z{k} )",
    "loss": "CE = -1 {w} ∑ y log h{k}",
    "error": "grad_z{k} = {w} ( h{k} - y )",
    "outer": "grad_W{k} = h{j} ⊗ grad_z{k} {decay}",
    "bias": "grad_b{k} = grad_z{k}",
    "back": "grad_h{k} = W{i} grad_z{i}",
    "derivative": "grad_z{k} = grad_h{k} ⊙ {f}' ( z{k} )",
}


def step(quantity: Quantity, activation: str, weight_decay: float, *, weighted: bool) -> str:
    """The formula of a step, for whole arrays."""
    k = quantity.layer
    decay = f"+ {weight_decay:g} W{k}" if weight_decay else ""
    text = STEPS[quantity.kind].format(
        i=k + 1, j=k - 1, k=k, f=activation, w="w" if weighted else "", decay=decay
    )
    if quantity.kind == "error" and not weighted:
        text = text.replace("( ", "").replace(" )", "")
    return "".join(word(each) for each in text.split())


def symbol(name: str) -> str:
    """An array or, with its index after `_`, an entry: `grad_W2_0,1`."""
    match = _NAME.fullmatch(name)
    assert match
    gradient, letter, layer, index = match.groups()
    # as italic letters of the page's font: not every system has those of a mathematical one
    style = ' class="variable"' if len(letter) == 1 else ""
    base = f'<mi mathvariant="normal"{style}>{letter}</mi>'
    above = f"<mrow><mo>(</mo><mn>{layer}</mn><mo>)</mo></mrow>" if layer else ""
    below = _index(index) if index else ""
    if above and below:
        base = f"<msubsup>{base}{below}{above}</msubsup>"
    elif above:
        base = f"<msup>{base}{above}</msup>"
    elif below:
        base = f"<msub>{base}{below}</msub>"
    return f'<msub><mi mathvariant="normal">∇</mi>{base}</msub>' if gradient else base


def entry(text: str) -> str:
    """A formula of one entry, in names or in numbers."""
    parts, after_operator = [], True
    for match in _TOKEN.finditer(text):
        kind, part = match.lastgroup, match[match.lastgroup or 0]
        if kind == "rest":
            parts.append(f"<mtext>[{escape(part)}]</mtext>")
        elif kind == "entry":
            parts.append(symbol(part))
        elif kind == "number":
            parts.append(number(part, fenced=not after_operator))
        else:
            parts.append(word(part))
        after_operator = kind == "sign" and part == "("
    return "".join(parts)


def number(text: str, *, fenced: bool = False) -> str:
    """A number; fenced: in parentheses if it is negative."""
    mantissa, _, exponent = text.removeprefix("-").partition("e")
    digits = f"<mn>{mantissa}</mn>"
    if exponent:
        digits += f"<mo>·</mo><msup><mn>10</mn>{number(str(int(exponent)))}</msup>"
    if not text.startswith("-"):
        return f"<mrow>{digits}</mrow>"
    negative = f'<mo form="prefix">{_SIGNS["-"]}</mo>{digits}'
    return f"<mrow><mo>(</mo>{negative}<mo>)</mo></mrow>" if fenced else f"<mrow>{negative}</mrow>"


def word(text: str) -> str:
    """A symbol, a number, a function or an operator."""
    if text.replace(".", "").replace("e-", "").isdigit():
        return number(text)
    if text == "CE" or re.fullmatch(r"(grad_)?[A-Za-z]\d*", text):
        return symbol(text)
    if text[0].isalpha():  # a function
        name = text.replace("'", "\N{PRIME}")
        return f'<mi mathvariant="normal" class="function">{name}</mi>'
    if text == "-1":
        return f'<mo form="prefix">{_SIGNS["-"]}</mo>'
    return f"<mo>{_SIGNS.get(text, text)}</mo>"


def _index(index: str) -> str:
    numbers = [f"<mn>{n}</mn>" for n in index.split(",")]
    return f"<mrow>{'<mo>,</mo>'.join(numbers)}</mrow>"
