"""The learning rate as a factor of its configured value, a function of progress in [0, 1]."""

import math
from collections.abc import Callable, Sequence

Schedule = Callable[[float], float]


def constant(progress: float) -> float:
    """1 throughout."""
    return 1.0


def step(at: Sequence[float], factor: float) -> Schedule:
    """1 at first, times factor at each of these points.

    Source: He et al. (2015), arXiv:1512.03385, section 4.2, there at 1/2 and 3/4.

    >>> [round(step([0.5, 0.75], 0.1)(p), 3) for p in (0, 0.5, 0.7, 1)]
    [1.0, 0.1, 0.1, 0.01]
    """
    return lambda progress: float(factor ** sum(progress >= point for point in at))


def cosine(progress: float) -> float:
    """From 1 down to 0 along half a cosine.

    Source: Loshchilov and Hutter (2017), arXiv:1608.03983, eq. 5, without restarts.

    >>> [round(cosine(p), 3) for p in (0, 0.5, 1)]
    [1.0, 0.5, 0.0]
    """
    return (1 + math.cos(math.pi * progress)) / 2


def one_cycle(peak: float, start: float) -> Schedule:
    """From start up to 1 at the peak, as long down again, then on to 0, each along a line.

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


def warmed(schedule: Schedule, warmup: float) -> Schedule:
    """From 0 up along a line, for this share of the training; the schedule is the rest.

    Source: Goyal et al. (2017), arXiv:1706.02677, section 2.2.

    >>> [round(warmed(cosine, 0.2)(p), 3) for p in (0, 0.1, 0.2, 0.6, 1)]
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """

    def rate(progress: float) -> float:
        if progress < warmup:
            return progress / warmup
        return schedule((progress - warmup) / (1 - warmup))

    return rate
