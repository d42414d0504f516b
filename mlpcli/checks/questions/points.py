"""Where formulas are evaluated: random numbers for scalars, random networks of full size.

A network is consistent: z3 is what the forward pass makes of W3, b3 and h2, so a formula is right
in whatever quantities it is written. An entry can be moved by an imaginary step, and all that
follows from it moves too, which is how a derivative in a formula gets its value.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple

import numpy as np

from mlpcli.checks import reference
from mlpcli.checks.problem import Problem
from mlpcli.checks.reference import COMPLEX_STEP
from mlpcli.nn import Array, mlp
from mlpcli.nn.activation import RELU
from mlpcli.nn.mlp import Layer, Params

SIZES = (1024, 512, 256, 10)
LAYERS = range(1, len(SIZES))
NETWORKS = 4
SCALAR_POINTS = 50
POINT = "·"  # the axis of the scalars' random values, as an index
UNIT_COST = 60_000  # of a move in one unit with its batch
MAX_ENTRIES = 10  # of a free index: all, or about so many, chosen at random

Function = Callable[[Array], Array]
FUNCTIONS: tuple[dict[str, Function], ...] = (  # for f and g in the chain rule, and f', g'
    {"f": np.sin, "f'": np.cos, "g": np.exp, "g'": np.exp},
    {"f": np.exp, "f'": np.exp, "g": np.sin, "g'": np.cos},
    {
        "f": lambda x: x**3,
        "f'": lambda x: 3 * x**2,
        "g": lambda x: np.log(1 + x**2),
        "g'": lambda x: 2 * x / (1 + x**2),
    },
)


class Point(NamedTuple):
    """The value of every symbol at one point."""

    values: Mapping[str, Array]  # scalars have the axis POINT, (SCALAR_POINTS,)
    functions: Mapping[str, Function]
    layer: int = 0  # the layer of a symbol without number; 0: there is no network
    star: int = 0  # y*
    gradient: Callable[[str], Array] | None = None  # of the loss, by a symbol's name
    seed: int = 0
    move: Callable[[str, tuple[int, ...]], Mapping[str, Array]] | None = None  # if not `moved`

    def entries(self, n: int) -> Array:
        """The positions at which a free index over n entries is evaluated."""
        if n <= MAX_ENTRIES:
            return np.arange(n)
        rng = np.random.default_rng([self.seed, n])
        count = 3 + n.bit_length()  # another one for each layer, so that none fits another
        return np.sort(rng.choice(n, count, replace=False))


def scalars(variables: Mapping[str, tuple[float, float]]) -> list[Point]:
    """Points with random values of these variables, each with other functions f and g."""
    points = []
    for seed, functions in enumerate(FUNCTIONS):
        rng = np.random.default_rng(seed)
        values = {name: rng.uniform(*ends, SCALAR_POINTS) for name, ends in variables.items()}
        points.append(Point(values, functions, seed=seed))
    return points


def networks(images: int, layer: int) -> list[Point]:
    """Random networks of the workbook's size, each with its own image or images."""
    return [_network(seed, images)._replace(layer=layer) for seed in range(NETWORKS)]


@cache
def _network(seed: int, images: int) -> Point:
    rng = np.random.default_rng(seed)
    params = random_params(rng)
    x, labels = rng.random((images, SIZES[0])), rng.permutation(SIZES[-1])[:images]
    problem = Problem(params, x, mlp.one_hot(labels, SIZES[-1]))
    values: dict[str, Array] = {"x": x, "y": problem.y}
    if images == 1:  # vectors, as in the workbook
        values = {name: array[0] for name, array in values.items()}
    for i, (W, b) in enumerate(params, 1):
        values |= {f"W{i}": W, f"b{i}": b}
    if images > 1:
        values["n"] = np.array(float(images))
    values |= {"η": np.array(rng.uniform(0.1, 0.5)), "λ": np.array(rng.uniform(0.01, 0.1))}

    @cache
    def gradient(name: str) -> Array:
        return _gradient(problem, name)[0 if images == 1 and name[0] not in "Wb" else ...]

    functions = {"f": RELU.f, "f'": RELU.derivative, "relu": RELU.f, "relu'": RELU.derivative}
    return Point(forward(values), functions, star=int(labels[0]), gradient=gradient, seed=seed)


def random_params(rng: np.random.Generator) -> Params:
    """Random weights of the workbook's network, with small random biases."""
    return tuple(
        Layer(W, 0.1 * rng.standard_normal(b.shape))
        for W, b in mlp.init(SIZES, rng=rng, dtype="float64")
    )


def forward(values: Mapping[str, Array]) -> dict[str, Array]:
    """The values of x, y, W and b, with z, h and CE computed from them."""
    found = dict(values)
    found["h0"] = found["x"]
    for i in LAYERS:
        found[f"z{i}"] = found[f"h{i - 1}"] @ found[f"W{i}"] + found[f"b{i}"]
        found[f"h{i}"] = _activation(i)(found[f"z{i}"])
    _finish(found)
    return found


def moved(
    values: Mapping[str, Array], name: str, entry: tuple[int, ...], *, needed: bool
) -> dict[str, Array]:
    """The values after an imaginary step in one entry of a symbol, and what follows from it.

    needed: whether the symbol itself is; otherwise, weights are not copied.
    """
    found, (kind, layer) = dict(values), _place(name)
    if needed or kind != "W":
        found[name] = values[name].astype(complex)
        found[name][entry or ...] += COMPLEX_STEP * 1j
    if kind == "x":
        found["h0"] = found["x"]
    for i in LAYERS:
        before, z = found[f"h{i - 1}"], f"z{i}"
        if i == layer and kind == "W":  # of the step in W, one entry is not 0
            found[z] = values[z].astype(complex)
            found[z][..., entry[1]] += before[..., entry[0]] * COMPLEX_STEP * 1j
        elif i == layer and kind == "b":
            found[z] = values[z] + (found[name] - values[name])
        elif np.iscomplexobj(before) and z != name:
            step = np.ascontiguousarray(before.imag)  # which BLAS takes
            found[z] = values[z] + 1j * (step @ values[f"W{i}"])
        if np.iscomplexobj(found[z]) and f"h{i}" != name:
            found[f"h{i}"] = _activation(i)(found[z])
    if name not in ("CE", "S"):
        _finish(found)
    return found


def cost(point: Point, name: str, *, needed: bool) -> int:
    """About how many entries a move touches."""
    if point.move:
        return UNIT_COST
    layer = _place(name)[1]
    behind = sum(point.values[f"W{i}"].size for i in LAYERS if i > layer)
    return 2000 + behind + (point.values[name].size if needed else 0)


def _place(name: str) -> tuple[str, int]:
    """The kind of a symbol and its layer: h2 is ("h", 2); x is before the first layer."""
    if name[0] in "hzWb":
        return name[0], int(name[1:])
    return name, 0 if name == "x" else LAYERS[-1]


def _activation(layer: int) -> Function:
    return mlp.softmax if layer == LAYERS[-1] else RELU.f


def _finish(values: dict[str, Array]) -> None:
    """Mutates values by those behind the last layer: S, the sum of exp(z3), and CE."""
    last = LAYERS[-1]
    values["S"] = np.exp(values[f"z{last}"]).sum(axis=-1)
    values["CE"] = -np.log((values[f"h{last}"] * values["y"]).sum(axis=-1)).mean()


def _gradient(problem: Problem, name: str) -> Array:
    """d CE / d symbol, with a row for each image unless it is one of a parameter."""
    kind, layer = name[0], int(name[1:] or 0)
    if kind in "Wb":
        return getattr(reference.gradient(problem)[layer - 1], kind)
    if kind == "z":
        return reference.grad_z(problem)[layer - 1]
    if layer == len(SIZES) - 1:  # CE = -sum log(h y), a mean over the images
        return -problem.y / reference.forward(problem).h[-1] / len(problem.y)
    return reference.grad_z(problem)[layer] @ problem.params[layer].W.T
