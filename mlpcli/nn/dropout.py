"""Dropout masks: the factors of the images and the hidden layers in one step."""

from collections.abc import Sequence
from typing import Any

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
    rows: slice | None = None,
) -> Masks:
    """masks[i], (rows, widths[i]): 0 with probability p = rates[i], else 1 / (1 - p).

    The factor 1 / (1 - p) keeps the mean. rates: in [0, 1); 0 gives None and draws nothing from
    rng. rows: which of the n are wanted, by default all; they are the same as among all.
    Source: Srivastava et al. (2014), JMLR 15, sections 4 and 10 (the scaling in training).
    """
    first, stop, _ = (rows or slice(n)).indices(n)
    result: list[Array | None] = []
    for width, rate in zip(widths, rates, strict=True):
        threshold = LEVELS - min(round(rate * LEVELS), LEVELS - 1)
        if threshold == LEVELS:
            result.append(None)
            continue
        draws = _draws(n * width, first * width, stop * width, rng).reshape(stop - first, width)
        result.append(np.multiply(draws < threshold, LEVELS / threshold, dtype=dtype))
    return result


def _draws(n: int, first: int, stop: int, rng: np.random.Generator) -> Array:
    """Draws [first, stop) of n from 0 to LEVELS - 1; rng then stands behind all n."""
    # raw bits, four draws to a word: several times as fast as numbers of any distribution
    begin, end, words = first // 4, -(-stop // 4), -(-n // 4)
    bits: Any = rng.bit_generator
    if begin:
        bits.advance(begin)
    raw = np.asarray(bits.random_raw(end - begin))
    if words > end:
        bits.advance(words - end)
    return raw.view(np.uint16)[first - 4 * begin : stop - 4 * begin]
