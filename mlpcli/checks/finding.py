"""One mistake in a quantity, and its name: the first of several mistakes that gives its numbers.

The result under diagnosis, `got`, may have a wrong shape.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from mlpcli.checks import hypotheses
from mlpcli.checks.ground_truth import GroundTruth
from mlpcli.checks.hypotheses import Hypothesis
from mlpcli.checks.matching import MATCH_TOLERANCE, factor, fits, ratio, same
from mlpcli.nn import Array


class Finding(NamedTuple):
    """One mistake."""

    place: str  # the first wrong quantity, e.g. "grad_z2"
    kind: str  # a stable name for programs; "unknown" where no mistake fits
    text: str  # for people


def explain(
    truth: GroundTruth,
    place: str,
    got: Array,
    expected: Array,
    tried: Iterable[Hypothesis],
    *,
    common_part: Array | float = 0.0,
) -> Finding:
    """The first mistake that fits, a factor beside it allowed; "unknown" if none does.

    common_part: a term of both got and expected, which would hide a mistake in one row, column or
    entry of the rest.
    """
    n, classes = truth.problem.y.shape
    tried = [*tried]
    if not np.isfinite(got).all():
        return Finding(place, "non-finite", f"{place} has entries that are not finite")
    if not got.any():
        return Finding(place, "zero", f"{place} is zero everywhere")
    for kind, text, candidate in tried:
        if fits(candidate, got):
            return Finding(place, kind, f"{place}: {text}")
    if got.shape == expected.shape and (c := ratio(expected, got)) is not None:
        kind, text = factor(c, n, classes)
        return Finding(place, kind, f"{place} {text}")
    for kind, text, candidate in tried:
        if (c := ratio(candidate, got)) is not None and not same(c, 0):
            return Finding(place, kind, f"{place}: {text}, and it {factor(c, n, classes)[1]}")
    if got.shape != expected.shape:
        return Finding(place, "shape", f"{place} must have shape {expected.shape}, got {got.shape}")
    local = _local_mistake(place, got - common_part, expected - common_part, n)
    if local:
        return local
    for kind, text, candidate in hypotheses.of_any(expected, got):
        if fits(candidate, got):
            return Finding(place, kind, f"{place} {text}")
    text = f"{place} is the first wrong quantity; no common mistake explains it"
    return Finding(place, "unknown", text)


def _local_mistake(place: str, got: Array, expected: Array, n: int) -> Finding | None:
    """A mistake in one row, one column or one entry; got and expected have one shape."""
    wrong = np.abs(got - expected) > MATCH_TOLERANCE * np.abs(expected).max()
    if wrong.sum() == 1:
        at = tuple(int(axis[0]) for axis in np.nonzero(wrong))
        text = f"{place}{list(at)} alone is wrong: {got[at]:.6g} in place of {expected[at]:.6g}"
        return Finding(place, "one-entry", text)
    if wrong.ndim == 1:
        return None
    for axis, name in ((1, "row"), (0, "column")):
        where = np.flatnonzero(wrong.any(axis=axis))
        if len(where) == 1:
            part = got.take(where[0], axis=1 - axis)
            c = ratio(expected.take(where[0], axis=1 - axis), part)
            text = "is wrong" if c is None else factor(c, n)[1]
            return Finding(place, f"one-{name}", f"{name} {where[0]} of {place} {text}")
    return None
