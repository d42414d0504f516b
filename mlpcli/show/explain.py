"""One image through the network and back, as text, Markdown and JSON."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from mlpcli.api.explain import Explained
from mlpcli.checks.explain import Explanation, Quantity
from mlpcli.nn import Array
from mlpcli.show import selection
from mlpcli.show.format import json_object, pick

MAX_WHOLE = 64  # numbers in an array that is shown whole
LARGEST_SHOWN = 3  # entries of a larger one, and terms of a longer sum: the largest in magnitude
MAX_TERMS = 6  # of a sum that is written out
MAX_JSON = 1024  # numbers in an array that is part of the JSON object

Write = Callable[..., str]  # an entry, by the name of its array and its index, as symbol or number


def as_text(result: Explained) -> str:
    """Each step's formula, shape and entries, indented below it."""
    lines = [result.title]
    for head, body in _sections(result.explanation, result.layer):
        lines += ["", head, *(f"    {line}" for line in body)]
    return "\n".join(lines)


def as_markdown(result: Explained) -> str:
    """The same with a heading for each step and its numbers in a block of code."""
    lines = [f"# {result.title}"]
    for head, body in _sections(result.explanation, result.layer):
        lines += ["", f"### `{head}`", "", "```text", *body, "```"]
    return "\n".join(lines)


def as_json(result: Explained) -> str:
    """The same as one JSON object; arrays of more than MAX_JSON by their largest entries."""
    e = result.explanation
    return json_object(
        {
            "title": result.title,
            "selection": selection.as_json(result.selection),
            **pick(e, "sizes", "activation", "weight_decay"),
            "given": [{"name": name, **_array(a)} for name, a in e.given.items()],
            "steps": [
                {**pick(s, "layer", "name", "formula"), **_array(s.value)}
                for s in chosen(e, result.layer)
            ],
        }
    )


def _array(a: Array) -> dict[str, Any]:
    largest = [{"index": at, "value": float(a[at])} for at in _largest(a, LARGEST_SHOWN)]
    return {"shape": a.shape, "value": a if a.size <= MAX_JSON else None, "largest": largest}


def chosen(e: Explanation, layer: int | None) -> list[Quantity]:
    """The steps of one layer, or all."""
    return [step for step in e.steps if layer in (None, step.layer)]


def _sections(e: Explanation, layer: int | None) -> list[tuple[str, list[str]]]:
    sections = [("given", _given(e, layer))]
    for step in chosen(e, layer):
        shape = f"   {_shape(step.value)}" if step.value.ndim else ""
        sections.append((f"{step.name} = {step.formula}{shape}", _step(e, step)))
    return sections


def _given(e: Explanation, layer: int | None) -> list[str]:
    lines = []
    for name, a in e.given.items():
        if layer is None or name in ("h0", "y", "w") or name[1:] == str(layer):
            if a.size <= MAX_WHOLE:
                text = np.array2string(a, separator=", ", precision=6, prefix=f"{name} = ")
                lines += f"{name} = {text}".split("\n")
            else:
                lines.append(f"{name}: {_shape(a)}, {np.count_nonzero(a):,} not 0")
    return lines


def _step(e: Explanation, step: Quantity) -> list[str]:
    a = step.value
    lines = []
    if a.ndim and not is_small(e):
        lines = [f"{np.count_nonzero(a):,} of {a.size:,} are not 0; the largest:"]
    for name, *sides in entries(e, step):
        names = [name, *[" " * len(name)] * len(sides)]
        lines += [f"{name} = {side}" for name, side in zip(names, sides, strict=False)]
    return lines


def is_small(e: Explanation) -> bool:
    """Whether every entry is shown, with every term."""
    return max(e.sizes) <= MAX_TERMS


def entries(e: Explanation, step: Quantity) -> Iterator[list[str]]:
    """Of every entry of a small network, or the largest ones: its name, and what it is equal to.

    That is the formula in symbols, the same with its numbers, and its value, if that is more.
    """
    a, values = step.value, e.values
    for at in np.ndindex(a.shape) if is_small(e) else _largest(a, LARGEST_SHOWN):
        numbers = _formula(e, step, at, lambda array, *index: _number(values[array][index]))
        value = _number(float(a[at]))
        sides = [_formula(e, step, at, _symbol), numbers, *([value] if value != numbers else [])]
        yield [_symbol(step.name, *at), *sides]


def _formula(e: Explanation, step: Quantity, at: tuple[int, ...], w: Write) -> str:
    """The formula of one entry; every kind of step is here."""
    k, last, values = step.layer, e.sizes[-1], e.values
    h, z, W, grad_h, grad_z = f"h{k}", f"z{k}", f"W{k}", f"grad_h{k}", f"grad_z{k}"
    weight = f"{w('w')} * " if "w" in e.given else ""
    match step.kind:
        case "affine":
            past, (j,) = f"h{k - 1}", at
            terms = [f"{w(past, i)} * {w(W, i, j)}" for i in range(len(values[past]))]
            return f"{_sum(terms, values[past] * values[W][:, j])} + {w(f'b{k}', j)}"
        case "activation":
            return f"{e.activation}({w(z, *at)})"
        case "softmax":
            exps = " + ".join(f"exp({w(z, j)})" for j in range(last))
            return f"exp({w(z, *at)}) / ({exps})"
        case "loss":
            right = np.flatnonzero(values["y"]).tolist()
            terms = [f"{w('y', j)} * log({w(h, j)})" for j in right]
            return f"{weight}-({' + '.join(terms)})"
        case "error":
            error = f"{w(h, *at)} - {w('y', *at)}"
            return f"{weight}({error})" if weight else error
        case "outer":
            i, j = at
            decay = f" + {e.weight_decay:g} * {w(W, i, j)}" if e.weight_decay else ""
            return f"{w(f'h{k - 1}', i)} * {w(grad_z, j)}{decay}"
        case "bias":
            return w(grad_z, *at)
        case "back":
            above, W, (i,) = f"grad_z{k + 1}", f"W{k + 1}", at
            terms = [f"{w(W, i, j)} * {w(above, j)}" for j in range(len(values[above]))]
            return _sum(terms, values[W][i] * values[above])
        case "derivative":
            relu, z_at = e.activation == "relu", w(z, *at)
            slope = f"({z_at} > 0)" if relu else f"{e.activation}'({z_at})"
            return f"{w(grad_h, *at)} * {slope}"


def _sum(terms: list[str], sizes: Array) -> str:
    """All terms, or the largest and the sum of the others."""
    if len(terms) <= MAX_TERMS:
        return " + ".join(terms)
    shown = [i for (i,) in _largest(sizes, LARGEST_SHOWN)]
    rest = np.delete(sizes, shown)
    return f"{' + '.join(terms[i] for i in shown)} + [{len(rest):,} more: {_number(rest.sum())}]"


def _largest(a: Array, most: int) -> list[tuple[int, ...]]:
    """Where the entries of largest magnitude are, largest first."""
    order = np.argsort(-abs(a), axis=None, kind="stable")[:most]
    return [tuple(int(i) for i in np.unravel_index(n, a.shape)) for n in order]


def _symbol(name: str, *index: int) -> str:
    return f"{name}_{','.join(map(str, index))}" if index else name


def _number(value: float) -> str:
    return f"{value + 0.0:.6g}"  # + 0.0: no -0


def _shape(a: Array) -> str:
    return f"({', '.join(map(str, a.shape))}{',' * (a.ndim == 1)})"
