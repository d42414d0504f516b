"""The rule of a time budget, on a clock of the test's own: no test looks at a real one."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from mlpcli.config.schema import Config
from mlpcli.nn.engine import Engine
from mlpcli.training import loop, time_budget
from mlpcli.training.loader import load_split, prepare
from mlpcli.training.progress import Epoch, Step
from mlpcli.training.scoring import scorer
from mlpcli.training.time_budget import RECENT, TRIAL_SAVES, Estimate, TimeBudget
from tests.trainings import changed


class Machine:
    """A clock, and how long each part of a training takes on it."""

    def __init__(self, step: float, validation: float, saving: float, noise: float = 0.0) -> None:
        self.now = 0.0
        self.step, self.validation, self.saving = step, validation, saving
        self._noise, self._rng = noise, np.random.default_rng(0)

    def spend(self, seconds: float) -> None:
        """Noise makes it take up to so many times longer."""
        self.now += seconds * (1 + self._noise * self._rng.random())

    def slow(self, real: Callable[..., Any], part: str) -> Callable[..., Any]:
        def function(*args: Any, **kwargs: Any) -> Any:
            self.spend(getattr(self, part))
            return real(*args, **kwargs)

        return function


class Outcome(NamedTuple):
    end: float  # when all was saved
    epochs: list[Epoch]
    steps: list[Step]


@pytest.fixture
def train(settings: Config, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Trains for a time on a machine; the caller saves as `trainer` does."""

    def run(machine: Machine, budget: float, *changes: str) -> Outcome:
        monkeypatch.setattr(time, "perf_counter", lambda: machine.now)
        monkeypatch.setattr(Engine, "step_at", machine.slow(STEP_AT, "step"))

        def slow_scorer(*args: Any, **options: Any) -> Any:
            return machine.slow(scorer(*args, **options), "validation")

        monkeypatch.setattr(loop, "scorer", slow_scorer)
        limits = ("train.epochs=100000", f"train.time_budget={budget}")
        config = changed(settings, *limits, *changes)
        outcome = Outcome(0.0, [], [])
        for event in loop.fit(config, prepare(config, load_split(config, "train"))):
            if isinstance(event, Epoch):
                outcome.epochs.append(event)
                machine.spend(machine.saving)
            else:
                outcome.steps.append(event)
                if len(outcome.steps) <= TRIAL_SAVES:
                    machine.spend(machine.saving / time_budget.SAVES_IN_ENDING)
        assert loop.stop_reason(config, outcome.epochs[-1].progress) == "time_budget"
        return outcome._replace(end=machine.now)

    return run


STEP_AT = Engine.step_at
Train = Callable[..., Outcome]

MACHINES = {  # seconds of a step, a validation, saving; a pass has nine steps
    "usual": (0.01, 0.03, 0.02),
    "slow validation": (0.01, 0.4, 0.02),
    "slow disk": (0.01, 0.03, 0.4),
    "both slow": (0.01, 0.3, 0.3),
    "slow steps": (0.2, 0.05, 0.05),
}


@pytest.mark.parametrize("budget", [2.0, 2.3, 3.3, 5.0, 20.0])
@pytest.mark.parametrize("times", MACHINES.values(), ids=MACHINES)
def test_a_training_ends_in_time_with_a_validation(
    train: Train, times: tuple[float, float, float], budget: float
) -> None:
    end, epochs, _ = train(Machine(*times), budget)

    *_, saving = times
    # another pass needs one more, and the first one, which is always validated, all of them
    needs = 1.2 * (saving if len(epochs) > 1 else sum(times))
    assert budget - max(0.3, 0.05 * budget, needs) <= end <= budget
    validated = [epoch.metrics.validation_accuracy is not None for epoch in epochs]
    assert validated[-1]
    assert validated[:-1] == sorted(validated[:-1], reverse=True)  # left out in the end alone


def test_a_validation_is_left_out_where_it_would_leave_time_that_nothing_fits_into(
    train: Train,
) -> None:
    """Passes end at multiples of 0.5 s, each of a step of 0.2 s."""
    end, epochs, _ = train(Machine(0.2, 0.2, 0.1), 1.55 + 0.4, "train.batch_size=1000")

    *_, late, last = epochs
    assert (late.metrics.validation_loss, late.metrics.validation_seconds) == (None, None)
    assert late.progress.best_epoch < late.metrics.epoch
    assert not late.best
    assert last.metrics.validation_loss is not None
    assert end > 1.4


def test_the_first_and_the_last_epoch_are_validated(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TimeBudget, "prefers_steps", lambda self: True)

    _, epochs, _ = train(Machine(*MACHINES["usual"]), 2.0)

    first, *between, last = [epoch.metrics.validation_loss for epoch in epochs]
    assert None not in (first, last)
    assert {*between} == {None}


@pytest.mark.parametrize("budget", [2.0, 5.0, 20.0])
def test_a_pass_that_the_clock_cuts_short_ends_at_the_very_end(train: Train, budget: float) -> None:
    """One batch is an image, so that no pass ends by itself near the end of the budget."""
    machine = Machine(0.02, 0.2, 0.1)

    end, epochs, steps = train(machine, budget, "train.batch_size=1")

    assert steps[-1].progress.step < steps[-1].steps or len(epochs) > 1
    assert abs(end - budget) <= 0.3


@pytest.mark.parametrize("budget", [2.0, 5.0])
@pytest.mark.parametrize("times", [MACHINES["usual"], (0.01, 0.1, 0.1)])
def test_on_a_machine_whose_times_vary_twofold_the_end_is_near(
    train: Train, times: tuple[float, float, float], budget: float
) -> None:
    end = train(Machine(*times, noise=1.0), budget).end

    assert abs(end - budget) <= 0.3


def test_a_validation_that_becomes_slower_makes_room_for_itself(train: Train) -> None:
    machine = Machine(0.01, 0.03, 0.02)
    once = machine.slow

    def slow(real: Callable[..., Any], part: str) -> Callable[..., Any]:
        slowed = once(real, part)

        def function(*args: Any, **kwargs: Any) -> Any:
            machine.validation = 0.03 if machine.now < 1 else 0.3
            return slowed(*args, **kwargs)

        return function

    machine.slow = slow  # type: ignore[method-assign]  # from its second on

    assert train(machine, 5.0).end <= 5.0 + 0.1


def test_one_step_that_stalls_does_not_end_a_training(train: Train) -> None:
    machine = Machine(0.01, 0.03, 0.02)
    stalls = iter([False] * 20 + [True])
    once = machine.spend

    def spend(seconds: float) -> None:
        once(seconds + (seconds == machine.step and next(stalls, False)))

    machine.spend = spend  # type: ignore[method-assign]  # a second more, once

    assert 4.7 <= train(machine, 5.0).end <= 5.0


def test_a_budget_too_small_for_anything_gives_one_step_and_a_validation(train: Train) -> None:
    end, epochs, steps = train(Machine(0.2, 0.3, 0.1), 0.1)

    assert (len(epochs), len(steps)) == (1, 1)
    assert end < 1.3


def test_the_fraction_done_never_falls_and_nears_its_end(train: Train) -> None:
    steps = train(Machine(*MACHINES["usual"], noise=1.0), 5.0).steps

    done = [step.done for step in steps]
    assert done == sorted(done)
    assert 0.9 < done[-1] <= 1


def test_validation_and_saving_are_used_time_for_a_resumed_training(train: Train) -> None:
    _, epochs, steps = train(Machine(0.01, 0.4, 0.3), 5.0)

    first = next(i for i, step in enumerate(steps) if step.progress.epoch)
    assert epochs[0].progress.used - steps[first - 1].progress.used == pytest.approx(0.4)
    assert steps[first].progress.used - epochs[0].progress.used == pytest.approx(0.31)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    times = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: times[-1])
    return times


def test_a_trial_of_a_validation_counts_for_all_of_it(clock: list[float]) -> None:
    budget = TimeBudget(100.0)
    took = iter([1.0, 0.1, 0.1, 0.2])  # the first starts processes

    budget.try_validation(lambda: clock.append(clock[-1] + next(took)), share=0.1)

    clock.append(100.0 - 1.1)
    assert budget.is_up()
    clock.append(100.0 - 1.2)
    assert not budget.is_up()


def test_a_slow_trial_is_repeated_once(clock: list[float]) -> None:
    budget = TimeBudget(10.0)

    budget.try_validation(lambda: clock.append(clock[-1] + 0.3), share=0.5)

    assert clock == [0.0, 0.3, 0.6]


def test_without_a_limit_no_time_is_used(clock: list[float]) -> None:
    budget = TimeBudget(None)
    clock.append(1e9)

    assert (budget.used(), budget.done(), budget.is_up()) == (0, 0, False)


def test_an_estimate_is_near_the_recent_times_whichever_stalls() -> None:
    estimate = Estimate()
    assert estimate.seconds == 0
    for seconds in (9.0, 1.0, 1.0, 30.0, 1.0, 1.0):
        estimate.add(seconds)
    assert 1 < estimate.seconds < 1.2

    for _ in range(RECENT):
        estimate.add(5.0)
    assert 5 < estimate.seconds < 6
