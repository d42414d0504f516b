"""Is one run better than another, or is the difference within chance?"""

from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import numpy as np

from mlpcli.api import significance
from mlpcli.api.eval import Evaluation, Evaluations, evaluate
from mlpcli.errors import CheckpointError
from mlpcli.runs.folder import RunFolder

SIGNIFICANCE_LEVEL = 0.05  # a difference with this p-value or a larger one may be chance


class Comparison(NamedTuple):
    """Two runs, or two folders with runs of several seeds or folds, on the same images."""

    runs: tuple[str, str]  # their folders
    data: str  # name or path of the data set
    split: str  # test, validation or train
    weights: str  # best or last
    accuracy: tuple[float, float]  # fractions; means over the runs
    difference: float  # the second's accuracy minus the first's
    ci95: tuple[float, float]  # of the difference
    test: str  # mcnemar-exact, mcnemar-mid-p or paired-t
    p: float  # probability of such a difference, in either direction, were there none
    n: int  # images
    only: tuple[int, int] | None = None  # images that only the first, only the second gets right
    kind: str = "seed"  # what several runs differ in, or "fold"
    numbers: tuple[int, ...] = ()  # of those that both have; empty for two single runs

    @property
    def verdict(self) -> str:
        """Of the second: "better", "worse" or "cannot tell"."""
        if not self.p < SIGNIFICANCE_LEVEL:
            return "cannot tell"
        return "better" if self.difference > 0 else "worse"


def compare(
    first: Path,
    second: Path,
    *,
    split: str = "test",
    data: str | None = None,
    weights: str = "best",
    offline: bool = False,
) -> Comparison:
    """Two single runs image by image, or those of several seeds or folds one by one.

    The options are those of `evaluate`. Raises CheckpointError for one of each kind, for different
    images, and for fewer than two in common.
    """
    kinds = [RunFolder(folder).series_kind() for folder in (first, second)]
    if kinds[0] != kinds[1]:
        names = [f"holds several {kind}s" if kind else "is a single run" for kind in kinds]
        for folder, kind in zip((first, second), kinds, strict=True):
            if not kind:
                RunFolder(folder).require()
        raise CheckpointError(
            f"{first}: {names[0]}, but {second} {names[1]}; compare two of a kind"
        )
    a, b = (
        evaluate(folder, split=split, data=data, weights=weights, offline=offline)
        for folder in (first, second)
    )
    if isinstance(a, Evaluations) and isinstance(b, Evaluations):
        return _compare_series(a, b)
    assert isinstance(a, Evaluation)
    assert isinstance(b, Evaluation)
    return compare_evaluations(a, b)


def compare_evaluations(a: Evaluation, b: Evaluation) -> Comparison:
    """Two single runs image by image; raises CheckpointError for different images."""
    require_same_images(a, b)
    n, right_a, right_b = a.scores.n, a.scores.right, b.scores.right
    only = only_a, only_b = int(np.sum(right_a & ~right_b)), int(np.sum(right_b & ~right_a))
    test, p = significance.mcnemar(*only)
    return Comparison(
        runs=(a.run, b.run),
        data=a.data,
        split=a.split,
        weights=a.weights,
        accuracy=(a.accuracy, b.accuracy),
        difference=(only_b - only_a) / n,
        ci95=significance.difference(*only, n),
        test=test,
        p=p,
        n=n,
        only=only,
    )


def _compare_series(first: Evaluations, second: Evaluations) -> Comparison:
    numbers = tuple(number for number in first.results if number in second.results)
    if len(numbers) < 2:
        raise CheckpointError(
            f"{first.run} and {second.run}: expected at least two {first.kind}s in common, got "
            f"{len(numbers)}; `mlp train --seeds` counts from --seed"
        )
    pairs = [(first.results[number], second.results[number]) for number in numbers]
    for pair in pairs:
        require_same_images(*pair)
    differences = [(b.scores.correct - a.scores.correct) / a.scores.n for a, b in pairs]
    spread, (a, _) = significance.summary(differences), pairs[0]
    return Comparison(
        runs=(first.run, second.run),
        data=a.data,
        split=a.split,
        weights=a.weights,
        accuracy=(fmean(a.accuracy for a, _ in pairs), fmean(b.accuracy for _, b in pairs)),
        difference=spread.mean,
        ci95=spread.ci95,
        test="paired-t",
        p=significance.paired_t(differences),
        n=a.scores.n,
        kind=first.kind,
        numbers=numbers,
    )


def require_same_images(a: Evaluation, b: Evaluation) -> None:
    """Raise CheckpointError unless both runs were evaluated on the same images."""
    if a.images != b.images:
        hint = "choose one with --data" if a.data != b.data else "use --split test"
        raise CheckpointError(
            f"{a.run} and {b.run}: their images differ, the {a.split} splits of "
            f"{a.data} and {b.data}; {hint}"
        )
