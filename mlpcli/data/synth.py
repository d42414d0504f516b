"""Digits drawn from strokes: a data set of any size that needs no download.

A digit is a few curves through control points. Each image moves the points, shears, rotates,
scales and shifts the whole, chooses a pen width and adds noise. A stroke is many short segments,
and ink falls off around each like a Gaussian; a Gaussian is the product of a row and a column, so
one small matrix product draws all segments of an image.

Images are drawn in blocks of BLOCK_SIZE, each from its own random stream: image i of a split
depends on (seed, i) alone, so any range can be drawn in any order, in parts, and in parallel.
"""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

SIDE = 28  # pixels
BLOCK_SIZE = 500  # images
CLASSES = tuple("0123456789")
SIZES = {"train": 20_000, "test": 10_000}  # images by default
SEED = 0  # of the data set `synth`: every run sees the same images, as with a published set

# The ways to write each digit, in order: strokes separated by "|", each the points x,y that the pen
# passes, in hundredths of the digit's width and height, y downward. A point twice is a corner.
GLYPHS = (
    (0, "50,0 10,25 10,75 50,100 90,75 90,25 50,0"),
    (0, "60,5 20,20 10,70 45,100 85,70 80,20 45,10"),
    (1, "50,0 50,50 50,100"),
    (1, "25,25 55,0 55,0 55,50 55,100"),
    (1, "25,25 50,0 50,0 50,50 50,100 | 20,100 50,100 80,100"),
    (2, "15,25 45,0 85,25 55,65 10,100 10,100 50,97 90,100"),
    (2, "15,20 50,0 85,25 60,65 25,95 12,85 30,75 55,90 95,95"),
    (3, "15,15 50,0 85,22 45,47 45,47 90,72 50,100 10,85"),
    (3, "15,0 50,0 85,0 85,0 45,40 45,40 90,65 50,100 10,88"),
    (4, "25,0 12,55 12,55 50,55 92,52 | 70,5 68,50 66,100"),
    (4, "70,100 70,50 70,0 70,0 35,40 8,68 8,68 50,68 95,68"),
    (5, "85,0 50,0 20,0 20,0 17,42 17,42 55,35 88,65 55,100 10,90"),
    (5, "20,5 18,40 18,40 60,38 85,70 50,100 10,88 | 20,5 50,5 90,0"),
    (6, "75,0 35,25 12,65 30,97 70,97 85,72 55,50 20,70"),
    (6, "55,0 20,40 15,80 50,100 85,80 60,55 18,75"),
    (7, "10,5 50,3 90,0 90,0 60,50 40,100"),
    (7, "10,5 50,3 90,0 90,0 60,50 40,100 | 35,50 55,50 80,48"),
    (8, "80,15 50,0 20,22 50,48 85,75 50,100 15,77 50,48 82,20 65,2"),
    (8, "50,0 20,22 50,47 80,22 50,0 | 50,47 12,75 50,100 88,75 50,47"),
    (9, "82,20 50,0 15,25 45,50 82,25 82,20 80,60 60,100"),
    (9, "80,30 45,50 15,22 50,0 82,15 82,50 72,85 30,100"),
)
SEGMENTS = 56  # of each glyph
MAX_CONTROLS = 11  # control points of a glyph


class GlyphTable(NamedTuple):
    """Every glyph, as `_draw_block` needs it."""

    points: NDArray[Any]  # (glyphs, MAX_CONTROLS, 2), padded with zeros
    curve: NDArray[Any]  # (glyphs, SEGMENTS + 1, MAX_CONTROLS), from points to the curve's points
    pen_down: NDArray[Any]  # (glyphs, SEGMENTS), 0 where the pen is lifted
    first: NDArray[Any]  # (10,), index of each digit's first glyph
    counts: NDArray[Any]  # (10,), number of glyphs of each digit


def split(name: str, count: int | None = None) -> tuple[NDArray[np.uint8], NDArray[np.int64], str]:
    """Images (n, 28, 28) and labels (n,) of "train" or "test", and the SHA-256 of both."""
    images, labels = draw(name, 0, SIZES[name] if count is None else count)
    return images, labels, checksum(images, labels)


def checksum(images: NDArray[np.uint8], labels: NDArray[np.int64]) -> str:
    """The SHA-256 of images and labels."""
    digest = hashlib.sha256(images.data)
    digest.update(labels.data)
    return digest.hexdigest()


def draw(
    split: str, first: int, last: int, *, seed: int = SEED
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images first to last - 1 of a split: uint8 (n, 28, 28), and their labels (n,).

    >>> images, _ = draw("train", 0, 20)
    >>> np.array_equal(images[7:], draw("train", 7, 20)[0])
    True
    """
    images = np.empty((last - first, SIDE, SIDE), np.uint8)
    labels = np.empty(last - first, np.int64)

    def fill(block: int) -> None:
        block_images, block_labels = _draw_block(split, block, seed)
        start = block * BLOCK_SIZE
        inside = slice(max(first - start, 0), min(last - start, BLOCK_SIZE))
        target = slice(start + inside.start - first, start + inside.stop - first)
        images[target], labels[target] = block_images[inside], block_labels[inside]

    blocks = range(first // BLOCK_SIZE, -(-last // BLOCK_SIZE))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(fill, blocks))
    return images, labels


def _draw_block(split: str, block: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """BLOCK_SIZE images, uint8 (n, 28, 28), and their labels (n,)."""
    table = _glyph_table()
    key = (list(SIZES).index(split), block)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
    labels = rng.integers(len(CLASSES), size=BLOCK_SIZE)
    glyph = table.first[labels] + rng.integers(0, table.counts[labels])
    points = table.points[glyph] + rng.normal(0, 0.045, (BLOCK_SIZE, MAX_CONTROLS, 2))
    curve = _transform(table.curve[glyph] @ points, rng)
    start, end = curve[:, :-1], curve[:, 1:]
    length = np.linalg.norm(end - start, axis=2) * table.pen_down[glyph]
    return _rasterize((start + end) / 2, length, rng), labels


def _transform(curve: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """Curves (n, points, 2) in the unit square, each mapped to pixels by its own affine map."""
    n = len(curve)
    width, height = rng.normal(13, 2.2, n), rng.normal(19, 1.4, n)
    angle, shear = rng.normal(0, 0.13, n), rng.normal(0.12, 0.22, n)
    cos, sin = np.cos(angle), np.sin(angle)
    x = (curve[..., 0] - 0.5) * width[:, None]
    y = (curve[..., 1] - 0.5) * height[:, None]
    x = x - shear[:, None] * y
    center = (SIDE - 1) / 2 + rng.normal(0, 1.1, (n, 1, 2))
    rotated = np.stack(
        [cos[:, None] * x - sin[:, None] * y, sin[:, None] * x + cos[:, None] * y], axis=2
    )
    return rotated - (rotated.max(1, keepdims=True) + rotated.min(1, keepdims=True)) / 2 + center


def _rasterize(
    midpoint: NDArray[Any], length: NDArray[Any], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Gray images (n, 28, 28) of segments.

    midpoint: (n, segments, 2), (x, y) of each; length: (n, segments); both in pixels.
    """
    n = len(midpoint)
    width = np.clip(rng.normal(1.05, 0.22, n), 0.6, 1.8).astype(np.float32)[:, None, None]
    pixel = np.arange(SIDE, dtype=np.float32)
    exponent = np.float32(-0.5) / width[..., None] ** 2
    # (n, 2, SIDE, segments): the ink of each segment in each column and each row of pixels
    ink_xy = midpoint.astype(np.float32).transpose(0, 2, 1)[:, :, None, :] - pixel[:, None]
    np.exp(np.square(ink_xy, out=ink_xy) * exponent, out=ink_xy)
    weighted = ink_xy[:, 1] * length[:, None, :].astype(np.float32)
    ink = weighted @ ink_xy[:, 0].transpose(0, 2, 1)
    ink *= rng.uniform(0.55, 0.9, (n, 1, 1)).astype(np.float32) / width
    np.minimum(ink, 1, out=ink)
    ink += rng.standard_normal(ink.shape, np.float32) * np.float32(0.09)
    ink[ink < 0.1] = 0  # a black background, as in MNIST, apart from specks
    return (np.minimum(ink, 1) * 255).astype(np.uint8)


@cache
def _glyph_table() -> GlyphTable:
    """GLYPHS as arrays; each stroke gets segments in proportion to its length."""
    points = np.zeros((len(GLYPHS), MAX_CONTROLS, 2))
    curve = np.zeros((len(GLYPHS), SEGMENTS + 1, MAX_CONTROLS))
    pen_down = np.zeros((len(GLYPHS), SEGMENTS))
    for g, (_, glyph) in enumerate(GLYPHS):
        strokes = [[_point(text) for text in stroke.split()] for stroke in glyph.split("|")]
        row = column = 0
        lengths = [sum(np.hypot(*np.subtract(b, a)) for a, b in pairwise(s)) for s in strokes]
        ends = np.rint(np.cumsum(lengths) / sum(lengths) * (SEGMENTS + 1)).astype(int)
        for stroke, end in zip(strokes, ends, strict=True):
            k = len(stroke)
            points[g, column : column + k] = stroke
            curve[g, row:end, column : column + k] = _catmull_rom(k, end - row)
            pen_down[g, row : end - 1] = 1
            row, column = end, column + k
    counts = np.bincount([digit for digit, _ in GLYPHS])
    return GlyphTable(points, curve, pen_down, np.cumsum(counts) - counts, counts)


def _point(text: str) -> tuple[float, float]:
    x, y = text.split(",")
    return int(x) / 100, int(y) / 100


def _catmull_rom(k: int, n: int) -> NDArray[Any]:
    """Matrix (n, k) from k control points to n points of the smooth curve through them.

    Source: Catmull and Rom (1974), the uniform cubic; the ends are repeated.
    """
    t = np.linspace(0, k - 1, n)
    left = np.minimum(t.astype(int), k - 2)
    u = t - left
    weights = (
        -u / 2 + u**2 - u**3 / 2,
        1 - 2.5 * u**2 + 1.5 * u**3,
        u / 2 + 2 * u**2 - 1.5 * u**3,
        -(u**2) / 2 + u**3 / 2,
    )
    matrix = np.zeros((n, k))
    for offset, weight in zip((-1, 0, 1, 2), weights, strict=True):
        np.add.at(matrix, (np.arange(n), np.clip(left + offset, 0, k - 1)), weight)
    return matrix
