"""How large each layer's weights are, and the gradient in them."""

import math

import numpy as np

from mlpcli.nn.engine import Engine
from mlpcli.nn.mlp import Params

Norms = tuple[float, ...] | None  # of each layer; None where one is not finite


def norms(engine: Engine, n: int, *place: int) -> tuple[Norms, Norms]:
    """Frobenius norms of each W, and of the loss's gradient in it for the n images at a place.

    Mutates the engine's gradient, which the next step writes anew.
    """
    with np.errstate(all="ignore"):  # the next step rejects non-finite values
        engine.gradient_at(n, *place)
        return _frobenius(engine.params), _frobenius(engine.grads)


def _frobenius(layers: Params) -> Norms:
    norms = tuple(float(np.linalg.norm(W)) for W, _ in layers)
    return norms if all(map(math.isfinite, norms)) else None
