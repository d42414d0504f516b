"""How much of the differences between configs each parameter explains alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlpcli.api.sweep_results import Results, Row

MAX_GROUPS = 6  # values of a number that are compared as groups; more, by their ranks


def ranked_rows(found: Results) -> list[Row]:
    """The configs that have finished, best first."""
    return [row for row in found.rows if row.rank is not None]


def importance(found: Results) -> dict[str, float | None]:
    """By parameter, the share of the variance of the metric that it explains alone, in [0, 1].

    Of a few values, the variance between their means (eta squared); of many numbers, the squared
    rank correlation. Shares of different parameters need not add up to 1. None where it cannot be
    said: where there are fewer than three configs, or all are equal.
    """
    rows = ranked_rows(found)
    keys = list(rows[0].parameters) if rows else []
    means = np.array([row.mean or 0.0 for row in rows])
    if len(rows) < 3 or not np.ptp(means):
        return dict.fromkeys(keys)
    return {key: _share([row.parameters[key] for row in rows], means) for key in keys}


def _share(values: Sequence[Any], means: "np.ndarray[Any, Any]") -> float | None:
    names = list(map(str, values))
    distinct = set(names)
    if len(distinct) < 2:
        return None
    numeric = all(isinstance(value, int | float) for value in values)
    if numeric and len(distinct) > MAX_GROUPS:
        correlation = np.corrcoef(_ranks(np.array(values, float)), _ranks(means))[0, 1]
        return float(correlation**2)
    if len(distinct) == len(names):  # each value once: nothing is known about chance
        return None
    groups = [means[[name == each for name in names]] for each in distinct]
    between = sum(len(group) * (group.mean() - means.mean()) ** 2 for group in groups)
    return float(between / np.sum((means - means.mean()) ** 2))


def _ranks(values: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """Ranks from 0, the mean rank for equal values."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    first = np.cumsum(counts) - counts
    return (first + (counts - 1) / 2)[inverse]
