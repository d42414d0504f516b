"""The time budget of a training: how much of it is used, and when its end must begin."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

MARGIN = 1.5  # times the longest ending so far: the next may take longer, as saving joins the first


class TimeBudget:
    """Runs from when it is made; without a budget, no time is ever used and it is never up."""

    def __init__(self, limit: float | None, *, used: float = 0.0) -> None:
        """limit: seconds; used: those of it that earlier processes took."""
        self.limit = limit
        self._zero = time.perf_counter() - used
        self._ending = 0.0  # seconds that an ending may take

    def used(self) -> float:
        """Seconds of the budget that are used."""
        return 0.0 if self.limit is None else time.perf_counter() - self._zero

    def done(self) -> float:
        """Fraction, in [0, 1], of the time for steps, which leaves out one ending."""
        if self.limit is None:
            return 0.0
        return min(1.0, self.used() / max(self.limit - self._ending, 1e-9))  # never 0 / 0

    def is_up(self, *, endings: int = 1) -> bool:
        """Whether no step fits in before so many more endings."""
        return self.limit is not None and self.used() + endings * self._ending >= self.limit

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Around what follows the steps of a pass: the time that later endings may take."""
        started = time.perf_counter()
        yield
        self._ending = max(self._ending, MARGIN * (time.perf_counter() - started))
