"""How large each layer's weights are, and the gradient in them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.dataset import Split
from mlpcli.nn.engine import Engine
from mlpcli.nn.mlp import Params
from mlpcli.runs.batches import batches
from mlpcli.runs.settings import Config


def norms(
    engine: Engine,
    config: Config,
    split: Split,
    order: NDArray[Any],
    lit: NDArray[np.intp],
    *,
    epoch: int,
) -> tuple[list[float], list[float]]:
    """Frobenius norms of each W, and of the loss's gradient in it for the last images of order.

    The images are as the epoch saw them, and no unit is dropped. Mutates the engine's gradient,
    which the next step writes anew.
    """
    first = max(0, len(order) - config.train.batch_size)
    x, y = next(iter(batches(config, split, order, lit, epoch=epoch, first=first)))
    with np.errstate(all="ignore"):  # the next step refuses what is not finite
        engine.gradient(x, y)
        return _lengths(engine.params), _lengths(engine.grads)


def _lengths(layers: Params) -> list[float]:
    return [float(np.linalg.norm(W)) for W, _ in layers]
