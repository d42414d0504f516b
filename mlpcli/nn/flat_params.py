"""Where each parameter lies in the flat vector that the engine trains.

The biases come first, then the weights that the training data can reach, then the rows of W1 that
belong to inactive inputs: those that are zero in every training image. So all weights are one
slice: they decay, biases do not.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli.nn import Array
from mlpcli.nn.mlp import Layer, Params

BLOCK_SIZE = 1 << 16  # weights: 256 kB, so that they, gradient and state stay in the cache
MIN_BLOCK_SIZE = 1 << 13  # with fewer weights, a matrix product hardly pays
BLOCKS_PER_MEMBER = 3  # at least, so that all end at about the same time


class Block(NamedTuple):
    """Parameters that are updated together: some rows of a layer's W, or all biases."""

    layer: int | None  # None: the biases
    rows: slice  # of W; for the first layer, W1 in the order of the vector, inactive inputs last
    flat: slice  # where they lie in the flat vector


class FlatLayout:
    """The order of parameters in a flat vector, of which its attributes are slices."""

    def __init__(self, sizes: Sequence[int], active_inputs: NDArray[np.intp]) -> None:
        """Sizes are the widths of all layers, input first; active_inputs are indices, (k,)."""
        self.sizes, self.active_inputs = tuple(sizes), active_inputs
        self.inactive_inputs = np.setdiff1d(np.arange(sizes[0]), active_inputs)
        widths = (len(active_inputs), *sizes[1:])
        self._bias_shapes = [(size,) for size in sizes[1:]]
        self._weight_shapes = list(itertools.pairwise(widths))
        ends = list(itertools.accumulate(sizes[1:], initial=0))
        self.biases = [slice(*pair) for pair in itertools.pairwise(ends)]  # of each layer
        start = ends[-1]
        end = start + sum(fan_in * fan_out for fan_in, fan_out in self._weight_shapes)
        self.length = end + len(self.inactive_inputs) * sizes[1]
        self.weights = slice(start, self.length)
        self.inactive_weights = slice(end, self.length)

    def views(self, flat: Array) -> Params:
        """Views into a flat vector (length,) as layers; W1 has the rows of active inputs alone."""
        views, start = [], 0
        for shape in (*self._bias_shapes, *self._weight_shapes):
            end = start + math.prod(shape)
            views.append(flat[start:end].reshape(shape))
            start = end
        depth = len(self._bias_shapes)
        return tuple(Layer(W, b) for b, W in zip(views[:depth], views[depth:], strict=True))

    def blocks(self, members: int, *, inactive: bool) -> Iterator[Block]:
        """All parameters, layer by layer, in pieces for so many members to share.

        inactive: with the rows of inactive inputs.
        """
        start = self.weights.start
        size = max(1, (self.length - start) // (BLOCKS_PER_MEMBER * members))
        size = min(BLOCK_SIZE, max(MIN_BLOCK_SIZE, 1 << size.bit_length() - 1))
        for layer, (fan_in, fan_out) in enumerate(self._weight_shapes):
            yield from _row_blocks(layer, 0, start, fan_in, fan_out, size)
            start += fan_in * fan_out
        if inactive:
            first, count = len(self.active_inputs), len(self.inactive_inputs)
            yield from _row_blocks(0, first, start, count, self.sizes[1], size)
        yield Block(None, slice(0), slice(0, self.weights.start))

    def read(self, flat: Array) -> Params:
        """A copy of all parameters in a flat vector (length,), W1 with all its rows in order."""
        first, *others = self.views(flat)
        W1 = np.empty((self.sizes[0], self.sizes[1]), flat.dtype)
        W1[self.active_inputs] = first.W
        W1[self.inactive_inputs] = flat[self.inactive_weights].reshape(-1, self.sizes[1])
        return Layer(W1, first.b.copy()), *(Layer(W.copy(), b.copy()) for W, b in others)

    def write(self, params: Params, flat: Array) -> None:
        """Mutates flat, (length,): copies all parameters into it, such as `read` returns."""
        W1 = params[0].W
        flat[self.inactive_weights] = W1[self.inactive_inputs].ravel()
        sources = (Layer(W1[self.active_inputs], params[0].b), *params[1:])
        for view, source in zip(self.views(flat), sources, strict=True):
            view.W[:], view.b[:] = source


def _row_blocks(
    layer: int, first: int, start: int, fan_in: int, fan_out: int, size: int
) -> Iterator[Block]:
    """Blocks of fan_in rows of W; the first is row `first`, at `start` in the vector.

    size: about how many weights are in a block.
    """
    step = max(1, size // fan_out)
    for row in range(0, fan_in, step):
        stop = min(row + step, fan_in)
        flat = slice(start + row * fan_out, start + stop * fan_out)
        yield Block(layer, slice(first + row, first + stop), flat)
