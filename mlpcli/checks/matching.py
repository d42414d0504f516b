"""Is one array another, a multiple of it, or a sum of two; and the words for what it is."""

import numpy as np

from mlpcli.nn import Array

FIT = 1e-9  # relative distance at which a mistake is taken to be the one that was made


def fits(expected: Array, got: Array) -> bool:
    """Whether two arrays agree to FIT, in units of the larger one's norm."""
    if expected.shape != got.shape:
        return False
    size = max(np.linalg.norm(expected), np.linalg.norm(got))
    return bool(np.linalg.norm(expected - got) <= FIT * size)


def ratio(base: Array, got: Array) -> float | None:
    """The number c for which c * base fits got."""
    size = np.vdot(base, base)
    if not size or base.shape != got.shape:
        return None
    c = float(np.vdot(base, got) / size)
    return c if np.linalg.norm(c * base - got) <= FIT * np.sqrt(size) * max(1, abs(c)) else None


def combination(first: Array, second: Array, got: Array) -> tuple[float, float] | None:
    """Numbers a, c for which a * first + c * second fits got."""
    if got.shape != first.shape or not second.any():
        return None
    basis = np.stack([first.ravel(), second.ravel()], axis=1)
    a, c = np.linalg.lstsq(basis, got.ravel(), rcond=None)[0].tolist()
    return (a, c) if fits(a * first + c * second, got) else None


def same(a: float, b: float) -> bool:
    """Whether two factors are one."""
    return abs(a - b) <= 10 * FIT * max(abs(a), abs(b), 1)


def factor(c: float, n: int) -> tuple[str, str]:
    """Kind and words for a result that is c times the right one, in a batch of n."""
    known = [
        (-1.0, "sign", "has the wrong sign"),
        (float(n), "factor-n", f"is {n} times too large: the batch is summed, not averaged"),
        (1 / n, "factor-1/n", f"is {n} times too small: divided by the batch size twice"),
        (2.0, "factor", "is 2 times too large"),
        (0.5, "factor", "is 2 times too small"),
        (0.0, "zero", "is zero"),
    ]
    for value, kind, text in known:
        if same(c, value) and not same(c, 1):
            return kind, text
    return "factor", f"is {c:.10g} times what it should be"
