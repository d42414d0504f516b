"""The time budget of a training: how much of it is used, and when to stop.

What follows the last step takes time too: a validation, and saving the result. A reserve is kept
for them and for one more step, by what each has taken lately. So the training ends on time however
slow the machine is, as long as it does not become slower in the end.
"""

import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

Part = Literal["step", "validation", "saving"]

RECENT = 5  # times of which the median counts, so that one that stalls says little of the next
MARGIN = 1.1  # times the median: to be late is worse than to be early
# of a share of the validation, of which the median counts: the first also starts processes, and
# more than two may take at most a share of the budget
MIN_TRIALS, TRIALS = 2, 4
MAX_TRIAL_SHARE = 0.02
MIN_LOSS, MIN_LOSS_SHARE = 0.15, 0.025  # seconds, and of the budget; less is not worth avoiding
TRIAL_SAVES = 2  # after as many first steps, of which the faster counts
# The end of a pass writes the last and the best weights, the metrics and the record, and the end of
# the training the record again; compared with a save of the last weights and the record, it takes
# 1.4 times as long where the bytes take the time, and 2.3 times where flushing a file does.
SAVES_IN_ENDING = 1.75


class Estimate:
    """How long something will take that has been measured before."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=RECENT)
        self.seconds = 0.0  # to allow for it; 0 before it has been measured

    def add(self, seconds: float) -> None:
        """It has taken so long."""
        self._times.append(seconds)
        self.seconds = MARGIN * statistics.median(self._times)


class TimeBudget:
    """Runs from its creation; without a limit, no time is used and it is never up."""

    def __init__(self, limit: float | None, *, used: float = 0.0) -> None:
        """limit: seconds; used: seconds of it used by earlier processes."""
        self.limit = limit
        self._zero = time.perf_counter() - used
        self._estimates: dict[Part, Estimate] = {
            "step": Estimate(),
            "validation": Estimate(),
            "saving": Estimate(),
        }
        self._done = 0.0
        self._saves: list[float] = []

    def used(self) -> float:
        """Seconds of the budget that are used."""
        return 0.0 if self.limit is None else time.perf_counter() - self._zero

    def done(self) -> float:
        """Fraction, in [0, 1], of the time for steps; it never falls."""
        if self.limit is None:
            return 0.0
        for_steps = max(self.limit - self._reserve(), 1e-9)  # never 0 / 0
        self._done = max(self._done, min(1.0, self.used() / for_steps))
        return self._done

    def is_up(self, *, saving: bool = False) -> bool:
        """Whether no step fits in any more, with what follows it.

        saving: whether what has been validated has yet to be saved.
        """
        if self.limit is None:
            return False
        before = self._estimates["saving"].seconds if saving else 0.0
        return self.used() + before + self._reserve() >= self.limit

    def prefers_steps(self) -> bool:
        """Whether a validation now, at the end of a pass, would leave time that nothing fits into.

        Then the training does better to go on until only one validation fits in.
        """
        if self.limit is None:
            return False
        saving, reserve = self._estimates["saving"].seconds, self._reserve()
        left = self.limit - self.used() - reserve
        lost = max(MIN_LOSS, MIN_LOSS_SHARE * self.limit)
        return lost < left < reserve and saving < left

    @contextmanager
    def measured(self, part: Part) -> Iterator[None]:
        """Measures a part of the training."""
        started = time.perf_counter()
        yield
        self._estimates[part].add(time.perf_counter() - started)

    def try_validation(self, trial: Callable[[], object], *, share: float) -> None:
        """Measures a share of a validation by a trial, repeated if it does not take long."""
        took: list[float] = []
        enough = MAX_TRIAL_SHARE * (self.limit or 0.0)
        while len(took) < MIN_TRIALS or (len(took) < TRIALS and sum(took) < enough):
            started = time.perf_counter()
            trial()
            took.append(time.perf_counter() - started)
        self._estimates["validation"].add(statistics.median_low(took) / share)

    @contextmanager
    def after_step(self) -> Iterator[None]:
        """Measures what the caller does after the first TRIAL_SAVES steps: it saves."""
        started = time.perf_counter()
        yield
        if len(self._saves) < TRIAL_SAVES:
            self._saves.append(time.perf_counter() - started)
            self._estimates["saving"] = Estimate()
            self._estimates["saving"].add(SAVES_IN_ENDING * min(self._saves))

    def _reserve(self) -> float:
        """Seconds for one more step and what follows it."""
        return sum(each.seconds for each in self._estimates.values())
