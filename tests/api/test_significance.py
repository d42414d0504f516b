import math
import statistics as standard
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mlpcli.api import significance

# Table of Student's t, two-sided: degrees of freedom, and t for 90, 95, 99 and 99.9 %
T = """
  1  6.314 12.706 63.657 636.619
  2  2.920  4.303  9.925  31.599
  3  2.353  3.182  5.841  12.924
  4  2.132  2.776  4.604   8.610
  5  2.015  2.571  4.032   6.869
  6  1.943  2.447  3.707   5.959
  9  1.833  2.262  3.250   4.781
 10  1.812  2.228  3.169   4.587
 19  1.729  2.093  2.861   3.883
 30  1.697  2.042  2.750   3.646
120  1.658  1.980  2.617   3.373
"""


@pytest.mark.parametrize("row", T.strip().splitlines())
def test_quantiles_of_t_equal_the_published_table(row: str) -> None:
    df, *expected = map(float, row.split())

    found = [significance.t_quantile(int(df), level) for level in (0.90, 0.95, 0.99, 0.999)]

    assert_allclose(found, expected, atol=5.01e-4)


@pytest.mark.parametrize("df", [1, 2, 3, 4, 7, 30])
def test_the_probability_of_t_is_the_integral_of_its_density(df: int) -> None:
    factor = math.gamma((df + 1) / 2) / (math.sqrt(df * math.pi) * math.gamma(df / 2))
    x, weight = np.polynomial.legendre.leggauss(200)
    for t in (0.1, 1.0, 2.5, 7.0):
        density = factor * (1 + (t * x) ** 2 / df) ** (-(df + 1) / 2)

        assert_allclose(significance.t_within(t, df), t * (weight * density).sum(), rtol=1e-9)


def test_a_summary_is_of_the_sample_and_its_mean() -> None:
    values = [0.981, 0.984, 0.983, 0.980, 0.985]

    found = significance.summary(values)

    half = 2.7764451 * standard.stdev(values) / math.sqrt(5)
    assert found.n == 5
    assert_allclose((found.mean, found.sd), (0.9826, 0.0020736), rtol=1e-4)
    assert_allclose(found.ci95, (0.9826 - half, 0.9826 + half), rtol=1e-7)


def test_the_interval_of_an_accuracy_stays_between_0_and_1() -> None:
    low = 0.95 - 12.7062 * 0.05
    assert significance.accuracy_summary([0.9, 1.0]).ci95 == pytest.approx((low, 1.0), abs=1e-5)
    assert significance.accuracy_summary([0.0, 0.1]).ci95[0] == 0


def test_the_paired_t_test_gives_the_published_p_value() -> None:
    """Student's own data (1908), additional hours of sleep; R: t.test(sleep..., paired = TRUE)"""
    differences = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]

    assert_allclose(significance.paired_t(differences), 0.002833, atol=5e-7)
    assert_allclose(significance.summary(differences).ci95, (0.7001142, 2.4598858), atol=5e-8)


def test_differences_that_are_all_alike_leave_no_doubt() -> None:
    assert significance.paired_t([0.0, 0.0, 0.0]) == 1
    assert significance.paired_t([0.25, 0.25, 0.25]) == 0


def test_mcnemars_test_and_the_interval_give_the_published_values() -> None:
    """Cavo et al. (2012), in Fagerland, Lydersen and Laake (2017), chapter 8: 59, 6, 16, 80."""
    assert_allclose(significance.exact(6, 16), 0.052479, atol=5e-7)
    assert_allclose(significance.mid_p(6, 16), 0.034690, atol=5e-7)
    assert_allclose(significance.difference(16, 6, 161), (-0.1195, -0.0032), atol=5e-5)


@pytest.mark.parametrize(("a", "b"), [(0, 0), (0, 9), (3, 3), (12, 40), (40, 12), (700, 800)])
def test_both_p_values_are_sums_over_the_binomial_distribution(a: int, b: int) -> None:
    n = a + b
    chance = [Fraction(math.comb(n, k), 2**n) for k in range(n + 1)]
    further = sum(c for k, c in enumerate(chance) if abs(2 * k - n) > abs(a - b))
    same = sum(c for k, c in enumerate(chance) if abs(2 * k - n) == abs(a - b))

    assert_allclose(significance.exact(a, b), float(further + same), rtol=1e-12)
    assert_allclose(significance.mid_p(a, b), float(further + same / 2), rtol=1e-12)


def test_few_discordant_images_get_the_exact_test() -> None:
    assert significance.mcnemar(4, 20) == ("mcnemar-exact", significance.exact(4, 20))
    assert significance.mcnemar(5, 20) == ("mcnemar-mid-p", significance.mid_p(5, 20))


def test_thousands_of_discordant_images_are_no_trouble() -> None:
    assert 0 < significance.mcnemar(9_000, 9_500).p < 1e-3
    assert significance.mcnemar(5_000, 15_000).p == pytest.approx(0, abs=1e-300)


def test_corrected_p_values_equal_published_ones() -> None:
    # R 4.4, p.adjust(p, "holm")
    p = [0.01, 0.02, 0.03, 0.04, 0.05]
    assert_allclose(significance.holm(p), [0.05, 0.08, 0.09, 0.09, 0.09])
    assert_allclose(significance.holm([0.9, 0.001, 0.5]), [1, 0.003, 1])
    assert significance.holm([]) == []


def test_equally_good_runs_are_rarely_told_apart(rng: np.random.Generator) -> None:
    trials, runs, false = 300, 5, 0
    for _ in range(trials):
        right = rng.random((runs, 1000)) > 0.1
        pairs = [(i, j) for i in range(runs) for j in range(i)]
        counts = [
            (int((right[i] & ~right[j]).sum()), int((right[j] & ~right[i]).sum())) for i, j in pairs
        ]
        false += min(significance.holm([significance.mcnemar(*each).p for each in counts])) < 0.05

    assert false / trials < 0.05 + 2 * math.sqrt(0.05 * 0.95 / trials)
