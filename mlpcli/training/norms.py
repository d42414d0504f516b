"""How large each layer's weights are, and the gradient in them."""

import math

import numpy as np
from numpy.typing import NDArray

from mlpcli.config.schema import Config
from mlpcli.nn.engine import Engine
from mlpcli.nn.mlp import Params
from mlpcli.training.loader import TrainingData, batch_maker

Norms = tuple[float, ...] | None  # of each layer; None where one is not finite


def norms(
    engine: Engine, config: Config, data: TrainingData, order: NDArray[np.intp], *, epoch: int
) -> tuple[Norms, Norms]:
    """Frobenius norms of each W, and of the loss's gradient in it for the last images of order.

    order: (n,), rows of the split. The images are as the epoch saw them, and no unit is dropped.
    Mutates the engine's gradient, which the next step writes anew.
    """
    start = max(0, len(order) - config.train.batch_size)
    x, y = batch_maker(config, data, order, epoch=epoch)(start)
    with np.errstate(all="ignore"):  # the next step rejects non-finite values
        engine.gradient(x, y)
        return _frobenius(engine.params), _frobenius(engine.grads)


def _frobenius(layers: Params) -> Norms:
    norms = tuple(float(np.linalg.norm(W)) for W, _ in layers)
    return norms if all(map(math.isfinite, norms)) else None
