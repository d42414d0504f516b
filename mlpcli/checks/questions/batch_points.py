"""Where formulas about batch normalization are evaluated: a unit in a network of the full size.

The unit is of layer 2. Its u, u_hat, z and h have an entry for each image of the batch, its W one
for each unit of layer 1; mean, variance, sigma and b are numbers.
"""
# ruff: noqa: RUF001  # formulas have Greek letters

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np

from mlpcli.checks.questions.points import LAYERS, SIZES, Point, random_params
from mlpcli.checks.reference import COMPLEX_STEP
from mlpcli.nn import Array, batch_norm, mlp
from mlpcli.nn.activation import RELU
from mlpcli.nn.batch_norm import EPS

BATCH_SIZES = (4, 5, 6, 7)  # a network for each, so that none fits another

Rules = Mapping[str, Callable[[dict[str, Array]], Array]]


@cache
def units() -> tuple[Point, ...]:
    """A unit in each of several random networks, with a batch of random images."""
    return tuple(_unit(seed, n) for seed, n in enumerate(BATCH_SIZES))


def _unit(seed: int, n: int) -> Point:
    rng = np.random.default_rng(seed)
    params = random_params(rng)
    y = mlp.one_hot(rng.permutation(SIZES[-1])[:n], SIZES[-1])
    run = mlp.forward(params, rng.random((n, SIZES[0])), normalize=batch_norm.normalize)
    active = (run.z[1] > 0).sum(axis=0)  # images
    unit = int((active * (active < n)).argmax())
    (W, b), (W3, b3) = params[1:]
    others = run.h[2] @ W3 - np.outer(run.h[2][:, unit], W3[unit]) + b3  # of z3
    rules: Rules = {
        "u": lambda v: v["h1"] @ v["W2"],
        "μ": lambda v: v["u"].mean(),
        "v": lambda v: ((v["u"] - v["μ"]) ** 2).mean(),
        "σ": lambda v: np.sqrt(v["v"] + v["ε"]),
        "û": lambda v: (v["u"] - v["μ"]) / v["σ"],
        "z2": lambda v: v["û"] + v["b2"],
        "h2": lambda v: RELU.f(v["z2"]),
        "CE": lambda v: mlp.cross_entropy(others + v["h2"][:, None] * W3[unit], y),
    }
    given = {"h1": run.h[1], "W2": W[:, unit], "b2": b[unit], "n": float(n), "ε": EPS}
    values = _computed({name: np.array(value) for name, value in given.items()}, rules)

    def move(name: str, entry: tuple[int, ...]) -> dict[str, Array]:
        moved = values[name].astype(complex)
        moved[entry or ...] += COMPLEX_STEP * 1j
        return _computed({**values, name: moved}, {k: r for k, r in rules.items() if k != name})

    @cache
    def gradient(name: str) -> Array:
        entries = np.ndindex(values[name].shape)
        slopes = [move(name, entry)["CE"].imag / COMPLEX_STEP for entry in entries]
        return np.reshape(slopes, values[name].shape)

    functions = {"relu": RELU.f, "relu'": RELU.derivative}
    return Point(values, functions, layer=LAYERS[1], gradient=gradient, seed=seed, move=move)


def _computed(given: Mapping[str, Array], rules: Rules) -> dict[str, Array]:
    """The given values with those of the rules, in their order."""
    values = dict(given)
    for name, rule in rules.items():
        values[name] = np.asarray(rule(values))
    return values
