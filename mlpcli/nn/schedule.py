"""The learning rate as a factor of its configured value, a function of progress in [0, 1]."""

import math
from collections.abc import Callable, Sequence

Schedule = Callable[[float], float]


def constant(progress: float) -> float:
    """Always 1."""
    return 1.0


def step(at: Sequence[float], factor: float) -> Schedule:
    """1 at first, multiplied by factor at each of these points.

    Source: He et al. (2015), arXiv:1512.03385, section 4.2, there at 1/2 and 3/4.

    >>> [round(step([0.5, 0.75], 0.1)(p), 3) for p in (0, 0.5, 0.7, 1)]
    [1.0, 0.1, 0.1, 0.01]
    """
    return lambda progress: float(factor ** sum(progress >= point for point in at))


def cosine(progress: float) -> float:
    """Falls from 1 to 0 along half a cosine.

    Source: Loshchilov and Hutter (2017), arXiv:1608.03983, eq. 5, without restarts.

    >>> [round(cosine(p), 3) for p in (0, 0.5, 1)]
    [1.0, 0.5, 0.0]
    """
    return (1 + math.cos(math.pi * progress)) / 2


def one_cycle(peak: float, start: float) -> Schedule:
    """Rises linearly from start to 1 at the peak, falls as long to start, then falls to 0.

    peak: in (0, 0.5]. The momentum is not cycled.
    Source: Smith (2018), arXiv:1803.09820, section 4.1.

    >>> [round(one_cycle(0.4, 0.1)(p), 3) for p in (0, 0.4, 0.8, 0.9, 1)]
    [0.1, 1.0, 0.1, 0.05, 0.0]
    """

    def rate(progress: float) -> float:
        if progress <= 2 * peak:
            return 1 - (1 - start) * abs(progress - peak) / peak
        return start * (1 - progress) / (1 - 2 * peak)

    return rate


def with_warmup(schedule: Schedule, warmup: float) -> Schedule:
    """Rises linearly from 0 during this fraction of the training; then the schedule begins.

    Source: Goyal et al. (2017), arXiv:1706.02677, section 2.2.

    >>> [round(with_warmup(cosine, 0.2)(p), 3) for p in (0, 0.1, 0.2, 0.6, 1)]
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """

    def rate(progress: float) -> float:
        if progress < warmup:
            return progress / warmup
        return schedule((progress - warmup) / (1 - warmup))

    return rate
