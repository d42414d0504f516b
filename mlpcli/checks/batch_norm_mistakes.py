"""Mistakes in the backward pass of batch normalization: those that are named, and those planted.

In the words, {k} is the number of the layer.
"""

from typing import NamedTuple

import numpy as np

from mlpcli.checks.common_mistakes import Table
from mlpcli.nn import Array
from mlpcli.nn.batch_norm import EPS


class Batch(NamedTuple):
    """What grad_u = (grad_z - mean - u_hat * mean of grad_z * u_hat) / sigma is made of."""

    grad_z: Array  # (n, units), as the next two
    right: Array
    u_hat: Array
    sigma: Array  # (units,)

    @property
    def n(self) -> int:
        """The number of images."""
        return len(self.grad_z)

    @property
    def less(self) -> int:
        """n - 1, but not 0."""
        return max(self.n - 1, 1)

    @property
    def unbiased_sigma(self) -> Array:
        """Sigma with the variance divided by n - 1."""
        return np.sqrt((self.sigma**2 - EPS) * self.n / self.less + EPS)

    @property
    def sigma_without_eps(self) -> Array:
        """The root of the variance; sigma where that is 0."""
        variance = self.sigma**2 - EPS
        return np.where(variance > 0, np.sqrt(abs(variance)), self.sigma)

    def terms(self, direct: float, mean: float, along: Array | float) -> Array:
        """The three terms, each times a factor."""
        mean_term = self.grad_z.mean(axis=0)
        sigma_term = self.u_hat * (self.grad_z * self.u_hat).mean(axis=0)
        return (direct * self.grad_z - mean * mean_term - along * sigma_term) / self.sigma

    def means(self, axis: int | None = None) -> Array:
        """The result with the means over another axis."""
        mean = self.grad_z.mean(axis=axis, keepdims=True)
        along = (self.grad_z * self.u_hat).mean(axis=axis, keepdims=True)
        return (self.grad_z - mean - self.u_hat * along) / self.sigma

    def with_u_hat_of(self, shift: int) -> Array:
        """The result with the rows of u_hat shifted."""
        return self._replace(u_hat=np.roll(self.u_hat, shift, axis=0)).terms(1, 1, 1)


# given grad_z, in a layer with batch normalization
NORMALIZED: Table = (
    ("normalization-missing", "is grad_z{k}: the normalization is left out", lambda q: q.grad_z),
    (
        "statistics-held",
        "mean and sigma are taken as constants: it is grad_z{k} / sigma",
        lambda q: q.grad_z / q.sigma,
    ),
    ("mean-term-missing", "the term of the mean is missing", lambda q: q.terms(1, 0, 1)),
    ("sigma-term-missing", "the term of sigma is missing", lambda q: q.terms(1, 1, 0)),
    ("direct-term-missing", "grad_z{k} itself is missing", lambda q: q.terms(0, 1, 1)),
    ("term-sign", "the term of the mean is added, not subtracted", lambda q: q.terms(1, -1, 1)),
    ("term-sign", "the term of sigma is added, not subtracted", lambda q: q.terms(1, 1, -1)),
    ("term-sign", "both terms are added, not subtracted", lambda q: q.terms(1, -1, -1)),
    ("term-factor", "the term of sigma counts twice", lambda q: q.terms(1, 1, 2)),
    ("term-factor", "the term of sigma counts half", lambda q: q.terms(1, 1, 0.5)),
    ("sums-for-means", "both terms are sums, not means", lambda q: q.terms(1, q.n, q.n)),
    ("sums-for-means", "the term of the mean is a sum", lambda q: q.terms(1, q.n, 1)),
    ("sums-for-means", "the term of sigma is a sum", lambda q: q.terms(1, 1, q.n)),
    ("n-1", "both terms are divided by n - 1", lambda q: q.terms(1, *[q.n / q.less] * 2)),
    ("n-1", "the term of sigma is divided by n - 1", lambda q: q.terms(1, 1, q.n / q.less)),
    ("n-1", "the term of the mean is divided by n - 1", lambda q: q.terms(1, q.n / q.less, 1)),
    ("n-1", "the variance is divided by n - 1", lambda q: q.right * q.sigma / q.unbiased_sigma),
    ("eps-missing", "eps is missing in sigma", lambda q: q.right * q.sigma / q.sigma_without_eps),
    ("sigma-missing", "is not divided by sigma", lambda q: q.right * q.sigma),
    ("variance-for-sigma", "is divided by sigma**2, not by sigma", lambda q: q.right / q.sigma),
    ("times-sigma", "is multiplied by sigma, not divided", lambda q: q.right * q.sigma**2),
    (
        "u-for-u-hat",
        "u - mean is used instead of u_hat in the term of sigma",
        lambda q: q.terms(1, 1, q.sigma**2),
    ),
    (
        "u-for-u-hat",
        "u - mean is used instead of one u_hat in the term of sigma",
        lambda q: q.terms(1, 1, q.sigma),
    ),
    ("batch-axis", "the means are taken over the units, not the images", lambda q: q.means(1)),
    ("batch-axis", "the means are taken over everything; they lack an axis", lambda q: q.means()),
    ("stale-u-hat", "u_hat is that of the image before", lambda q: q.with_u_hat_of(1)),
    ("stale-u-hat", "u_hat is that of the next image", lambda q: q.with_u_hat_of(-1)),
)

# Planted in `batch_norm.backward` and `mlp.backward` of a network with batch normalization, as
# `MISTAKES` in `mistakes.py`.
PLANTED: dict[str, tuple[tuple[str, ...], ...]] = {
    "grad_z - grad_z.mean(axis=0) - u_hat * along": (
        ("term of sigma lost", "grad_z - grad_z.mean(axis=0)", "grad_u3", "sigma-term-missing"),
        ("term of the mean lost", "grad_z - u_hat * along", "grad_u3", "mean-term-missing"),
        ("mean and sigma constant", "grad_z", "grad_u3", "statistics-held"),
        (
            "grad_z itself lost",
            "-grad_z.mean(axis=0) - u_hat * along",
            "grad_u3",
            "direct-term-missing",
        ),
        ("grad_u negative", "-({})", "grad_u3", "sign"),
        (
            "means over the units",
            "grad_z - grad_z.mean(1)[:, None] - u_hat * (grad_z * u_hat).mean(1)[:, None]",
            "grad_u3",
            "batch-axis",
        ),
        (
            "means over everything",
            "grad_z - grad_z.mean() - u_hat * (grad_z * u_hat).mean()",
            "grad_u3",
            "batch-axis",
        ),
    ),
    "(grad_z - grad_z.mean(axis=0) - u_hat * along) / sigma": (
        ("normalization left out", "grad_z", "grad_u3", "normalization-missing"),
        (
            "running statistics",
            "grad_z / np.linspace(0.5, 2, len(sigma))",
            "grad_u3",
            "statistics-held",
        ),
        ("two terms too many", "{} * (1 + u_hat)", "grad_u3", "unknown"),
    ),
    "/ sigma": (
        ("sigma forgotten", "", "grad_u3", "sigma-missing"),
        ("variance for sigma", "/ sigma**2", "grad_u3", "variance-for-sigma"),
        ("multiplied by sigma", "* sigma", "grad_u3", "times-sigma"),
        ("sigma without eps", "/ np.sqrt(sigma**2 - EPS)", "grad_u3", "eps-missing"),
        (
            "sigma by n - 1",
            "/ np.sqrt((sigma**2 - EPS) * len(grad_z) / (len(grad_z) - 1) + EPS)",
            "grad_u3",
            "n-1",
        ),
        ("running sigma", "/ np.linspace(0.5, 2, len(sigma))", "grad_u3", "other-sigma"),
    ),
    "u_hat * along": (
        ("term of sigma twice", "2 * {}", "grad_u3", "term-factor"),
        ("term of sigma halved", "{} / 2", "grad_u3", "term-factor"),
        ("one u_hat not normalized", "{} * sigma", "grad_u3", "u-for-u-hat"),
    ),
    "- u_hat * along": (("term of sigma added", "+ u_hat * along", "grad_u3", "term-sign"),),
    "- grad_z.mean(axis=0)": (
        ("term of the mean added", "+ grad_z.mean(axis=0)", "grad_u3", "term-sign"),
    ),
    "grad_z.mean(axis=0)": (
        ("term of the mean a sum", "grad_z.sum(axis=0)", "grad_u3", "sums-for-means"),
        ("mean by n - 1", "grad_z.sum(axis=0) / (len(grad_z) - 1)", "grad_u3", "n-1"),
    ),
    "(grad_z * u_hat).mean(axis=0)": (
        ("term of sigma a sum", "(grad_z * u_hat).sum(axis=0)", "grad_u3", "sums-for-means"),
        (
            "term of sigma by n - 1",
            "(grad_z * u_hat).sum(axis=0) / (len(grad_z) - 1)",
            "grad_u3",
            "n-1",
        ),
    ),
    "u_hat, sigma = normalized": (
        ("u - mean for u_hat", "{}; u_hat = u_hat * sigma", "grad_u3", "u-for-u-hat"),
        ("u_hat of the row before", "{}; u_hat = np.roll(u_hat, 1, 0)", "grad_u3", "stale-u-hat"),
    ),
    "batch_norm.backward(grad_z, normalized[i])": (
        (
            "statistics of the layer below",
            "batch_norm.backward(grad_z, normalized[i - 1])",
            "grad_u3",
            "other-layer",
        ),
    ),
    "h[i].T @ grad_u": (
        ("grad_W from grad_z", "h[i].T @ grad_z", "grad_W3", "normalization-missing"),
    ),
    "grad_z.sum(axis=0)": (
        ("bias in front", "grad_u.sum(axis=0)", "grad_b3", "bias-before-normalization"),
    ),
    "grad_u @ params[i].W.T": (
        ("grad_h from grad_z", "grad_z @ params[i].W.T", "grad_z2", "normalization-skipped"),
    ),
}
