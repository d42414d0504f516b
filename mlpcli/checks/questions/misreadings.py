"""Answers that would be right if they were read otherwise, and how to write them."""

from collections.abc import Iterator
from itertools import islice

from mlpcli.checks.questions.comparison import agree, expected, tree, values
from mlpcli.checks.questions.forms import symbols
from mlpcli.checks.questions.notation import typed
from mlpcli.checks.questions.points import LAYERS
from mlpcli.checks.questions.question import Question
from mlpcli.checks.questions.spelling import UnreadableError
from mlpcli.checks.questions.tree import PRODUCTS, Node

MAX_NODES = 60  # of an answer that is read in other ways
MAX_READINGS = 12
BARE = ("h", "z", "W", "b")  # symbols whose layer is not said


def misreading(question: Question, node: Node) -> str:
    """What to write instead, if the answer was read as something else; otherwise empty."""
    if sum(1 for _ in node.walk()) > MAX_NODES:
        return ""
    return (
        stray_image(question, node)
        or _bare_symbols(question, node)
        or _entry_by_entry(question, node)
        or _loose_function(question, node)
        or _loose_part(question, node)
    )


def stray_image(question: Question, node: Node) -> str:
    """x as a sign of multiplication, which is the image."""
    if question.variables or "x" in symbols(tree(question, question.answer), question):
        return ""
    is_there = "x" in symbols(node, question)
    return "x is the image here; write * or outer for a product" if is_there else ""


def _bare_symbols(question: Question, node: Node) -> str:
    """h instead of h2, where it would be right in another layer."""
    bare = [part.text for part in node.walk() if part.op == "symbol" and part.text in BARE]
    if question.variables or not bare:
        return ""
    right = expected(question, question.answer)
    for layer in LAYERS:
        try:
            if agree(question, right, values(question._replace(layer=layer), node)):
                name = bare[0]
                return f"{name} is {name}{question.layer}; add a layer, as in {name}{layer}"
        except UnreadableError:
            continue
    return ""


def _entry_by_entry(question: Question, node: Node) -> str:
    """W3 * grad_z3, where a matrix product was meant."""
    has_times = any(part.op == "times" for part in node.walk())
    if has_times and _is_right(question, _with_matrix_products(node)):
        return "* multiplies entry by entry; write @ for a matrix product"
    return ""


def _with_matrix_products(node: Node) -> Node:
    op = "implicit" if node.op == "times" else node.op
    return node._replace(op=op, args=tuple(map(_with_matrix_products, node.args)))


def _loose_function(question: Question, node: Node) -> str:
    """`log a / b`, which is read as (log a) / b, where the logarithm of all was meant."""
    for part in node.walk():
        if part.op not in ("div", "times") or part.args[0].op not in ("call", "neg"):
            continue
        first = part.args[0].args[0] if part.args[0].op == "neg" else part.args[0]
        if first.op != "call" or len(first.args) != 1:
            continue
        whole = first._replace(args=(part._replace(args=(first.args[0], part.args[1])),))
        whole = Node("neg", (whole,)) if part.args[0].op == "neg" else whole
        if _is_right(question, _replaced(node, part, whole)):
            return f"{first.text} takes only what follows it; put all of it in parentheses"
    return ""


def _loose_part(question: Question, node: Node) -> str:
    """`h2 outer h3 - y`, `1/2t`, `a^1/2`: what lacks parentheses to be right."""
    readings = (
        (_replaced(node, part, changed), inner)
        for part in node.walk()
        for changed, inner in _regrouped(part)
    )
    for read, inner in islice(readings, MAX_READINGS):
        if _is_right(question, read):
            return f"put {typed(inner)} in parentheses"
    return ""


def _regrouped(part: Node) -> Iterator[tuple[Node, Node]]:
    """The part with parentheses around other pieces of it, and what they hold."""
    if len(part.args) != 2:
        return
    left, right = part.args
    if part.op in ("add", "sub") and left.op in PRODUCTS:
        inner = part._replace(args=(left.args[1], right))
        yield left._replace(args=(left.args[0], inner)), inner
    if part.op in ("add", "sub") and right.op in PRODUCTS:
        inner = part._replace(args=(left, right.args[0]))
        yield right._replace(args=(inner, right.args[1])), inner
    if (part.op, left.op) in (("times", "div"), ("implicit", "div"), ("div", "power")):
        inner = part._replace(args=(left.args[1], right))
        yield left._replace(args=(left.args[0], inner)), inner


def _replaced(node: Node, part: Node, by: Node) -> Node:
    if node is part:
        return by
    return node._replace(args=tuple(_replaced(arg, part, by) for arg in node.args))


def _is_right(question: Question, node: Node) -> bool:
    try:
        return agree(question, expected(question, question.answer), values(question, node))
    except UnreadableError:
        return False
