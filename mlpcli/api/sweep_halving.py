"""Successive halving: the rungs at which trials pause, and the configs that go on."""

import math
from collections.abc import Iterator, Sequence
from statistics import fmean

from mlpcli.api.sweep import Planned
from mlpcli.api.sweep_plan import Trial
from mlpcli.config.sweep_file import Halving


def rungs(halving: Halving, epochs: int) -> list[int]:
    """The epochs after which only the best go on.

    >>> rungs(Halving(type="halving", min_iter=1, eta=3), 20)
    [1, 3, 9]
    """
    found, at = list[int](), halving.min_iter
    while at < epochs:
        found.append(at)
        at *= halving.eta
    return found


def rounds(
    planned: Planned, scores: dict[str, float | None]
) -> Iterator[tuple[int | None, list[Trial]]]:
    """The trials of each rung, and the epochs after which they pause; last, those that finish.

    scores: by the time the next round is asked for, those of the trials that have come so far.
    """
    trials = planned.trials
    if planned.halving:
        for until in rungs(planned.halving, trials[0].config.train.epochs):
            yield until, trials
            trials = survivors(trials, scores, planned.halving.eta)
    yield None, trials


def survivors(trials: Sequence[Trial], scores: dict[str, float | None], eta: int) -> list[Trial]:
    """The trials of the best of so many configs, by the mean over their seeds.

    Of equal ones, the first in the plan; a config with a trial that failed is none of them.
    """
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        groups.setdefault(trial.group, []).append(trial)
    means: dict[str, float] = {}
    for name, members in groups.items():
        values = [scores.get(member.address) for member in members]
        if all(value is not None for value in values):
            means[name] = fmean(value for value in values if value is not None)
    best = sorted(means, key=lambda name: -means[name])[: math.ceil(len(groups) / eta)]
    return [trial for trial in trials if trial.group in best]
