"""How far a few numbers can be trusted: means over seeds with their interval, and two tests.

The quantiles are those of whole degrees of freedom and of the fair coin, for which finite sums are
exact; so this needs neither SciPy nor an approximation.
"""

import math
from collections.abc import Sequence
from functools import cache
from statistics import NormalDist, fmean, stdev
from typing import NamedTuple

CONFIDENCE_LEVEL = 0.95  # of every interval
MIN_DISCORDANT_PAIRS = 25  # with fewer, the test that never rejects too often
NORMAL = NormalDist().inv_cdf(
    (1 + CONFIDENCE_LEVEL) / 2
)  # half of the interval, in standard deviations


class Summary(NamedTuple):
    """Some values, taken as a sample."""

    n: int  # values
    mean: float
    sd: float  # standard deviation of the sample, with n - 1
    ci95: tuple[float, float]  # of the mean


def summary(values: Sequence[float]) -> Summary:
    """Mean, standard deviation and the t interval of the mean, of at least two values.

    Source: Student (1908), "The probable error of a mean".
    """
    n, mean, sd = len(values), fmean(values), stdev(values)
    half = t_quantile(n - 1) * sd / math.sqrt(n)
    return Summary(n, mean, sd, (mean - half, mean + half))


def accuracy_summary(fractions: Sequence[float]) -> Summary:
    """The summary of accuracies, whose interval ends at 0 and 1."""
    result = summary(fractions)
    low, high = result.ci95
    return result._replace(ci95=(max(0.0, low), min(1.0, high)))


def paired_t(differences: Sequence[float]) -> float:
    """Two-sided p-value of the mean of at least two differences being 0."""
    n, mean, sd = len(differences), fmean(differences), stdev(differences)
    if not mean:
        return 1.0
    t = abs(mean) / (sd / math.sqrt(n)) if sd else math.inf
    return 1 - t_within(t, n - 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values, in their order, corrected for being several.

    Those below a level then hold at least one false rejection with at most that probability,
    however the tests depend on each other.
    Source: Holm (1979), "A simple sequentially rejective multiple test procedure".

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    corrected, largest = [1.0] * len(p_values), 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, (len(p_values) - rank) * p_values[i])
        corrected[i] = min(1.0, largest)
    return corrected


def t_within(t: float, df: int) -> float:
    """Probability that Student's t lies in [-t, t], for df whole degrees of freedom.

    Source: Abramowitz and Stegun (1964), eq. 26.7.3 and 26.7.4.

    >>> round(t_within(2.776, 4), 4)
    0.95
    """
    theta = math.atan2(t, math.sqrt(df))
    cosine = math.cos(theta)
    total, term = 0.0, cosine if df % 2 else 1.0
    for power in range(df % 2, df - 1, 2):
        total += term
        term *= (power + 1) / (power + 2) * cosine**2
    within = math.sin(theta) * total
    return (theta + within) * 2 / math.pi if df % 2 else within


@cache
def t_quantile(df: int, level: float = CONFIDENCE_LEVEL) -> float:
    """The t with which [-t, t] has the probability level, for df whole degrees of freedom.

    >>> round(t_quantile(4), 3)
    2.776
    """
    low, high = 0.0, 1.0
    while t_within(high, df) < level:
        high *= 2
    while low < (middle := (low + high) / 2) < high:  # until they are adjacent floats
        low, high = (middle, high) if t_within(middle, df) < level else (low, middle)
    return high


class McNemar(NamedTuple):
    """Whether one of two classifiers is correct more often on the same images."""

    test: str  # "mcnemar-exact" or "mcnemar-mid-p"
    p: float  # two-sided


def mcnemar(only_a: int, only_b: int) -> McNemar:
    """McNemar's test; only_a, only_b: images that only one of the two classifies correctly.

    With few such images the exact one, which never rejects too often; else mid-p, which is closer
    to its level. Sources: McNemar (1947), "Note on the sampling error of the difference between
    correlated proportions"; Fagerland, Lydersen and Laake (2013), doi:10.1186/1471-2288-13-91.
    """
    if only_a + only_b < MIN_DISCORDANT_PAIRS:
        return McNemar("mcnemar-exact", exact(only_a, only_b))
    return McNemar("mcnemar-mid-p", mid_p(only_a, only_b))


def exact(a: int, b: int) -> float:
    """Two-sided p-value of a heads and b tails of a fair coin.

    >>> exact(0, 5)
    0.0625
    """
    return min(1.0, 2 * sum(_ways(a, b)) / 2 ** (a + b))


def mid_p(a: int, b: int) -> float:
    """The same with half of the probability of the observation: exactly a and b, or b and a."""
    *further, seen = _ways(a, b)
    return (4 * sum(further) + seen * (1 if a == b else 2)) / 2 ** (a + b + 1)


def _ways(a: int, b: int) -> list[int]:
    """In how many ways a + b tosses have 0, 1, ... min(a, b) heads."""
    ways = [1]
    for k in range(min(a, b)):
        ways.append(ways[-1] * (a + b - k) // (k + 1))
    return ways


def difference(only_a: int, only_b: int, n: int) -> tuple[float, float]:
    """95% interval of b's accuracy minus a's, on the same n images; as fractions.

    Source: Bonett and Price (2012), "Adjusted Wald confidence interval for a difference of binomial
    proportions based on paired data".
    """
    p, q = (only_a + 1) / (n + 2), (only_b + 1) / (n + 2)
    half = NORMAL * math.sqrt((p + q - (q - p) ** 2) / (n + 2))
    return max(-1.0, q - p - half), min(1.0, q - p + half)
