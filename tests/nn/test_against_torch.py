"""A hundred steps in float64 beside PyTorch's own optimizers, schedules and regularizers."""

import copy
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_allclose
from threadpoolctl import threadpool_limits

from mlpcli.nn import mlp, optim, schedule
from mlpcli.nn.activation import ACTIVATIONS, LEAK
from mlpcli.nn.engine import Engine
from mlpcli.nn.schedule import Schedule

torch = pytest.importorskip("torch")
rates = torch.optim.lr_scheduler

STEPS = 100
SIZES = (9, 8, 7, 4)
LR = 0.05
SMOOTHING = 0.1


class Case(NamedTuple):
    """An optimizer of PyTorch, the same update rule here, and the option for its decay."""

    theirs: Any
    rule: optim.UpdateRule
    slots: int
    decay: str = "weight_decay"


ADAM = optim.adam(0.9, 0.99, 1e-8)
ADAM_OPTIONS = {"lr": LR, "betas": (0.9, 0.99), "eps": 1e-8}
OPTIMIZERS = {
    "sgd": Case(lambda groups: torch.optim.SGD(groups, lr=LR), optim.sgd(0.0), 1),
    "momentum": Case(
        lambda groups: torch.optim.SGD(groups, lr=LR, momentum=0.9), optim.sgd(0.9), 1
    ),
    "nesterov": Case(
        lambda groups: torch.optim.SGD(groups, lr=LR, momentum=0.9, nesterov=True),
        optim.sgd(0.9, nesterov=True),
        1,
    ),
    "adam": Case(lambda groups: torch.optim.Adam(groups, **ADAM_OPTIONS), ADAM, 2),
    "adamw": Case(
        lambda groups: torch.optim.AdamW(groups, **ADAM_OPTIONS), ADAM, 2, "decoupled_decay"
    ),
}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Such small products are much slower on more, which wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(before)


@pytest.fixture
def params(rng: np.random.Generator) -> mlp.Params:
    return mlp.init(SIZES, rng=rng, dtype="float64")


def warmed_cosine(optimizer: Any) -> Any:
    # PyTorch refuses to begin at 0; the first step differs by LR * 1e-12
    rise = rates.LinearLR(optimizer, start_factor=1e-12, total_iters=20)
    fall = rates.CosineAnnealingLR(optimizer, T_max=80)
    return rates.SequentialLR(optimizer, [rise, fall], milestones=[20])


SCHEDULES: dict[str, tuple[Any, Schedule]] = {
    "constant": (lambda o: rates.ConstantLR(o, factor=1.0), schedule.constant),
    "step": (
        lambda o: rates.MultiStepLR(o, milestones=[50, 75], gamma=0.1),
        schedule.step([0.5, 0.75], 0.1),
    ),
    "cosine": (lambda o: rates.CosineAnnealingLR(o, T_max=STEPS), schedule.cosine),
    "warmed cosine": (warmed_cosine, schedule.with_warmup(schedule.cosine, 0.2)),
    "one_cycle": (  # PyTorch ends its legs at pct_start * total_steps - 1 and total_steps - 1
        lambda o: rates.OneCycleLR(
            o,
            max_lr=LR,
            total_steps=STEPS + 1,
            pct_start=(0.4 * STEPS + 1) / (STEPS + 1),
            anneal_strategy="linear",
            three_phase=True,
            cycle_momentum=False,
            div_factor=25,
            final_div_factor=1e12,
        ),
        schedule.one_cycle(0.4, 1 / 25),
    ),
}
MODULES = {
    "relu": torch.nn.ReLU(),
    "leaky_relu": torch.nn.LeakyReLU(LEAK),
    "gelu": torch.nn.GELU(approximate="tanh"),
    "silu": torch.nn.SiLU(),
    "tanh": torch.nn.Tanh(),
    "sigmoid": torch.nn.Sigmoid(),
}


def batches(rng: np.random.Generator) -> Iterator[tuple[Any, Any]]:
    """STEPS batches of images and labels, every fifth one short."""
    for t in range(STEPS):
        n = 5 if t % 5 == 4 else 16
        yield rng.random((n, SIZES[0])), rng.integers(0, SIZES[-1], n)


def network(params: mlp.Params, activation: str) -> Any:
    """PyTorch's network with a copy of the same parameters; its W is the transpose of W here."""
    layers: list[Any] = []
    for W, b in params:
        linear = torch.nn.Linear(*W.shape, dtype=torch.float64)
        linear.weight.data, linear.bias.data = torch.tensor(W.T.copy()), torch.tensor(b)
        layers += [linear, copy.deepcopy(MODULES[activation])]
    return torch.nn.Sequential(*layers[:-1])


def linears(model: Any) -> list[Any]:
    return [layer for layer in model if isinstance(layer, torch.nn.Linear)]


def groups(model: Any, decay: float) -> list[dict[str, Any]]:
    """Weights decay, biases do not."""
    return [
        {"params": [layer.weight for layer in linears(model)], "weight_decay": decay},
        {"params": [layer.bias for layer in linears(model)], "weight_decay": 0.0},
    ]


def assert_same(params: mlp.Params, model: Any, *, tolerance: float = 1e-6) -> None:
    for (W, b), linear in zip(params, linears(model), strict=True):
        assert_allclose(W.T, linear.weight.detach().numpy(), rtol=tolerance, atol=tolerance)
        assert_allclose(b, linear.bias.detach().numpy(), rtol=tolerance, atol=tolerance)


def trained(
    params: mlp.Params,
    rng: np.random.Generator,
    *,
    optimizer: str = "momentum",
    rate: str = "constant",
    activation: str = "relu",
    decay: float = 0.0,
    after: Callable[[Any], object] = lambda model: None,
    **pieces: Any,
) -> tuple[Engine, Any]:
    """The engine and PyTorch's network after the same steps, each of which ends with after."""
    case, (scheduler_of, factor) = OPTIMIZERS[optimizer], SCHEDULES[rate]
    pieces |= {"activation": ACTIVATIONS[activation], case.decay: decay}
    engine = Engine(params, batch_size=16, rule=case.rule, slots=case.slots, **pieces)
    model = network(params, activation)
    theirs = case.theirs(groups(model, decay))
    scheduler = scheduler_of(theirs)
    cross_entropy = torch.nn.CrossEntropyLoss(label_smoothing=SMOOTHING)
    for t, (x, labels) in enumerate(batches(rng)):
        y = mlp.one_hot(labels, SIZES[-1], smoothing=SMOOTHING)
        engine.step(x, y, lr=LR * factor(t / STEPS))
        loss = cross_entropy(model(torch.tensor(x)), torch.tensor(labels))
        theirs.zero_grad()
        loss.backward()
        theirs.step()
        scheduler.step()
        after(model)
    return engine, model


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("decay", [0.0, 0.02])
@pytest.mark.parametrize("rate", SCHEDULES)
def test_optimizers_decays_and_schedules_agree_with_pytorchs(
    optimizer: str, decay: float, rate: str, params: mlp.Params, rng: np.random.Generator
) -> None:
    engine, model = trained(params, rng, optimizer=optimizer, decay=decay, rate=rate)

    assert_same(engine.params, model)


@pytest.mark.parametrize("activation", MODULES)
def test_activations_agree_with_pytorchs(
    activation: str, params: mlp.Params, rng: np.random.Generator
) -> None:
    engine, model = trained(params, rng, activation=activation)

    assert_same(engine.params, model)


def test_max_norm_is_pytorchs_renorm(params: mlp.Params, rng: np.random.Generator) -> None:
    def renorm(model: Any) -> None:
        for linear in linears(model)[:-1]:
            linear.weight.data = torch.renorm(linear.weight.data, p=2, dim=0, maxnorm=1.0)

    engine, model = trained(params, rng, after=renorm, max_norm=1.0)

    # renorm adds 1e-7 to the norm before it divides by it, at each of the steps
    assert_same(engine.params, model, tolerance=1e-6)
    assert_allclose(np.linalg.norm(engine.params[0].W, axis=0).max(), 1.0, rtol=1e-12)


def test_the_average_is_pytorchs_without_its_excess_weight_of_the_first_step(
    params: mlp.Params, rng: np.random.Generator
) -> None:
    """PyTorch's mean starts as theta_1, which keeps an excess weight of decay**STEPS."""
    means: list[Any] = []

    def update(model: Any) -> None:
        if not means:
            multi = torch.optim.swa_utils.get_ema_multi_avg_fn(0.97)
            means.append(torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=multi))
            means.append(copy.deepcopy(model))
        means[0].update_parameters(model)

    engine, _ = trained(params, rng, after=update, ema=0.97)

    mean, first = means[0].module, means[1]
    with torch.no_grad():
        for a, b in zip(mean.parameters(), first.parameters(), strict=True):
            a.copy_((a - 0.97**STEPS * b) / (1 - 0.97**STEPS))
    assert_same(engine.params, mean)


def normalized(params: mlp.Params, activation: str) -> Any:
    """PyTorch's network with batch normalization, whose bias is b and whose scale stays 1."""
    layers: list[Any] = []
    for i, (W, b) in enumerate(params):
        last = i == len(params) - 1
        linear = torch.nn.Linear(*W.shape, bias=last, dtype=torch.float64)
        linear.weight.data = torch.tensor(W.T.copy())
        layers.append(linear)
        if last:
            linear.bias.data = torch.tensor(b)
            continue
        norm = torch.nn.BatchNorm1d(len(b), dtype=torch.float64)
        norm.bias.data, norm.weight.requires_grad = torch.tensor(b), False
        layers += [norm, copy.deepcopy(MODULES[activation])]
    return torch.nn.Sequential(*layers)


@pytest.mark.parametrize("activation", MODULES)
@pytest.mark.parametrize("optimizer", ["momentum", "adamw"])
def test_batch_normalization_is_pytorchs(
    activation: str, optimizer: str, params: mlp.Params, rng: np.random.Generator
) -> None:
    case = OPTIMIZERS[optimizer]
    pieces: dict[str, Any] = {"activation": ACTIVATIONS[activation], "batch_norm": True}
    engine = Engine(params, batch_size=16, rule=case.rule, slots=case.slots, **pieces)
    model = normalized(params, activation)
    theirs = case.theirs([{"params": model.parameters(), "weight_decay": 0.0}])
    cross_entropy = torch.nn.CrossEntropyLoss(label_smoothing=SMOOTHING)
    for x, labels in batches(rng):
        engine.step(x, mlp.one_hot(labels, SIZES[-1], smoothing=SMOOTHING), lr=LR)
        theirs.zero_grad()
        cross_entropy(model(torch.tensor(x)), torch.tensor(labels)).backward()
        theirs.step()

    shifts = [layer.bias for layer in model if isinstance(layer, torch.nn.BatchNorm1d)]
    shifts.append(linears(model)[-1].bias)
    trained = zip(engine.unfolded_params, linears(model), shifts, strict=True)
    for (W, b), linear, shift in trained:
        assert_allclose(W.T, linear.weight.detach().numpy(), rtol=1e-6, atol=1e-6)
        assert_allclose(b, shift.detach().numpy(), rtol=1e-6, atol=1e-6)
    x, _ = next(batches(rng))
    # PyTorch's running statistics keep 0.9**STEPS = 3e-5 of mean 0 and variance 1
    with torch.no_grad():
        for layer in (layer for layer in model if isinstance(layer, torch.nn.BatchNorm1d)):
            layer.running_mean /= 1 - 0.9**STEPS
            layer.running_var.copy_((layer.running_var - 0.9**STEPS) / (1 - 0.9**STEPS))
        expected = torch.softmax(model.eval()(torch.tensor(x)), dim=1).numpy()
    p = mlp.forward(engine.params, x, activation=ACTIVATIONS[activation]).h[-1]
    assert_allclose(p, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("activation", MODULES)
def test_the_loss_is_pytorchs(
    activation: str, params: mlp.Params, rng: np.random.Generator
) -> None:
    x, labels = next(batches(rng))
    y = mlp.one_hot(labels, SIZES[-1], smoothing=SMOOTHING)

    value = mlp.loss(params, x, y, activation=ACTIVATIONS[activation])

    cross_entropy = torch.nn.CrossEntropyLoss(label_smoothing=SMOOTHING)
    logits = network(params, activation)(torch.tensor(x))
    assert_allclose(value, cross_entropy(logits, torch.tensor(labels)).item(), rtol=1e-12)


def test_class_weights_are_pytorchs_divided_by_the_number_of_images(
    params: mlp.Params, rng: np.random.Generator
) -> None:
    """PyTorch's own mean divides by the sum of the weights."""
    x, labels = next(batches(rng))
    class_weights = rng.uniform(0, 2, SIZES[-1])
    engine = Engine(params, batch_size=len(x))

    value = engine.gradient(x, mlp.one_hot(labels, SIZES[-1]), weights=class_weights[labels, None])

    model = network(params, "relu")
    total = torch.nn.CrossEntropyLoss(weight=torch.tensor(class_weights), reduction="sum")
    loss = total(model(torch.tensor(x)), torch.tensor(labels)) / len(x)
    loss.backward()
    assert_allclose(value, loss.item(), rtol=1e-12)
    for (grad_W, grad_b), linear in zip(engine.grads, linears(model), strict=True):
        assert_allclose(grad_W.T, linear.weight.grad.numpy(), rtol=1e-9, atol=1e-14)
        assert_allclose(grad_b, linear.bias.grad.numpy(), rtol=1e-9, atol=1e-14)
