"""One image through the network and back, as a page to read: formulas, pictures, and numbers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup

from mlpcli import files
from mlpcli.api.explain import Explained
from mlpcli.checks.explain import Explanation, Quantity
from mlpcli.nn import Array
from mlpcli.runs.ownership import generator, is_page
from mlpcli.show import html, mathml, pixels
from mlpcli.show.explain import MAX_WHOLE, chosen, entries, is_small
from mlpcli.show.pixels import Picture
from mlpcli.terminal import printable

MAX_SIDE = 128  # entries of a picture; those of a larger array share a pixel
ROW_LENGTH = 32  # entries of a long vector in a row of its picture
MINUS, TIMES = "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}"
MAX_CELL = 20  # CSS pixels of an entry

# what each kind of step says, and the arrays from which it is made, after the result
WORDS = {
    "affine": "Each unit adds up its inputs times its weights, and its bias.",
    "activation": "Positive values pass; all others become 0.",
    "softmax": "Exponentials, divided by their sum: the probabilities of the classes.",
    "loss": "Only the probability of the correct class counts.",
    "error": "Positive where the probability is too high, negative where it is too low.",
    "outer": "The gradient of a weight is its input times the error of its unit.",
    "bias": "A bias is a weight whose input is 1.",
    "back": "Each unit adds up the errors of the units that it feeds, times the weights between.",
    "derivative": "No error passes back through a unit that was off.",
}
SMOOTH = {
    "activation": "Each entry passes through the activation function.",
    "derivative": "Each entry is multiplied by the slope of the activation function.",
}
PARTS = {
    "affine": ["h{j}", "W{k}", "+", "b{k}"],
    "activation": ["{f}", "z{k}"],
    "softmax": ["softmax", "z{k}"],
    "loss": [],
    "error": ["h{k}", MINUS, "y"],
    "outer": ["h{j}", "⊗", "grad_z{k}"],
    "bias": ["grad_z{k}"],
    "back": ["W{i}", "grad_z{i}"],
    "derivative": ["grad_h{k}", "⊙", "{f}'", "z{k}"],
}


class Figure(NamedTuple):
    """An array as a picture, or an operator between two."""

    symbol: Markup
    shape: str = ""
    alt: str = ""
    picture: Picture | None = None
    width: int = 0  # CSS pixels


class Section(NamedTuple):
    """The steps under one heading."""

    id: str
    title: str
    text: str
    steps: list[dict[str, Any]]


def claim(path: Path) -> None:
    """Raise OutputError unless a page may be written to a path."""
    files.claim(path, lambda file: is_page(file, "explain"), overwrite=None)


def write(path: Path, result: Explained) -> None:
    """Write the page of a result; raises OutputError."""
    files.write(path, page(result).encode())


def page(result: Explained) -> str:
    """The whole page as HTML; it needs no other file and no script."""
    e = result.explanation
    given = [name for name in e.given if result.layer is None or _belongs(name, result.layer)]
    environment = html.environment()
    return environment.get_template("explain.html.j2").render(
        generator=generator("explain"),
        title=printable(result.title),
        given=[{"figure": _figure(e, name), "rows": _rows(e.given[name])} for name in given],
        small=is_small(e),
        sections=[*_sections(result)],
    )


def _belongs(name: str, layer: int) -> bool:
    return name in ("h0", "y", "w") or name[1:] == str(layer)


def _sections(result: Explained) -> Iterator[Section]:
    e = result.explanation
    steps, last = chosen(e, result.layer), len(e.sizes) - 1
    forward = {"affine", "activation", "softmax", "loss"}
    first = [step for step in steps if step.kind in forward]
    text = "From the image to the loss, layer by layer, keeping all values for the way back."
    yield Section("forward", "Forward", text, [_step(e, step) for step in first])
    for layer in range(last, 0, -1):
        found = [step for step in steps if step.kind not in forward and step.layer == layer]
        text = f"The same steps again, with the error from layer {layer + 1}."
        if layer == last:
            text = "How the loss changes with the last layer: workbook 01."
        elif layer == last - 1:
            text = "The error goes back through the weights and the activation: workbook 02."
        if found:
            title = f"Back through layer {layer}"
            yield Section(f"layer-{layer}", title, text, [_step(e, step) for step in found])


def _step(e: Explanation, step: Quantity) -> dict[str, Any]:
    weighted, relu = "w" in e.given, e.activation == "relu"
    formula = mathml.step(step, e.activation, e.weight_decay, weighted=weighted)
    words = WORDS[step.kind] if relu else SMOOTH.get(step.kind, WORDS[step.kind])
    names = {"i": step.layer + 1, "j": step.layer - 1, "k": step.layer, "f": e.activation}
    parts = [part.format(**names) for part in PARTS[step.kind]]
    if relu and step.kind == "derivative":
        parts[-2:] = [f"z{step.layer} > 0"]
    if e.weight_decay and step.kind == "outer":
        parts += ["+", f"{e.weight_decay:g}", f"W{step.layer}"]
    if weighted and step.kind == "error":
        parts = ["w", "(", *parts, ")"]
    figures = [_figure(e, step.name), Figure(Markup("="))] if parts else []
    figures += [_figure(e, part) for part in parts]
    equations = [
        {"name": _math(mathml.symbol(name)), "sides": [_entry(side) for side in sides]}
        for name, *sides in entries(e, step)
    ]
    value = "" if step.value.ndim else f"{float(step.value):.6g}"
    return {
        "name": step.name,
        "formula": _math(formula),
        "words": words,
        "figures": figures,
        "value": value,
        "equations": equations,
        "shown": ""
        if is_small(e) or value
        else f"the largest {len(equations)} of {step.value.size:,}",
    }


def _math(inner: str) -> Markup:
    return Markup(inner)  # our own tags around escaped text


def _entry(text: str) -> Markup:
    return _math(mathml.entry(text))


def _figure(e: Explanation, name: str) -> Figure:
    """The picture of an array, of `z1 > 0`, or the operator itself."""
    array, _, condition = name.partition(" ")
    if array not in e.values:
        return Figure(_math(f"<math>{mathml.word(name)}</math>"))
    a, symbol = e.values[array], mathml.symbol(array)
    if condition:
        smooth = e.activation != "relu"
        a = a if smooth else (a > 0).astype("float64")
        symbol = symbol if smooth else f"{symbol}<mo>&gt;</mo><mn>0</mn>"
    whole = _math(f"<math>{symbol}</math>")
    if a.ndim == 0:
        return Figure(whole, shape=f"{float(a):.6g}")
    grid = _grid(a)
    height, width = grid.shape
    picture = pixels.sheet(grid[None], 1)
    cell = max(1, min(MAX_CELL, MAX_SIDE // max(height, width)))
    alt = f"{array}: {_shape(a)} entries from {a.min():.3g} to {a.max():.3g}"
    return Figure(whole, _shape(a), alt, picture, cell * width)


def _shape(a: Array) -> str:
    return f" {TIMES} ".join(map(str, a.shape))


def _grid(a: Array) -> Array:
    """An array as the entries of a picture, (height, width): a long vector in rows."""
    if a.ndim == 1:
        length = ROW_LENGTH if len(a) > ROW_LENGTH else len(a)
        padded = np.zeros(-(-len(a) // length) * length)
        padded[: len(a)] = a
        return padded.reshape(-1, length)
    block = -(-max(a.shape) // MAX_SIDE)
    return a if block == 1 else _largest_of_blocks(a, block)


def _largest_of_blocks(a: Array, block: int) -> Array:
    """Of each block of entries the one with the largest magnitude, its sign kept."""
    height, width = (-(-size // block) * block for size in a.shape)
    padded = np.zeros((height, width))
    padded[: a.shape[0], : a.shape[1]] = a
    blocks = padded.reshape(height // block, block, width // block, block).swapaxes(1, 2)
    flat = blocks.reshape(height // block, width // block, -1)
    return np.take_along_axis(flat, np.abs(flat).argmax(axis=2)[..., None], axis=2)[..., 0]


def _rows(a: Array) -> list[list[str]]:
    """The numbers of a small array, row by row."""
    if a.size > MAX_WHOLE:
        return []
    return [
        [f"{value + 0.0:.6g}".replace("-", MINUS) for value in row]
        for row in np.atleast_2d(a).tolist()
    ]
