import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal, assert_equal

from mlpcli.config.schema import Config
from mlpcli.data import preprocessing
from mlpcli.errors import CheckFailed, ConfigError
from mlpcli.nn import dropout, mlp
from mlpcli.nn.activation import RELU
from mlpcli.nn.engine import Engine, Source
from mlpcli.nn.mlp import Params
from mlpcli.nn.team import Kind, Team
from mlpcli.runs import checkpoint
from mlpcli.training import build, loader, loop
from mlpcli.training.loader import TrainingData, load_split, prepare, source
from mlpcli.training.progress import Epoch, State, Step
from mlpcli.training.rng import PURPOSES, stream
from mlpcli.training.scoring import score, scorer
from tests.nn.test_team import KINDS
from tests.trainings import changed


def fit(settings: Config) -> Iterator[Step | Epoch]:
    """What the training yields."""
    return loop.fit(settings, prepare(settings, load_split(settings, "train")))


def train(settings: Config) -> tuple[list[Epoch], Params]:
    """All epochs, and the final parameters."""
    epochs = [e for e in fit(settings) if isinstance(e, Epoch)]
    return epochs, epochs[-1].engine.params


RECIPES = {
    "sgd": [],
    "nesterov": ["optimizer.nesterov=true"],
    "adam": ["optimizer.name=adam", "optimizer.lr=1e-2", "optimizer.weight_decay=1e-4"],
    "adamw": ["optimizer.name=adamw", "optimizer.lr=1e-2"],
    "step": ["schedule.name=step", "schedule.warmup=0.1"],
    "one_cycle": ["schedule.name=one_cycle"],
    "constant": ["schedule.name=constant", "optimizer.lr=0.05"],
    "glorot": ["network.init=glorot"],
    "lecun": ["network.init=lecun"],
    "dropout": ["network.dropout=0.2", "network.input_dropout=0.1"],
    "max-norm": ["network.max_norm=2"],
    "ema": ["train.ema=0.7"],
    "class weights": ["train.class_weight=[0.5, 1, 2]"],
    "batch norm": ["network.batch_norm=true"],
    "batch norm and ema": ["network.batch_norm=true", "train.ema=0.7"],
}


@pytest.mark.parametrize("overrides", RECIPES.values(), ids=RECIPES)
def test_the_loss_falls_and_the_dots_are_learned(settings: Config, overrides: list[str]) -> None:
    epochs, _ = train(changed(settings, *overrides))

    losses = [epoch.metrics.train_loss for epoch in epochs]
    assert losses == sorted(losses, reverse=True)
    assert epochs[-1].metrics.validation_accuracy == 1


@pytest.mark.parametrize("overrides", RECIPES.values(), ids=RECIPES)
def test_the_same_config_gives_the_same_bits(settings: Config, overrides: list[str]) -> None:
    settings = changed(settings, *overrides)
    _, first = train(settings)
    _, second = train(settings)

    assert checkpoint.digest(first) == checkpoint.digest(second)


@pytest.mark.parametrize(
    "recipe", ["adam", "dropout", "max-norm", "ema", "augment", "batch norm", "batch norm and ema"]
)
def test_members_of_any_kind_give_the_same_bits_resumed_or_not(
    settings: Config, monkeypatch: pytest.MonkeyPatch, recipe: str
) -> None:
    varied = ["augment.shift=1", "augment.elastic=0.5"]
    chosen = changed(settings, "train.batch_size=64", *RECIPES.get(recipe, varied))
    data = prepare(chosen, load_split(chosen, "train"))

    def events(kind: Kind, since: State | None = None) -> Iterator[Step | Epoch]:
        def team(*args: object, **options: object) -> Team:
            return Team(2, kind=kind)

        monkeypatch.setattr(loop, "step_team", team)
        return loop.fit(chosen, data, threads=2, since=since)

    digests = []
    for kind in KINDS:
        step = list(islice(events(kind), 8))[-1]
        at = step.engine
        state = State(step.progress, at.steps, at.params, at.optimizer_state, at.statistics)
        last = list(events(kind, state))[-1]
        digests.append([checkpoint.digest(event.engine.params) for event in (step, last)])
        whole = list(events(kind))[-1]
        assert checkpoint.digest(whole.engine.params) == digests[-1][1]

    assert digests == digests[:1] * len(KINDS)


def test_the_batch_order_does_not_change_the_initial_weights(settings: Config) -> None:
    a = build.initial_params(settings, classes=3)
    b = build.initial_params(changed(settings, "train.batch_size=7"), classes=3)

    assert_array_equal(a[0].W, b[0].W)


def test_streams_differ_by_seed_purpose_and_counter() -> None:
    draws = [
        stream(seed, purpose, *counters).integers(2**62)
        for seed in (0, 1)
        for purpose in PURPOSES
        for counters in [(), (0,), (1,)]
    ]

    assert len(set(draws)) == len(draws)


def test_a_stream_can_begin_further_on() -> None:
    whole = stream(0, "augment", 3).random(20, np.float32)  # two of each 64 bits

    assert_array_equal(stream(0, "augment", 3, skip=6).random(8, np.float32), whole[12:])


def test_an_epoch_reorders_and_loses_no_image(settings: Config, monkeypatch: Any) -> None:
    orders: dict[int, list[int]] = {}

    def spy(config: Config, data: TrainingData, order: Any, **options: int) -> Source:
        made = source(config, data, order, **options)

        def note(x: Any, y: Any, rank: int, rows: slice, epoch: int, start: int) -> int:
            if start == len(orders.setdefault(epoch, [])):  # not again, for the norms
                orders[epoch] += order[start : start + len(x)].tolist()
            return made.fill(x, y, rank, rows, epoch, start)

        return made._replace(fill=note)

    monkeypatch.setattr(loop, "source", spy)
    train(settings)
    rows, validation = loader.split_rows(settings, load_split(settings, "train"))

    assert all(sorted(order) == list(rows) for order in orders.values())
    assert orders[1] != orders[2]
    assert not set(rows) & set(validation)
    assert len(rows) + len(validation) == 300


def test_steps_are_counted_and_the_learning_rate_falls_along_the_cosine(settings: Config) -> None:
    events = list(fit(settings))
    steps = [e for e in events if isinstance(e, Step)]
    lrs = [e.metrics.lr for e in events if isinstance(e, Epoch)]

    assert [s.progress[:2] for s in steps[:10]] == [*((0, i) for i in range(1, 10)), (1, 1)]
    assert lrs == sorted(lrs, reverse=True)
    assert_allclose(lrs[0], 0.1 * (1 + np.cos(np.pi * 8 / 27)) / 2)


@pytest.mark.parametrize(
    ("overrides", "expected"),  # of the nine steps of an epoch, in three epochs
    [
        (["schedule.name=constant", "schedule.warmup=0.5"], [8 / 13.5, 1, 1]),
        (["schedule.name=step", "schedule.factor=0.5"], [1, 0.5, 0.25]),
        (["schedule.name=step", "schedule.at=[0.1]"], [0.1, 0.1, 0.1]),
        (
            ["schedule.name=one_cycle", "schedule.warmup=0.5", "schedule.start=0"],
            [8 / 13.5, 10 / 13.5, 1 / 13.5],
        ),
    ],
)
def test_schedules_follow_their_settings(
    settings: Config, overrides: list[str], expected: list[float]
) -> None:
    epochs, _ = train(changed(settings, *overrides))

    assert_allclose([epoch.metrics.lr for epoch in epochs], 0.1 * np.array(expected))


def test_the_decay_of_adamw_is_no_part_of_the_loss(settings: Config) -> None:
    """The first step's loss is the same with and without it; the weights after it are not."""
    adamw = "optimizer.name=adamw"
    steps = [next(fit(changed(settings, adamw, f"optimizer.weight_decay={d}"))) for d in (0, 0.5)]
    (without, with_decay) = (step.engine.params for step in steps)

    assert isinstance(steps[0], Step)
    assert isinstance(steps[1], Step)
    assert steps[0].loss == steps[1].loss
    W = build.initial_params(settings, classes=3)[0].W
    assert_allclose(with_decay[0].W, without[0].W - 1e-3 * 0.5 * W, atol=1e-7)
    assert_array_equal(with_decay[0].b, without[0].b)


def test_other_units_are_dropped_in_each_step_and_epoch(settings: Config, monkeypatch: Any) -> None:
    seen: list[Any] = []
    real = dropout.masks

    def spy(*args: Any, **options: Any) -> Any:
        seen.append(real(*args, **options))
        return seen[-1]

    monkeypatch.setattr(dropout, "masks", spy)
    train(changed(settings, "network.dropout=0.5"))

    assert len(seen) == 27
    assert all(masks[0] is None for masks in seen)
    assert len({masks[1][:14].tobytes() for masks in seen}) == 27  # the last batch has 14 rows


def test_no_unit_is_dropped_without_dropout(settings: Config) -> None:
    assert build.dropout_masks(settings, (2, 3), "dropout", 1, 0) is None


def test_the_averaged_weights_are_those_that_are_validated(settings: Config) -> None:
    """Three epochs of one step: the mean of three networks, weighed by their age."""
    plain = changed(settings, "train.batch_size=300")
    averaged = changed(plain, "train.ema=0.5")
    split = load_split(settings, "train")
    thetas = [e.engine.params[0].W for e in fit(plain) if isinstance(e, Step)]

    epochs, params = train(averaged)

    assert_allclose(params[0].W, np.average(thetas, axis=0, weights=[1, 2, 4]), atol=1e-6)
    _, validation = loader.split_rows(averaged, split)
    expected = score(params, split, activation=RELU, rows=validation).loss
    assert epochs[-1].metrics.validation_loss == expected


def test_the_train_loss_is_the_loss_that_is_differentiated(settings: Config) -> None:
    """One step an epoch: the loss reported is mlp.loss at the initial parameters."""
    options = ["train.batch_size=300", "optimizer.weight_decay=0.1", "train.label_smoothing=0.2"]
    settings = changed(settings, *options)
    split = load_split(settings, "train")
    rows, _ = loader.split_rows(settings, split)
    params = build.initial_params(settings, classes=3)
    x = preprocessing.inputs(split.images[rows]).astype("float64")
    y = mlp.one_hot(split.labels[rows], 3, smoothing=0.2)

    epochs, _ = train(settings)

    expected = mlp.loss(params, x, y, weight_decay=0.1)
    assert_allclose(epochs[0].metrics.train_loss, expected, rtol=1e-5)


def test_norms_are_those_of_the_weights_and_of_the_derived_gradient(settings: Config) -> None:
    settings = changed(settings, "optimizer.weight_decay=0.1")
    split = load_split(settings, "train")
    rows, _ = loader.split_rows(settings, split)
    *_, epoch = fit(settings)
    assert isinstance(epoch, Epoch)
    last = stream(settings.seed, "order", 3).permutation(rows)[-32:]
    x, y = preprocessing.inputs(split.images[last]), mlp.one_hot(split.labels[last], 3)
    params = epoch.engine.params

    grads = mlp.backward(params, mlp.forward(params, x), y, weight_decay=0.1)

    assert epoch.metrics.weight_norms is not None
    assert epoch.metrics.gradient_norms is not None
    assert_allclose(epoch.metrics.weight_norms, [np.linalg.norm(W) for W, _ in params], rtol=1e-5)
    assert_allclose(epoch.metrics.gradient_norms, [np.linalg.norm(W) for W, _ in grads], rtol=1e-4)


def test_patience_stops_early(settings: Config) -> None:
    epochs, _ = train(changed(settings, "train.epochs=50", "train.patience=2"))

    best = max(e.metrics.epoch for e in epochs if e.best)
    assert len(epochs) == best + 2 < 50


def test_a_target_ends_the_training_that_reaches_it(settings: Config) -> None:
    epochs, _ = train(changed(settings, "train.epochs=50", "train.target=0.9"))

    *before, last = (epoch.metrics.validation("accuracy") for epoch in epochs)
    assert max(before, default=0) < 0.9 <= last
    assert loop.stop_reason(changed(settings, "train.target=0.9"), epochs[-1].progress) == "target"


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock on which a step takes 10 ms, judging a network 30 ms and all else nothing."""
    times = [0.0]

    def slow(real: Callable[..., Any], seconds: float) -> Callable[..., Any]:
        def function(*args: Any, **kwargs: Any) -> Any:
            times.append(times[-1] + seconds)
            return real(*args, **kwargs)

        return function

    monkeypatch.setattr(time, "perf_counter", lambda: times[-1])
    monkeypatch.setattr(Engine, "step_at", slow(Engine.step_at, 0.01))
    real = scorer
    monkeypatch.setattr(loop, "scorer", lambda *args, **options: slow(real(*args, **options), 0.03))
    return times


@pytest.mark.parametrize("budget", [0.5, 1.0, 1.05, 1.1, 1.15, 3.0])
def test_a_time_budget_ends_with_the_learning_rate_and_a_validation(
    settings: Config, now: list[float], budget: float
) -> None:
    settings = changed(settings, "train.epochs=1000", f"train.time_budget={budget}")

    steps = []
    for event in fit(settings):
        if isinstance(event, Step):
            steps.append(event.done)
        else:
            now.append(now[-1] + 0.02)  # the caller saves

    assert isinstance(event, Epoch)
    assert now[-1] <= budget + 0.01
    assert loop.stop_reason(settings, event.progress) == "time_budget"
    assert event.metrics.lr < 0.1 * settings.optimizer.lr
    assert steps == sorted(steps)


def test_the_time_may_cut_the_last_pass_short(settings: Config, now: list[float]) -> None:
    settings = changed(settings, "train.epochs=1000", "train.time_budget=0.5")

    *_, step, epoch = fit(settings)

    assert isinstance(step, Step)
    assert isinstance(epoch, Epoch)
    assert 0 < step.progress.step < step.steps
    assert epoch.metrics.train_loss == step.progress.loss_sum / (32 * step.progress.step)


def test_ample_time_changes_no_bit(settings: Config) -> None:
    _, free = train(settings)
    ample = changed(settings, "train.time_budget=1e6")
    epochs, bounded = train(ample)

    assert loop.stop_reason(ample, epochs[-1].progress) == "epochs"
    assert_equal(bounded, free)


def test_a_non_finite_loss_stops_and_names_epoch_step_and_rate(settings: Config) -> None:
    settings = changed(settings, "optimizer.lr=100", "optimizer.weight_decay=1", "train.epochs=50")

    with pytest.raises(CheckFailed, match=r"epoch \d+, step \d+: \w+ is the first value .* rate"):
        train(settings)


def test_a_non_finite_value_in_the_validation_is_named_as_one_in_training(settings: Config) -> None:
    wild = ("optimizer.lr=100", "optimizer.weight_decay=1", "train.batch_size=270")
    settings = changed(settings, *wild, "train.epochs=50")

    place = r"epoch \d+, step 1: z\d of the validation images is the first value .* rate \d"
    with pytest.raises(CheckFailed, match=place + r".*; try --set optimizer\.lr=10$"):
        train(settings)


def test_a_validation_share_that_leaves_nothing_is_refused(settings: Config) -> None:
    split = load_split(settings, "train")
    for share in (0.001, 0.999):
        with pytest.raises(ConfigError, match="choose another share"):
            loader.split_rows(changed(settings, f"data.validation={share}"), split)


def test_without_validation_images_the_last_epoch_is_the_best(settings: Config) -> None:
    whole = changed(settings, "data.validation=0")
    training, validation = loader.split_rows(whole, load_split(whole, "train"))

    epochs, _ = train(whole)

    assert (len(training), len(validation)) == (300, 0)
    assert [epoch.best for epoch in epochs] == [True, True, True]
    assert epochs[-1].metrics.validation_loss is None
    assert epochs[-1].metrics.validation_accuracy is None


@pytest.mark.parametrize("key", ["train.target=0.9", "train.patience=2", "train.metric=macro_f1"])
def test_what_looks_at_validation_images_needs_some(settings: Config, key: str) -> None:
    whole = changed(settings, "data.validation=0", key)

    with pytest.raises(ConfigError, match=r"data\.validation: 0 keeps no images, which train\.ta"):
        loader.split_rows(whole, load_split(whole, "train"))
