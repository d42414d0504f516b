import itertools
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal, assert_equal
from threadpoolctl import threadpool_limits

from mlpcli.nn import mlp, optim
from mlpcli.nn.activation import ACTIVATIONS
from mlpcli.nn.engine import Engine
from mlpcli.nn.team import Team
from tests.nn.test_team import KINDS

Sizes = tuple[int, ...]  # widths of all layers, input first
RULES = {
    "sgd": optim.sgd(0.9),
    "nesterov": optim.sgd(0.9, nesterov=True),
    "adam": optim.adam(0.9, 0.999, 1e-8),
}
SLOTS = {"sgd": 1, "nesterov": 1, "adam": 2}
ACTIVE = np.array([7, 0, 2, 4, 3])  # of 9 inputs
ALL: dict[str, Any] = {"weight_decay": 0.1, "decoupled_decay": 0.1, "max_norm": 1.0, "ema": 0.9}


def problem(
    rng: np.random.Generator, sizes: Sizes, dtype: str, n: int
) -> tuple[mlp.Params, Any, Any]:
    params = mlp.init(sizes, rng=rng, dtype=dtype)
    x = rng.random((n, sizes[0])).astype(dtype)
    y = mlp.one_hot(rng.integers(0, sizes[-1], n), sizes[-1], smoothing=0.05, dtype=dtype)
    return params, x, y


def assert_close(
    params: mlp.Params, expected: mlp.Params, rtol: float, atol: float | None = None
) -> None:
    for mine, theirs in zip(params, expected, strict=True):
        for a, b in zip(mine, theirs, strict=True):
            assert_allclose(a, b, rtol=rtol, atol=rtol if atol is None else atol)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 2e-5)])
@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("sizes", [(9, 4), (9, 8, 4), (9, 8, 7, 6, 4)])
@pytest.mark.parametrize("n", [16, 5, 1], ids=["full batch", "short last batch", "one image"])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_engine_gradient_equals_backward(
    dtype: str,
    tolerance: float,
    name: str,
    sizes: Sizes,
    n: int,
    threads: int,
    weighted: bool,
    rng: np.random.Generator,
) -> None:
    params, x, y = problem(rng, sizes, dtype, n)
    weights = rng.uniform(0.5, 2, (n, 1)).astype(dtype) if weighted else None
    masks: list[Any] = [(rng.random((n, s)) < 0.7).astype(dtype) for s in sizes]
    activation, decay = ACTIVATIONS[name], 0.01
    with Team(threads) as team:
        engine = Engine(params, batch_size=16, activation=activation, weight_decay=decay, team=team)
        value = engine.gradient(x, y, masks=masks, weights=weights)

    shared: dict[str, Any] = {"activation": activation, "masks": masks}
    run = mlp.forward(params, x, **shared)
    shared |= {"weight_decay": decay, "weights": 1.0 if weights is None else weights}
    expected = mlp.backward(params, run, y, **shared)
    assert_allclose(value, mlp.loss(params, x, y, **shared), rtol=tolerance)
    assert_close(engine.grads, expected, tolerance)


@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
@pytest.mark.parametrize("k", [5, 3, 0])
def test_inputs_left_out_have_the_gradient_of_weight_decay_alone(
    weight_decay: float, k: int, rng: np.random.Generator
) -> None:
    """Of 9 inputs 5 are active, of which the first k are not black in the batch."""
    params, x, y = problem(rng, (9, 8, 4), "float64", 16)
    x[:, np.setdiff1d(np.arange(9), ACTIVE[:k])] = 0
    engine = Engine(params, batch_size=16, active_inputs=ACTIVE, weight_decay=weight_decay)
    engine.grad[:] = 7.0  # what an earlier step left

    value = engine.gradient(x[:, ACTIVE[:k]], y)

    expected = mlp.backward(params, mlp.forward(params, x), y, weight_decay=weight_decay)
    assert_allclose(value, mlp.loss(params, x, y, weight_decay=weight_decay), rtol=1e-12)
    if not weight_decay:  # nothing reads or updates these entries
        engine.grad[engine.layout.inactive_weights] = 0
    assert_close(engine.grads, expected, 1e-12, atol=1e-14)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 2e-4)])
@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("optimizer", RULES)
@pytest.mark.parametrize("sizes", [(9, 4), (9, 8, 4), (9, 8, 7, 6, 4)])
@pytest.mark.parametrize(("max_norm", "threads"), [(None, 1), (0.8, 1), (0.8, 3)])
def test_steps_equal_those_of_the_derivation(
    dtype: str,
    tolerance: float,
    name: str,
    optimizer: str,
    sizes: Sizes,
    max_norm: float | None,
    threads: int,
    rng: np.random.Generator,
) -> None:
    """Five steps with every option, the last on a short batch, with inactive inputs."""
    params, x, y = problem(rng, sizes, dtype, 16)
    x[:, np.setdiff1d(np.arange(9), ACTIVE)] = 0
    rule = optim.adam(0.9, 0.99, 1e-3) if optimizer == "adam" else RULES[optimizer]
    slots, activation = SLOTS[optimizer], ACTIVATIONS[name]
    pieces: dict[str, Any] = {"weight_decay": 0.01, "decoupled_decay": 0.3, "max_norm": max_norm}
    pieces |= {"activation": activation, "slots": slots, "ema": 0.8}
    flat = flattened(params)
    state, thetas = np.zeros((slots, len(flat)), dtype), []

    with Team(threads) as team:
        engine = Engine(params, batch_size=16, active_inputs=ACTIVE, rule=rule, team=team, **pieces)
        for t in range(1, 6):
            n = 5 if t == 5 else 16
            masks: list[Any] = [((rng.random((n, s)) < 0.7) / 0.7).astype(dtype) for s in sizes]
            shared: dict[str, Any] = {"activation": activation, "masks": masks}
            seen = [masks[0][:, ACTIVE], *masks[1:]]
            engine.step(x[:n, ACTIVE], y[:n], lr=0.05, masks=seen)

            params = unflattened(flat, sizes)
            run = mlp.forward(params, x[:n], **shared)
            grads = mlp.backward(params, run, y[:n], weight_decay=0.01, **shared)
            for W, _ in params:
                W -= 0.05 * 0.3 * W
            rule(flat, flattened(grads), state, 0.05, t)
            for W, _ in params[:-1] if max_norm else ():
                norm = np.linalg.norm(W, axis=0)
                assert t > 1 or (norm > max_norm).any()
                W[:] = np.where(norm > max_norm, max_norm / norm * W, W)
            thetas.append(flat.copy())

    mean = np.average(thetas, axis=0, weights=0.8 ** np.arange(5)[::-1])
    assert_close(engine.optimizer_state[-1], unflattened(flat, sizes), tolerance)
    assert_close(engine.params, unflattened(mean, sizes), tolerance)


def flattened(params: mlp.Params) -> Any:
    return np.concatenate([a.ravel() for layer in params for a in layer])


def unflattened(flat: Any, sizes: Sizes) -> mlp.Params:
    """Views of W1, b1, W2, b2, ... as layers."""
    layers = []
    for fan_in, fan_out in itertools.pairwise(sizes):
        W, b, flat = np.split(flat, np.cumsum([fan_in * fan_out, fan_out]))
        layers.append(mlp.Layer(W.reshape(fan_in, fan_out), b))
    return tuple(layers)


@pytest.mark.parametrize("optimizer", RULES)
@pytest.mark.parametrize("decay", [{}, {"weight_decay": 0.01}, {"decoupled_decay": 0.1}])
@pytest.mark.parametrize("dropped", [False, True], ids=["all inputs", "input dropout"])
def test_rows_of_inactive_inputs_are_bit_identical_to_the_full_computation(
    optimizer: str, decay: dict[str, Any], dropped: bool, rng: np.random.Generator
) -> None:
    params, x, y = problem(rng, (9, 8, 4), "float32", 16)
    inactive = np.setdiff1d(np.arange(9), ACTIVE)
    x[:, inactive] = 0
    shared: dict[str, Any] = {"batch_size": 16, "slots": SLOTS[optimizer], "ema": 0.9, **decay}
    shared["rule"] = RULES[optimizer]
    part, whole = Engine(params, active_inputs=ACTIVE, **shared), Engine(params, **shared)

    for _ in range(5):
        mask = (rng.random((16, 9)) < 0.5).astype("float32") * 2 if dropped else np.ones_like(x)
        part.step(x[:, ACTIVE], y, lr=0.1, masks=[mask[:, ACTIVE], None])
        whole.step(x, y, lr=0.1, masks=[mask, None])

    mine, theirs = ((*each.optimizer_state, each.params) for each in (part, whole))
    assert_equal([p[0].W[inactive] for p in mine], [p[0].W[inactive] for p in theirs])
    assert np.array_equal(part.params[0].W[inactive], params[0].W[inactive]) == (not decay)


@pytest.mark.parametrize(("optimizer", "pieces"), [("sgd", {}), ("adam", {}), ("adam", ALL)])
def test_teams_of_one_size_give_the_same_bits_whatever_their_members_are(
    optimizer: str, pieces: dict[str, Any], rng: np.random.Generator
) -> None:
    params, x, y = problem(rng, (1024, 512, 256, 10), "float32", 128)
    shared: dict[str, Any] = {"rule": RULES[optimizer], "slots": SLOTS[optimizer], **pieces}
    thetas = []
    for kind in KINDS:
        with threadpool_limits(1), Team(2, kind=kind) as team:
            engine = Engine(params, batch_size=128, team=team, **shared)
            losses = [engine.step(x, y, lr=0.01) for _ in range(5)]
            thetas.append(np.concatenate([engine.theta, engine.mean, losses]))

    for theta in thetas[1:]:
        assert_array_equal(theta, thetas[0])


def test_engine_leaves_the_parameters_it_was_given_alone(rng: np.random.Generator) -> None:
    params, x, y = problem(rng, (9, 8, 4), "float64", 5)
    before = params[0].W.copy()
    engine = Engine(params, batch_size=5, rule=optim.sgd(0.9), slots=1)

    engine.step(x, y, lr=0.1)

    assert_array_equal(params[0].W, before)
    assert not np.array_equal(engine.params[0].W, before)


@pytest.mark.parametrize(
    ("array", "entry", "value", "name"),
    [
        ("W1", (3, 2), np.inf, "z1"),
        ("W2", (0, 0), np.inf, "z2"),
        ("W3", (1, 1), np.inf, "z3"),
        ("x", (2, 3), np.nan, "z1"),
    ],
)
def test_a_refused_step_names_the_first_quantity_that_is_not_finite_and_changes_nothing(
    array: str, entry: tuple[int, int], value: float, name: str, rng: np.random.Generator
) -> None:
    params, x, y = problem(rng, (9, 8, 6, 4), "float64", 5)
    {"x": x, **{f"W{i}": layer.W for i, layer in enumerate(params, 1)}}[array][entry] = value
    engine = Engine(params, batch_size=9, rule=optim.sgd(0.9), slots=1)

    with pytest.raises(FloatingPointError, match=f"^{name}$"):
        engine.step(x, y, lr=0.1)

    assert_equal(engine.params, params)
    assert engine.steps == 0


def test_a_gradient_that_overflows_is_refused_though_the_loss_is_finite(
    rng: np.random.Generator,
) -> None:
    params, x, y = problem(rng, (9, 8, 4), "float32", 5)
    params[1].W[:] *= 1e30
    params[0].W[:] *= 1e-25
    x *= np.float32(1e20)
    engine = Engine(params, batch_size=5, rule=optim.sgd(0.9), slots=1)

    with pytest.raises(FloatingPointError, match=r"^grad_W1$"):
        engine.step(x, y, lr=0.1)

    assert_array_equal(engine.params[0].W, params[0].W)


def test_a_large_gradient_that_is_finite_is_no_reason_to_stop(rng: np.random.Generator) -> None:
    params, x, y = problem(rng, (9, 8, 4), "float32", 5)
    params[1].W[:] *= 1e22
    params[0].W[:] *= 1e-22
    engine = Engine(params, batch_size=5, rule=optim.sgd(0.9), slots=1)

    engine.step(x, y, lr=0.1)

    assert engine.steps == 1


@pytest.mark.parametrize("optimizer", RULES)
@pytest.mark.parametrize("pieces", [{}, ALL], ids=["plain", "all"])
def test_a_restored_engine_continues_bit_identically(
    optimizer: str, pieces: dict[str, Any], rng: np.random.Generator
) -> None:
    params, x, y = problem(rng, (9, 8, 4), "float32", 16)
    shared: dict[str, Any] = {"rule": RULES[optimizer], "slots": SLOTS[optimizer], **pieces}
    shared["active_inputs"] = ACTIVE
    engine = Engine(params, batch_size=16, **shared)
    for _ in range(3):
        engine.step(x[:, ACTIVE], y, lr=0.1)
    other = Engine(params, batch_size=16, **shared)

    other.restore(engine.params, engine.optimizer_state, steps=engine.steps)
    for each in (engine, other):
        each.step(x[:, ACTIVE], y, lr=0.1)

    assert_array_equal(other.theta, engine.theta)
    assert_array_equal(other.mean, engine.mean)
    assert_array_equal(other.state, engine.state)


def test_steps_lower_the_loss(rng: np.random.Generator) -> None:
    params, x, y = problem(rng, (9, 8, 4), "float32", 16)
    rule = optim.adam(0.9, 0.999, 1e-8)
    engine = Engine(params, batch_size=16, rule=rule, slots=2)

    losses = [engine.step(x, y, lr=0.01) for _ in range(50)]

    assert losses[-1] < 0.7 * losses[0]
