"""Dropout masks: what multiplies the images and the hidden layers of one step."""

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
    """masks[i], (n, widths[i]): 0 with probability rates[i], else what keeps the mean, 1 / (1 - p).

    rates: fractions in [0, 1); 0 gives None, and takes nothing from rng.
    Source: Srivastava et al. (2014), JMLR 15, sections 4 and 10 (the scaling in training).
    """
    made: list[Array | None] = []
    for width, rate in zip(widths, rates, strict=True):
        kept = LEVELS - min(round(rate * LEVELS), LEVELS - 1)
        if kept == LEVELS:
            made.append(None)
            continue
        # raw bits, four draws to a word: several times as fast as numbers of any distribution
        raw = np.asarray(rng.bit_generator.random_raw(-(-n * width // 4)))
        draws = raw.view(np.uint16)[: n * width].reshape(n, width)
        made.append(np.multiply(draws < kept, LEVELS / kept, dtype=dtype))
    return made
