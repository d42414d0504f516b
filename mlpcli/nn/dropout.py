"""Dropout masks: the factors of the images and the hidden layers in one step."""

from collections.abc import Sequence

import numpy as np

from mlpcli.nn import Array
from mlpcli.nn.mlp import Masks

LEVELS = 1 << 16  # values of a draw; a rate is rounded to a multiple of 1 / LEVELS


def masks(
    n: int,
    widths: Sequence[int],
    rates: Sequence[float],
    *,
    rng: np.random.Generator,
    dtype: str = "float32",
) -> Masks:
    """masks[i], (n, widths[i]): 0 with probability p = rates[i], else 1 / (1 - p).

    The factor 1 / (1 - p) keeps the mean. rates: in [0, 1); 0 gives None and draws nothing from
    rng. Source: Srivastava et al. (2014), JMLR 15, sections 4 and 10 (the scaling in training).
    """
    result: list[Array | None] = []
    for width, rate in zip(widths, rates, strict=True):
        threshold = LEVELS - min(round(rate * LEVELS), LEVELS - 1)
        if threshold == LEVELS:
            result.append(None)
            continue
        # raw bits, four draws to a word: several times as fast as numbers of any distribution
        raw = np.asarray(rng.bit_generator.random_raw(-(-n * width // 4)))
        draws = raw.view(np.uint16)[: n * width].reshape(n, width)
        result.append(np.multiply(draws < threshold, LEVELS / threshold, dtype=dtype))
    return result
