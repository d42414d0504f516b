"""Where each parameter lies in the flat vector that the engine trains.

The biases come first, then the weights that training data can reach, then the rows of W1 that
belong to dark inputs: those that are zero in every training image. So all weights are one slice:
they decay, biases do not.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli.nn import Array
from mlpcli.nn.mlp import Layer, Params

BLOCK = 1 << 17  # weights updated at once: 512 kB, so that both vectors of SGD stay in the cache
FEWEST = 64  # rows of a block; with fewer, a matrix product hardly pays


class Block(NamedTuple):
    """Parameters that are updated together: some rows of a layer's W, or all biases."""

    layer: int | None  # None: the biases
    rows: slice  # of W; for the first layer, W1 in the order of the vector, dark inputs last
    flat: slice  # where they lie in the flat vector


class Layout:
    """The order of parameters in a flat vector; `weights` and `dark` are its slices."""

    def __init__(self, sizes: Sequence[int], lit: NDArray[np.intp]) -> None:
        """sizes: width of every layer, input first; lit: the inputs in use."""
        self.sizes = tuple(sizes)
        self.lit = lit
        self.unlit = np.setdiff1d(np.arange(sizes[0]), lit)
        widths = (len(lit), *sizes[1:])
        self._biases = [(size,) for size in sizes[1:]]
        self._weights = list(itertools.pairwise(widths))
        count = sum(sizes[1:])
        end = count + sum(fan_in * fan_out for fan_in, fan_out in self._weights)
        self.length = end + len(self.unlit) * sizes[1]
        self.weights = slice(count, self.length)
        self.dark = slice(end, self.length)

    def views(self, flat: Array) -> Params:
        """The parts of a flat vector as layers; W1 has the rows of lit inputs alone."""
        parts = _cut(flat, [*self._biases, *self._weights])
        layers = len(self._biases)
        return tuple(Layer(W, b) for b, W in zip(parts[:layers], parts[layers:], strict=True))

    def blocks(self, *, dark: bool) -> Iterator[Block]:
        """All parameters, large blocks first; dark: with the rows of dark inputs."""
        end = self.weights.start
        for layer, (fan_in, fan_out) in enumerate(self._weights):
            yield from _row_blocks(layer, 0, end, fan_in, fan_out)
            end += fan_in * fan_out
        if dark:
            yield from _row_blocks(0, len(self.lit), end, len(self.unlit), self.sizes[1])
        yield Block(None, slice(0), slice(0, self.weights.start))

    def read(self, flat: Array) -> Params:
        """A copy of the whole parameters in a flat vector, W1 with all its rows in order."""
        first, *rest = self.views(flat)
        W1 = np.empty((self.sizes[0], self.sizes[1]), flat.dtype)
        W1[self.lit] = first.W
        W1[self.unlit] = flat[self.dark].reshape(-1, self.sizes[1])
        return Layer(W1, first.b.copy()), *(Layer(W.copy(), b.copy()) for W, b in rest)

    def write(self, params: Params, flat: Array) -> None:
        """Mutates flat: puts whole parameters into it, such as `read` returns."""
        W1 = params[0].W
        flat[self.dark] = W1[self.unlit].ravel()
        given = (Layer(W1[self.lit], params[0].b), *params[1:])
        for mine, theirs in zip(self.views(flat), given, strict=True):
            mine.W[:], mine.b[:] = theirs


def _row_blocks(layer: int, first: int, start: int, fan_in: int, fan_out: int) -> Iterator[Block]:
    """Blocks of fan_in rows of W; the first is row `first`, at `start` in the vector."""
    step = max(FEWEST, BLOCK // fan_out)
    for row in range(0, fan_in, step):
        stop = min(row + step, fan_in)
        flat = slice(start + row * fan_out, start + stop * fan_out)
        yield Block(layer, slice(first + row, first + stop), flat)


def _cut(flat: Array, shapes: Iterable[tuple[int, ...]]) -> list[Any]:
    """Views of these shapes, one after another, into the beginning of flat."""
    views, start = [], 0
    for shape in shapes:
        end = start + int(np.prod(shape))
        views.append(flat[start:end].reshape(shape))
        start = end
    return views
