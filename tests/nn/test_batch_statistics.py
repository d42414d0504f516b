from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal, assert_equal

from mlpcli.nn import Array, batch_norm, mlp, optim
from mlpcli.nn.activation import ACTIVATIONS
from mlpcli.nn.batch_statistics import RUNNING_DECAY, Statistics, fold
from mlpcli.nn.engine import Engine
from mlpcli.nn.mlp import Layer
from mlpcli.nn.team import Kind, Team
from tests.nn.test_engine import assert_close
from tests.nn.test_team import every_kind

SIZES = (9, 8, 7, 4)
EPS = 1e-5


@pytest.fixture
def params(rng: np.random.Generator) -> mlp.Params:
    layers = mlp.init(SIZES, rng=rng, dtype="float64")
    return tuple(Layer(W, 0.3 * rng.normal(size=b.shape)) for W, b in layers)


def batch(rng: np.random.Generator, n: int, dtype: str = "float64") -> tuple[Any, Any]:
    y = mlp.one_hot(rng.integers(0, SIZES[-1], n), SIZES[-1], smoothing=0.05, dtype=dtype)
    return rng.random((n, SIZES[0])).astype(dtype), y


def as_type(params: mlp.Params, dtype: str) -> mlp.Params:
    return tuple(Layer(W.astype(dtype), b.astype(dtype)) for W, b in params)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-11), ("float32", 1e-4)])
@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("n", [16, 5, 2, 1])
@pytest.mark.parametrize("threads", [1, 3])
def test_the_engines_gradient_equals_backward(
    dtype: str,
    tolerance: float,
    name: str,
    n: int,
    threads: int,
    params: mlp.Params,
    rng: np.random.Generator,
) -> None:
    """Whatever the members: with 3 of them and 2 images, one has none."""
    params, (x, y) = as_type(params, dtype), batch(rng, n, dtype)
    masks: list[Any] = [(rng.random((n, s)) < 0.7).astype(dtype) for s in SIZES]
    weights = rng.uniform(0.5, 2, (n, 1)).astype(dtype)
    f, decay = ACTIVATIONS[name], 0.01
    with Team(threads) as team:
        pieces: dict[str, Any] = {"activation": f, "weight_decay": decay, "team": team}
        engine = Engine(params, batch_size=16, batch_norm=True, **pieces)
        value = engine.gradient(x, y, masks=masks, weights=weights)

    shared: dict[str, Any] = {"activation": f, "masks": masks}
    run = mlp.forward(params, x, normalize=batch_norm.normalize, **shared)
    shared |= {"weight_decay": decay, "weights": weights}
    expected = mlp.loss(params, x, y, normalize=batch_norm.normalize, **shared)
    assert_allclose(value, expected, rtol=tolerance)
    assert_close(engine.grads, mlp.backward(params, run, y, **shared), tolerance)


class Reference:
    """A network and its training with momentum, by the formulas as the paper prints them."""

    def __init__(self, params: mlp.Params) -> None:
        self.params = [[W.copy(), b.copy()] for W, b in params]
        self.velocity = [[np.zeros_like(a) for a in layer] for layer in self.params]
        self.running = [[np.zeros(size), np.ones(size)] for size in SIZES[1:-1]]

    def step(self, x: Array, y: Array, lr: float) -> None:
        m, h, caches = len(x), x, []
        for i, (W, b) in enumerate(self.params[:-1]):
            u = h @ W
            mu, var = u.mean(axis=0), u.var(axis=0)
            x_hat = (u - mu) / np.sqrt(var + EPS)
            caches.append((h, u, mu, var, x_hat, x_hat + b))
            h = np.maximum(x_hat + b, 0)
            unbiased = u.var(axis=0, ddof=1)
            self.running[i] = [
                0.9 * old + 0.1 * new
                for old, new in zip(self.running[i], (mu, unbiased), strict=True)
            ]
        logits = h @ self.params[-1][0] + self.params[-1][1]
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        grad = (p - y) / m
        grads = [[h.T @ grad, grad.sum(axis=0)]]
        for i in reversed(range(len(caches))):
            h, u, mu, var, x_hat, z = caches[i]
            grad = (grad @ self.params[i + 1][0].T) * (z > 0)
            d_beta = grad.sum(axis=0)
            d_var = (grad * (u - mu)).sum(axis=0) * -0.5 * (var + EPS) ** -1.5
            d_mu = -grad.sum(axis=0) / np.sqrt(var + EPS) - 2 * d_var * (u - mu).mean(axis=0)
            grad = grad / np.sqrt(var + EPS) + d_var * 2 * (u - mu) / m + d_mu / m
            grads.insert(0, [h.T @ grad, d_beta])
        for layer, velocity, gradient in zip(self.params, self.velocity, grads, strict=True):
            for a, v, g in zip(layer, velocity, gradient, strict=True):
                v[:] = 0.9 * v + g
                a -= lr * v


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_hundred_steps_equal_those_of_the_papers_formulas(
    threads: int, params: mlp.Params, rng: np.random.Generator
) -> None:
    """Every fifth batch is short. The average there keeps 0.9**100 of its start, mean 0, var 1."""
    reference = Reference(params)
    with Team(threads) as team:
        engine = Engine(
            params, batch_size=16, rule=optim.sgd(0.9), slots=1, batch_norm=True, team=team
        )
        for t in range(100):
            x, y = batch(rng, 5 if t % 5 == 4 else 16)
            engine.step(x, y, lr=0.05)
            reference.step(x, y, lr=0.05)

    expected = tuple(Layer(*layer) for layer in reference.params)
    assert_close(engine.unfolded_params, expected, 1e-9)
    for mine, (mean, variance) in zip(engine.statistics, reference.running, strict=True):
        rest = RUNNING_DECAY**100
        assert_allclose(mine.mean, mean / (1 - rest), rtol=1e-9, atol=1e-11)
        assert_allclose(mine.variance, (variance - rest) / (1 - rest), rtol=1e-9)


def test_the_folded_network_has_the_probabilities_of_the_normalized_one(
    params: mlp.Params, rng: np.random.Generator
) -> None:
    """With the statistics of a batch, whose variance is not the unbiased one."""
    x, _ = batch(rng, 16)
    run = mlp.forward(params, x, normalize=batch_norm.normalize)
    u = [h @ W for h, (W, _) in zip(run.h[:-1], params[:-1], strict=False)]

    folded = fold(params, [Statistics(a.mean(axis=0), a.var(axis=0)) for a in u])

    assert_allclose(mlp.forward(folded, x).h[-1], run.h[-1], rtol=1e-12)
    assert_array_equal(folded[-1].W, params[-1].W)


def test_the_engines_network_has_the_running_statistics_folded_into_it(
    params: mlp.Params, rng: np.random.Generator
) -> None:
    """At a learning rate of 0, so that one batch gives the same statistics at each step."""
    engine = Engine(params, batch_size=16, rule=optim.sgd(0.9), slots=1, batch_norm=True)
    x, y = batch(rng, 16)
    for _ in range(3):
        engine.step(x, y, lr=0.0)

    u = x @ params[0].W
    first = engine.statistics[0]
    assert_allclose(first.mean, u.mean(axis=0), rtol=1e-12, atol=1e-14)
    assert_allclose(first.variance, u.var(axis=0, ddof=1), rtol=1e-12)
    assert_close(engine.unfolded_params, params, 0)
    assert_close(engine.params, fold(params, engine.statistics), 0)
    sigma = np.sqrt(first.variance + EPS)
    assert_allclose(engine.params[0].W, params[0].W / sigma, rtol=1e-12)


def test_neither_a_gradient_nor_one_image_nor_a_failed_step_moves_the_running_statistics(
    params: mlp.Params, rng: np.random.Generator
) -> None:
    engine = Engine(params, batch_size=16, rule=optim.sgd(0.9), slots=1, batch_norm=True)
    engine.step(*batch(rng, 16), lr=0.1)
    before = engine.statistics

    engine.gradient(*batch(rng, 16))
    assert_equal(engine.statistics, before)
    engine.step(*batch(rng, 1), lr=0.1)
    assert_equal(engine.statistics, before)
    x, y = batch(rng, 16)
    x[3, 2] = np.inf
    with pytest.raises(FloatingPointError, match="z1"):
        engine.step(x, y, lr=0.1)
    assert_equal(engine.statistics, before)
    engine.step(*batch(rng, 2), lr=0.1)
    assert not np.array_equal(engine.statistics[0].mean, before[0].mean)


def test_one_image_teaches_the_hidden_weights_nothing(
    params: mlp.Params, rng: np.random.Generator
) -> None:
    engine = Engine(params, batch_size=16, batch_norm=True)

    engine.gradient(*batch(rng, 1))

    assert not engine.grads[0].W.any()
    assert not engine.grads[1].W.any()
    assert engine.grads[1].b.any()
    assert engine.grads[2].W.any()


def test_with_an_average_the_statistics_are_averaged_like_the_parameters(
    params: mlp.Params, rng: np.random.Generator
) -> None:
    engine = Engine(params, batch_size=16, rule=optim.sgd(0.9), slots=1, batch_norm=True, ema=0.97)
    means: list[Array] = []
    thetas: list[Array] = []
    for _ in range(40):
        x, y = batch(rng, 16)
        W1 = params[0].W if not thetas else thetas[-1]
        means.append((x @ W1).mean(axis=0))
        engine.step(x, y, lr=0.1)
        thetas.append(engine.optimizer_state[-2][0].W)  # raw

    weights = 0.97 ** np.arange(40)[::-1]
    assert_allclose(engine.statistics[0].mean, np.average(means, axis=0, weights=weights))
    average = np.average(thetas, axis=0, weights=weights)
    assert_allclose(engine.unfolded_params[0].W, average, rtol=1e-10, atol=1e-12)
    assert_allclose(engine.optimizer_state[-1][0].W, average, rtol=1e-10, atol=1e-12)


@every_kind
@pytest.mark.parametrize("ema", [None, 0.95])
def test_restoring_goes_on_with_the_same_bits(
    kind: Kind, ema: float | None, params: mlp.Params, rng: np.random.Generator
) -> None:
    batches = [batch(rng, n, "float32") for n in (16, 16, 1, 5, 16)]
    pieces: dict[str, Any] = {"rule": optim.adam(0.9, 0.99, 1e-8), "slots": 2, "ema": ema}
    pieces |= {"batch_size": 16, "batch_norm": True}

    def engine(team: Team) -> Engine:
        return Engine(as_type(params, "float32"), team=team, **pieces)

    with Team(2, kind=kind) as team, Team(2, kind=kind) as other:
        whole, resumed = engine(team), engine(other)
        for t, (x, y) in enumerate(batches):
            if t == 3:
                vectors = whole.params, whole.optimizer_state
                resumed.restore(*vectors, steps=t, statistics=whole.statistics)
                assert_equal(resumed.params, whole.params)
            whole.step(x, y, lr=0.01)
            if t >= 3:
                resumed.step(x, y, lr=0.01)

    assert_equal(resumed.params, whole.params)
    assert_equal(resumed.optimizer_state, whole.optimizer_state)
    assert_equal(resumed.statistics, whole.statistics)
