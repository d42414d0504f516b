"""Whether one array equals another, a multiple of it or a sum of two, and the words for a factor.

All arrays of a comparison have one shape, which may be any.
"""

import numpy as np

from mlpcli.nn import Array

MATCH_TOLERANCE = 1e-9  # relative distance up to which a mistake explains a wrong result
PROBE_TOLERANCE = 1e-6  # the same for a product with a random vector, before all is compared


def fits(expected: Array, got: Array, *, tolerance: float = MATCH_TOLERANCE) -> bool:
    """Whether two arrays agree, relative to the larger of their norms.

    Never where a norm overflows, and only if equal where both underflow: any two arrays are close
    relative to infinity, and any two tiny ones have the distance zero.
    """
    if expected.shape != got.shape:
        return False
    norm = max(np.linalg.norm(expected), np.linalg.norm(got))
    if not norm:
        return np.array_equal(expected, got)
    return bool(np.linalg.norm(expected - got) <= tolerance * norm < np.inf)


def ratio(base: Array, got: Array, *, tolerance: float = MATCH_TOLERANCE) -> float | None:
    """The number c for which c * base fits got; None if there is none."""
    square = np.vdot(base, base)
    if not square or base.shape != got.shape:
        return None
    c = float(np.vdot(base, got) / square)
    distance = np.linalg.norm(c * base - got)
    return c if distance <= tolerance * np.sqrt(square) * max(1, abs(c)) else None


def combination(first: Array, second: Array, got: Array) -> tuple[float, float] | None:
    """The numbers a, c for which a * first + c * second fits got; None if there are none."""
    if got.shape != first.shape or not second.any():
        return None
    basis = np.stack([first.ravel(), second.ravel()], axis=1)
    a, c = np.linalg.lstsq(basis, got.ravel(), rcond=None)[0].tolist()
    return (a, c) if fits(a * first + c * second, got) else None


def same(a: float, b: float) -> bool:
    """Whether two factors are equal, up to rounding."""
    return abs(a - b) <= 10 * MATCH_TOLERANCE * max(abs(a), abs(b), 1)


def factor(c: float, n: int, classes: int = 0) -> tuple[str, str]:
    """Kind and words for a result that is c times the right one, in a batch of n."""
    common = [
        (-1.0, "sign", "has the wrong sign: it is right only if your update adds it"),
        (float(n), "factor-n", f"is {n} times too large: the batch is summed, not averaged"),
        (1 / n, "factor-1/n", f"is {n} times too small: divided by the batch size twice"),
        (2.0, "factor", "is 2 times too large"),
        (0.5, "factor", "is 2 times too small"),
        (0.0, "zero", "is zero"),
    ]
    if classes:
        wide = "is divided by the number of classes"
        common += [(1 / classes, "factor-classes", f"{wide} as well")]
        common += [(n / classes, "factor-classes", f"{wide}, not by that of the images")]
    for value, kind, text in common:
        if same(c, value) and not same(c, 1):
            return kind, text
    if c < 0 and not same(c, 0):
        return "factor", f"has the wrong sign, and {factor(-c, n, classes)[1]}"
    return "factor", f"is {c:.10g} times what it should be"
