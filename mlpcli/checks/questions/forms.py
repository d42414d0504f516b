"""The forms that an answer can be asked for: one of the right value may still say too little."""

from collections.abc import Callable

from mlpcli.checks.questions.evaluation import full_name
from mlpcli.checks.questions.grammar import parse, read
from mlpcli.checks.questions.question import Question
from mlpcli.checks.questions.tree import PRODUCTS, Node

UNFOLDED = ("softmax", "relu")  # functions that stand for formulas which are asked for


def complaint(node: Node, question: Question) -> str:
    """Why a formula has not the form that a question asks for; empty if it has."""
    forms = question.form or (() if question.kind == "rewrite" else ("evaluated",))
    for form in forms:
        if reason := FORMS[form](node, question):
            return _typable(reason)
    if question.only:
        return _typable(_only(node, question))
    return ""


def _typable(text: str) -> str:
    return text.replace("û", "u_hat")


def symbols(node: Node, question: Question) -> set[str]:
    """The symbols of a formula, without indices: {"h2", "h3", "y"}."""
    layer = 0 if question.variables else question.layer
    return {full_name(part.text, layer) for part in node.walk() if part.op == "symbol"} - {"e"}


def _only(node: Node, question: Question) -> str:
    known = question.only if len(question.only) > 1 else (question.only[0],)
    known_by = {"S"} if "z3" in question.only else set()  # the sum of exp(z3)
    unwanted = sorted({part.text for part in node.walk() if part.text in UNFOLDED})
    unwanted += sorted(symbols(node, question) - set(question.only) - known_by)
    if unwanted:
        allowed = " and ".join(filter(None, [", ".join(known[:-1]), known[-1]]))
        return f"use only {allowed}, not {' or '.join(unwanted)}"
    return ""


def _evaluated(node: Node, question: Question) -> str:
    """No derivative is left, and no name of a quantity that is asked for."""
    ops = {part.op for part in node.walk()}
    if ops & {"derivative", "gradient"}:
        return "a derivative is left; work it out"
    return ""


def _simple_logs(node: Node, question: Question) -> str:
    logs = [part for part in node.walk() if part.op == "call" and part.text == "log"]
    if not logs or any(_without_abs(log.args[0]).op not in ("symbol", "number") for log in logs):
        return "each logarithm should hold a single variable"
    return ""


def _without_abs(node: Node) -> Node:
    return node.args[0] if (node.op, node.text) == ("call", "abs") else node


def _difference_of_logs(node: Node, question: Question) -> str:
    for log in node.walk():
        if log.op == "call" and log.text == "log" and _has_quotient(log.args[0]):
            return "a quotient is left inside the logarithm"
    return ""


def _has_quotient(node: Node) -> bool:
    if node.op == "div":
        return True
    if node.op == "power":
        return node.args[1].op == "neg"
    return node.op in PRODUCTS and any(map(_has_quotient, node.args))


def _no_log(node: Node, question: Question) -> str:
    if any(part.op == "call" and part.text == "log" for part in node.walk()):
        return "a logarithm is left; differentiate it"
    return ""


def _two_partials(node: Node, question: Question) -> str:
    """The product of the same partial derivatives as in the model answer, in any order."""
    found, asked = _partials(node, question), _partials(parse(question.answer), question)
    if found is None:
        return "write a product of two partial derivatives, and nothing else"
    if asked is not None and sorted(found) != sorted(asked):
        return "the two partial derivatives should meet at the quantity between them"
    return ""


def _partials(node: Node, question: Question) -> list[tuple[str, str]] | None:
    """Of which symbol and by which, for each factor; None if one is no partial derivative."""
    if node.op in ("times", "implicit", "dot"):
        left, right = (_partials(arg, question) for arg in node.args)
        return None if left is None or right is None else left + right
    inner = node.args[0] if node.op == "index" else node
    if inner.op == "gradient":  # grad_z3_j is dCE/dz3_j
        return [("CE", min(symbols(inner, question), default=""))]
    if node.op != "derivative":
        return None
    of, by = (min(symbols(arg, question), default="") for arg in node.args)
    return [(of, by)]


def _given_partials(node: Node, question: Question) -> str:
    """No derivatives but those that are in the model answer, since they are known by then."""
    known = _derivatives(read(question.answer), question)
    if unknown := _derivatives(node, question) - known:
        of, by = min(unknown)
        return f"the derivative of {of} with respect to {by} is left; work it out"
    return ""


def _derivatives(node: Node, question: Question) -> set[tuple[str, str]]:
    """Of what and with respect to what, for every derivative and gradient of a formula."""
    found = set()
    for part in node.walk():
        if part.op in ("derivative", "gradient"):
            names = [min(symbols(arg, question), default="") for arg in part.args]
            found.add((names[0], names[1]) if len(names) == 2 else ("CE", names[0]))
    return found


def _multiplied_out(node: Node, question: Question) -> str:
    for part in node.walk():
        base = part.args[0] if part.op == "power" else None
        if part.op == "div" or (base and base.op in ("add", "sub")):
            return "multiply it out, until no quotient and no power of a sum is left"
    return ""


def _chain_rule(node: Node, question: Question) -> str:
    if _evaluated(node, question):
        return "work the derivative out: write f' and g'"
    return ""


FORMS: dict[str, Callable[[Node, Question], str]] = {
    "evaluated": _evaluated,
    "simple logs": _simple_logs,
    "difference of logs": _difference_of_logs,
    "no log": _no_log,
    "two partials": _two_partials,
    "chain rule": _chain_rule,
    "given partials": _given_partials,
    "multiplied out": _multiplied_out,
}
