"""Is one run better than another, or can that not be told?"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mlpcli.errors import CheckpointError
from mlpcli.runs import record, several, statistics
from mlpcli.runs.evaluate import Evaluation

SIGNIFICANT = 0.05  # largest p-value that is not taken for chance


class Comparison(NamedTuple):
    """Two runs, or the runs of several seeds of two, on the same images."""

    runs: tuple[str, str]  # their folders
    data: str  # name or path of the data set
    split: str  # test, validation or train
    weights: str  # best or last
    accuracy: tuple[float, float]  # fractions; means over the seeds
    difference: float  # the second's accuracy minus the first's
    ci95: tuple[float, float]  # of the difference
    test: str  # mcnemar-exact, mcnemar-mid-p or paired-t
    p: float  # probability of such a difference, in either direction, were there none
    n: int  # images
    only: tuple[int, int] | None  # images that the first alone, the second alone gets right
    seeds: tuple[int, ...]  # that both have; empty for two single runs

    @property
    def verdict(self) -> str:
        """Of the second: "better", "worse" or "cannot tell"."""
        if not self.p < SIGNIFICANT:
            return "cannot tell"
        return "better" if self.difference > 0 else "worse"


def compare(first: Path, second: Path, judge: Callable[[Path], Evaluation]) -> Comparison:
    """Two single runs image by image, or those of several seeds seed by seed.

    judge: `evaluate` with its options. Raises CheckpointError for one of each kind, for other
    images, and for fewer than two seeds in common.
    """
    kinds = [bool(record.members(folder)) for folder in (first, second)]
    if all(kinds):
        return _seeds(first, second, judge)
    if any(kinds):
        one, many = (second, first) if kinds[0] else (first, second)
        record.require(one)
        raise CheckpointError(
            f"{one}: is a single run, but {many} holds runs of several seeds; compare two of a kind"
        )
    a, b = judge(first), judge(second)
    _same_images(a, b)
    right_a, right_b = a.scores.right, b.scores.right
    only_a, only_b = int(np.sum(right_a & ~right_b)), int(np.sum(right_b & ~right_a))
    test, p = statistics.mcnemar(only_a, only_b)
    return Comparison(
        runs=(a.run, b.run),
        data=a.data,
        split=a.split,
        weights=a.weights,
        accuracy=(a.scores.accuracy, b.scores.accuracy),
        difference=(only_b - only_a) / a.scores.n,
        ci95=statistics.difference(only_a, only_b, a.scores.n),
        test=test,
        p=p,
        n=a.scores.n,
        only=(only_a, only_b),
        seeds=(),
    )


def _seeds(first: Path, second: Path, judge: Callable[[Path], Evaluation]) -> Comparison:
    all_a, all_b = (several.evaluate(folder, judge).results for folder in (first, second))
    seeds = tuple(seed for seed in all_a if seed in all_b)
    if len(seeds) < 2:
        raise CheckpointError(
            f"{first} and {second}: expected at least two seeds in common, got {len(seeds)}; "
            "`mlp train --seeds` counts from --seed"
        )
    a, b = ([found[seed] for seed in seeds] for found in (all_a, all_b))
    for pair in zip(a, b, strict=True):
        _same_images(*pair)
    means = [statistics.summary([each.scores.accuracy for each in side]).mean for side in (a, b)]
    differences = [
        (each.scores.correct - other.scores.correct) / each.scores.n
        for other, each in zip(a, b, strict=True)
    ]
    found = statistics.summary(differences)
    return Comparison(
        runs=(str(first), str(second)),
        data=a[0].data,
        split=a[0].split,
        weights=a[0].weights,
        accuracy=(means[0], means[1]),
        difference=found.mean,
        ci95=found.ci95,
        test="paired-t",
        p=statistics.paired_t(differences),
        n=a[0].scores.n,
        only=None,
        seeds=seeds,
    )


def _same_images(a: Evaluation, b: Evaluation) -> None:
    if a.images != b.images:
        hint = "--data names one for both" if a.data != b.data else "--split test has the same"
        raise CheckpointError(
            f"{a.run} and {b.run}: are judged on different images, the {a.split} splits of "
            f"{a.data} and {b.data}; {hint}"
        )
