"""Why an answer is wrong: the sign, index, axis, factor or term that would make it right."""

import itertools
from collections.abc import Iterator
from functools import reduce

import numpy as np

from mlpcli.checks.questions.comparison import agree, expected, tree, values
from mlpcli.checks.questions.evaluation import full_name
from mlpcli.checks.questions.misreadings import misreading
from mlpcli.checks.questions.notation import typed
from mlpcli.checks.questions.points import LAYERS, POINT
from mlpcli.checks.questions.question import Question
from mlpcli.checks.questions.spelling import UnreadableError
from mlpcli.checks.questions.tree import Node
from mlpcli.checks.questions.values import Value

MAX_FACTORS = 5  # of a product, of which some are left out to find what is missing
MAX_CHANGES = 60  # of a model answer


def reason(question: Question, node: Node, found: list[Value]) -> str:
    """What is wrong with a formula of other values; empty if no reason is found."""
    for wrong in question.wrong:
        if agree(question, expected(question, wrong.answer), found):
            return wrong.reason
    if question.kind == "shape":
        return _wrong_axes(question, found)
    if text := misreading(question, node) or _wrong_axes(question, found):
        return text
    return (
        _wrong_sign(question, found)
        or _other_symbol(question, found)
        or _missing_part(question, found)
        or _wrong_factor(question, found)
    )


def _wrong_axes(question: Question, found: list[Value]) -> str:
    """A reason from indices and shapes."""
    right, value = expected(question, question.answer)[0], found[0]
    if not all(np.isfinite(each.array).all() for each in found):
        return "it has no finite value at some of the points where it is tried"
    if question.kind == "shape":
        if sorted(np.ravel(value.array)) == sorted(np.ravel(right.array)):
            return "these are the right lengths in the wrong order"
        a, b = right.array.shape[-1], value.array.shape[-1]
        return f"it has {a} {'axis' if a == 1 else 'axes'}, not {b}" if a != b else ""
    if extra := sorted(set(value.indices) - set(right.indices) - {POINT}):
        asked = " and ".join(name for name in right.indices if name != POINT)
        known = f"depends on {asked}" if asked else "contains no index"
        return f"it contains the index {extra[0]}; the answer {known}"
    if value.shape == right.shape:
        return ""
    if value.shape == right.shape[::-1] and len(value.shape) == 2:
        turned = [v._replace(array=np.swapaxes(v.array, -1, -2)) for v in found]
        if agree(question, expected(question, question.answer), turned):
            return f"transposed: the shape should be {right.shape}, not {value.shape}"
    if not right.shape and value.shape and right.indices:
        names = [name for name in right.indices if name != POINT]
        entry = f"its entry {', '.join(names)}" if names else "a single formula"
        return f"that is a whole array; write {entry}"
    if right.shape and not value.shape and value.indices:
        return "that is one entry; write the whole without indices"
    return f"its shape is {value.shape}; it should be {right.shape}"


def _wrong_sign(question: Question, found: list[Value]) -> str:
    turned = [value._replace(array=-value.array) for value in found]
    if agree(question, expected(question, question.answer), turned):
        return "the sign is wrong"
    return ""


def _missing_part(question: Question, found: list[Value]) -> str:
    """The factor or term of the model answer without which it would be this answer."""
    for changed, text in itertools.islice(_changes(tree(question, question.answer)), MAX_CHANGES):
        if _has_values(question, changed, found):
            return text
    return ""


def _other_symbol(question: Question, found: list[Value]) -> str:
    """A value of another layer, or from the other side of an activation, in the model answer."""
    if question.variables:
        return ""
    model = tree(question, question.answer)
    names = {full_name(part.text, question.layer) for part in model.walk() if part.op == "symbol"}
    for name in sorted(name for name in names if name[0] in "hz" and name[1:].isdecimal()):
        for other in (f"{kind}{layer}" for kind in "hz" for layer in LAYERS):
            if other != name and _has_values(question, _renamed(model, name, other), found):
                if other[0] == name[0]:
                    return f"{other} belongs to layer {other[1]}; another layer is asked for"
                return f"{other} is {'before' if other[0] == 'z' else 'after'} the activation"
    return ""


def _renamed(node: Node, name: str, other: str) -> Node:
    if node.op == "symbol":
        return node._replace(text=other) if node.text == name else node
    return node._replace(args=tuple(_renamed(arg, name, other) for arg in node.args))


def _has_values(question: Question, node: Node, found: list[Value]) -> bool:
    try:
        return agree(question, values(question, node), found)
    except UnreadableError:
        return False


def _changes(node: Node) -> Iterator[tuple[Node, str]]:
    """The formula with a part left out, or with another sign, anywhere in it; and what to say."""
    yield from _without_factors(node)
    yield from _other_terms(node)
    for i, arg in enumerate(node.args):
        if node.op != "derivative" and arg.args:
            for changed, text in _changes(arg):
                yield node._replace(args=(*node.args[:i], changed, *node.args[i + 1 :])), text


def _without_factors(node: Node) -> Iterator[tuple[Node, str]]:
    factors = _factors(node)
    if not 1 < len(factors) <= MAX_FACTORS:
        return
    for n in range(1, len(factors)):
        for left_out in itertools.combinations(range(len(factors)), n):
            kept = [factor for i, factor in enumerate(factors) if i not in left_out]
            lost = typed(_multiplied([factors[i] for i in left_out]))
            yield _multiplied(kept), f"a factor is missing: {lost}"


def _factors(node: Node) -> list[Node]:
    if node.op in ("times", "implicit"):
        return [factor for arg in node.args for factor in _factors(arg)]
    if node.op == "div":
        top, bottom = node.args
        inverse = Node("div", (Node("number", text="1"), bottom))
        return [inverse] if top.text == "1" else [*_factors(top), inverse]
    return [node]


def _multiplied(factors: list[Node]) -> Node:
    return reduce(lambda product, factor: Node("times", (product, factor)), factors)


def _other_terms(node: Node) -> Iterator[tuple[Node, str]]:
    terms = _terms(node)
    for i, (sign, term) in enumerate(terms if len(terms) > 1 else ()):
        shown = typed(term)
        yield _added([*terms[:i], (-sign, term), *terms[i + 1 :]]), f"the sign of {shown} is wrong"
        lost = f"-{shown}" if sign < 0 else shown
        yield _added(terms[:i] + terms[i + 1 :]), f"a term is missing: {lost}"


def _terms(node: Node, sign: int = 1) -> list[tuple[int, Node]]:
    if node.op in ("add", "sub"):
        left, right = node.args
        return _terms(left, sign) + _terms(right, sign if node.op == "add" else -sign)
    return _terms(node.args[0], -sign) if node.op == "neg" else [(sign, node)]


def _added(terms: list[tuple[int, Node]]) -> Node:
    signed = [term if sign > 0 else Node("neg", (term,)) for sign, term in terms]
    return reduce(lambda total, term: Node("add", (total, term)), signed)


def _wrong_factor(question: Question, found: list[Value]) -> str:
    """A number by which the answer is too large, the same at all points."""
    if question.kind == "value":  # it would be the answer
        return ""
    right = expected(question, question.answer)
    a, b = np.ravel(right[0].array), np.ravel(found[0].array)
    if not (a.any() and b.any()):
        return ""
    ratio = float(abs(b).max() / abs(a).max())
    scaled = [value._replace(array=value.array / ratio) for value in found]
    if agree(question, right, scaled):
        return f"it is {ratio:.6g} times the right value"
    return ""
