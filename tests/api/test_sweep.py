"""Sweeps: the plan, the rounds, what is kept, and what a worker's death costs."""

import signal
import time
from collections import Counter
from pathlib import Path
from threading import Timer
from typing import Any

import numpy as np
import pytest

from mlpcli.api import sweep, sweep_plan, sweep_results, sweep_run
from mlpcli.api.resume import resume
from mlpcli.api.sweep import Planned
from mlpcli.api.sweep_command import command
from mlpcli.api.sweep_halving import rungs
from mlpcli.api.sweep_plan import changed, draws, plan
from mlpcli.api.sweep_port import Wanted, chosen
from mlpcli.api.sweep_results import results
from mlpcli.api.sweep_run import Event
from mlpcli.api.sweep_trial import Images, Outcome, Task, run
from mlpcli.api.sweep_workers import ThisProcess, Workers
from mlpcli.api.trainer import train
from mlpcli.config.load import load_config
from mlpcli.config.schema import Config
from mlpcli.config.sweep_file import Definition, Halving, Sweep
from mlpcli.errors import CheckpointError, ConfigError, Interrupted
from mlpcli.runs.folder import RunFolder
from tests.fingerprint import result

LR = {"optimizer.lr": {"values": [0.3, 0.1, 0.03]}}
HALVING = {"type": "halving", "min_iter": 1, "eta": 2}


def definition(settings: Config, parameters: Any = LR, **more: Any) -> Definition:
    """A sweep over a small network."""
    return Definition(Sweep.model_validate({"parameters": parameters, **more}), settings)


def swept(planned: Planned, workers: Workers | None = None, **options: Any) -> list[Event]:
    """What happens when a sweep is run."""
    with planned.folder.lock():
        return list(sweep_run.run(planned, workers or ThisProcess(), **options))


def statuses(events: list[Event]) -> Counter[str]:
    return Counter(event.status for event in events)


def test_a_plan_depends_on_its_seed_alone_and_more_configs_only_add(settings: Config) -> None:
    ranges = {
        "optimizer.lr": {"distribution": "log_uniform_values", "min": 0.01, "max": 1},
        "train.batch_size": {"min": 8, "max": 64},
        "network.dropout": {"min": 0.0, "max": 0.5},
    }
    few = definition(settings, ranges, method="random", run_cap=5, seed=3).sweep
    many = definition(settings, ranges, method="random", run_cap=9, seed=3).sweep

    drawn = list(draws(many))

    assert list(draws(few)) == drawn[:5]
    assert all(0.01 <= each["optimizer.lr"] <= 1 for each in drawn)
    assert all(isinstance(each["train.batch_size"], int) for each in drawn)
    assert len({each["network.dropout"] for each in drawn}) == 9


def test_long_trials_start_before_short_ones(settings: Config, tmp_path: Path) -> None:
    grid = {"network.hidden": {"values": [[3], [9]]}, "train.epochs": {"values": [1, 2]}}
    order: list[tuple[Any, Any]] = []

    def perform(task: Task, images: Images) -> Outcome:
        order.append((task.config["network"]["hidden"], task.config["train"]["epochs"]))
        return run(task, images)

    swept(sweep.prepare(definition(settings, grid), tmp_path / "sweep"), ThisProcess(perform))

    assert order == [([9], 2), ([9], 1), ([3], 2), ([3], 1)]


def test_few_combinations_are_drawn_once_each(settings: Config) -> None:
    assert len(list(draws(definition(settings, method="random", run_cap=50).sweep))) == 3


def test_an_address_is_that_of_what_decides_the_result(settings: Config) -> None:
    (first, *_) = plan(definition(settings), lambda _: {"a": "1"})
    saved = settings.replace(checkpoint=settings.checkpoint.replace(every_seconds=1.0))

    assert plan(definition(saved), lambda _: {"a": "1"})[0].address == first.address
    assert plan(definition(settings), lambda _: {"a": "2"})[0].address != first.address
    other = settings.replace(seed=1)
    assert plan(definition(other), lambda _: {"a": "1"})[0].address != first.address


def test_another_optimizer_brings_its_defaults_and_refuses_settings_of_others() -> None:
    adam = changed(Config(), {"optimizer.name": "adam", "optimizer.beta1": 0.8})

    assert adam == load_config(None, ["optimizer.name=adam", "optimizer.beta1=0.8"])
    with pytest.raises(ConfigError, match=r"optimizer.name=sgd, optimizer.beta1=0.8: optimizer"):
        changed(Config(), {"optimizer.name": "sgd", "optimizer.beta1": 0.8})


def test_a_trial_has_the_bits_of_a_single_training(settings: Config, tmp_path: Path) -> None:
    planned = sweep.prepare(definition(settings, seeds=2), tmp_path / "sweep")

    assert statuses(swept(planned)) == {"begun": 1, "done": 6}

    for trial in planned.trials:
        alone = tmp_path / trial.address
        list(train(trial.config, alone, preflight=False, threads=1))
        assert result(alone) == result(planned.folder.trial(trial.address).path)


def test_trials_that_prepare_images_differently_do_not_share_them(
    settings: Config, tmp_path: Path
) -> None:
    planned = sweep.prepare(
        definition(settings, {"augment.shift": {"values": [0, 2]}}), tmp_path / "sweep"
    )
    swept(planned)

    for trial in planned.trials:
        alone = tmp_path / trial.address
        list(train(trial.config, alone, preflight=False, threads=1))
        assert result(alone) == result(planned.folder.trial(trial.address).path)


def test_what_has_finished_is_kept(settings: Config, tmp_path: Path) -> None:
    planned = sweep.prepare(definition(settings), tmp_path / "sweep")
    swept(planned)
    before = [result(planned.folder.trial(t.address).path) for t in planned.trials]
    damaged = planned.folder.trial(planned.trials[1].address)
    (damaged.path / "run.json").write_text("{")

    again = sweep.prepare(definition(settings), tmp_path / "sweep")

    assert statuses(swept(again)) == {"kept": 2, "begun": 1, "done": 1}
    assert [result(planned.folder.trial(t.address).path) for t in planned.trials] == before


def test_a_changed_sweep_is_refused_with_the_difference_or_extends(
    settings: Config, tmp_path: Path
) -> None:
    folder = tmp_path / "sweep"
    swept(sweep.prepare(definition(settings), folder))
    more = {"optimizer.lr": {"values": [0.3, 0.2]}}

    with pytest.raises(
        CheckpointError, match=r"parameters.optimizer.lr: .* in the folder"
    ) as caught:
        sweep.prepare(definition(settings, more), folder)
    assert "--extend" in caught.value.args[0]
    extended = sweep.prepare(definition(settings, more), folder, extend=True)
    assert statuses(swept(extended)) == {"kept": 3, "begun": 1, "done": 1}
    assert len(sweep.load(folder).trials) == 4
    assert statuses(swept(sweep.prepare(definition(settings, more), folder, extend=True))) == {
        "kept": 4,
        "begun": 1,
    }


@pytest.mark.parametrize("extend", [False, True])
def test_a_sweep_of_another_version_is_ranked_but_not_resumed(
    extend: bool, settings: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "sweep"
    with monkeypatch.context() as earlier:
        earlier.setattr(sweep, "__version__", "0.1.0")
        earlier.setattr(sweep_plan, "__version__", "0.1.0")
        swept(sweep.prepare(definition(settings), folder))

    with pytest.raises(
        CheckpointError, match=r"its sweep is of mlp 0\.1\.0, this is .*; finish it "
    ):
        sweep.prepare(definition(settings), folder, extend=extend)
    assert results(sweep.load(folder)).count("finished") == 3


@pytest.mark.parametrize(
    ("extend", "parameters"), [(False, LR), (True, LR), (True, {"optimizer.lr": {"value": 0.9}})]
)
def test_a_sweep_whose_data_have_changed_is_refused(
    extend: bool, parameters: Any, settings: Config, tmp_path: Path
) -> None:
    folder = tmp_path / "sweep"
    swept(sweep.prepare(definition(settings), folder))
    arrays = dict(np.load(settings.data.name))
    arrays["x_train"][0] = 0
    np.savez(settings.data.name, allow_pickle=False, **arrays)

    with pytest.raises(CheckpointError, match="the files of its data have changed"):
        sweep.prepare(definition(settings, parameters), folder, extend=extend)


def test_what_extends_a_sweep_is_compared_with_it(settings: Config, tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    swept(sweep.prepare(definition(settings, {"optimizer.lr": {"value": 0.3}}, seeds=3), folder))
    slower = {"optimizer.momentum": {"value": 0.0}}
    slow = settings.replace(optimizer=settings.optimizer.model_copy(update={"lr": 1e-4}))
    extended = sweep.prepare(definition(slow, slower, seeds=2), folder, extend=True)
    swept(extended)

    best, worse = results(extended).rows

    assert best.parameters == {"optimizer.lr": 0.3, "optimizer.momentum": 0.9}
    assert worse.parameters == {"optimizer.lr": 1e-4, "optimizer.momentum": 0.0}
    assert worse.difference is not None
    assert worse.difference == pytest.approx(
        sum((worse.seeds[seed] or 0) - (best.seeds[seed] or 0) for seed in worse.seeds) / 2
    )
    assert best.seeds.keys() - worse.seeds.keys() == {2}


def test_a_pause_and_a_resume_give_the_bits_of_an_unbroken_run(
    settings: Config, tmp_path: Path
) -> None:
    broken, whole = tmp_path / "broken", tmp_path / "whole"
    list(train(settings, whole, preflight=False))
    list(train(settings, broken, preflight=False, until=1))

    assert RunFolder(broken).load_record().status == "paused"
    list(resume(settings, broken, until=1))  # nothing to do
    assert (RunFolder(broken).load_record().epochs, len(RunFolder(broken).load_metrics())) == (1, 1)
    list(resume(settings, broken, until=2))
    assert RunFolder(broken).load_record().status == "paused"
    list(resume(settings, broken, until=3))
    assert result(broken) == result(whole)


def test_halving_trains_only_the_best_to_the_end(settings: Config, tmp_path: Path) -> None:
    asked = definition(settings, early_terminate=HALVING, seeds=2)
    planned = sweep.prepare(asked, tmp_path / "sweep")

    swept(planned)

    folders = [planned.folder.trial(trial.address) for trial in planned.trials]
    epochs = [folder.load_record().epochs for folder in folders]
    assert sorted(epochs) == [1, 1, 2, 2, 3, 3]
    best = planned.trials[epochs.index(3)]
    alone = tmp_path / "alone"
    list(train(best.config, alone, preflight=False))
    assert result(alone) == result(planned.folder.trial(best.address).path)


def test_halving_refuses_trials_of_different_lengths(settings: Config, tmp_path: Path) -> None:
    asked = definition(settings, {"train.epochs": {"values": [2, 3]}}, early_terminate=HALVING)

    with pytest.raises(ConfigError, match=r"same train.epochs in all trials, got 2, 3"):
        sweep.prepare(asked, tmp_path / "sweep")


def test_rungs_end_before_the_last_epoch() -> None:
    assert rungs(Halving(type="halving", min_iter=2, eta=2), 8) == [2, 4]


class Dying(ThisProcess):
    """A worker that dies in one trial, so often; it reports a trial as done that is not, too."""

    def __init__(self, address: str, deaths: int, status: Any) -> None:
        super().__init__(self._perform_or_die)
        self.address, self.deaths, self.status = address, deaths, status

    def _perform_or_die(self, task: Task, images: Images) -> Outcome:
        if task.address == self.address and self.deaths:
            self.deaths -= 1
            return Outcome(task.address, self.status, "killed")
        return run(task, images)


@pytest.mark.parametrize("status", ["died", "done"])
def test_a_trial_whose_worker_dies_starts_again(
    status: str, settings: Config, tmp_path: Path
) -> None:
    planned = sweep.prepare(definition(settings), tmp_path / "sweep")
    workers = Dying(planned.trials[0].address, 4, status)

    assert statuses(swept(planned, workers)) == {"begun": 1, "again": 4, "done": 3}


def test_a_trial_that_another_process_still_saves_is_waited_for(
    settings: Config, tmp_path: Path
) -> None:
    planned = sweep.prepare(definition(settings), tmp_path / "sweep")
    first = planned.folder.trial(planned.trials[0].address)
    list(train(planned.trials[0].config, first.path, preflight=False, until=1))
    held = first.lock()
    held.__enter__()
    release = Timer(0.5, lambda: held.__exit__(None, None, None))
    release.start()

    events = swept(planned)

    release.join()
    assert statuses(events) == {"begun": 1, "done": 3}


def test_a_trial_that_kills_its_workers_is_given_up_and_is_a_row(
    settings: Config, tmp_path: Path
) -> None:
    planned = sweep.prepare(definition(settings), tmp_path / "sweep")
    events = swept(planned, Dying(planned.trials[0].address, 99, "died"))

    assert statuses(events) == {"begun": 1, "again": 4, "failed": 1, "done": 2}
    failed = results(planned).rows[-1]
    assert (failed.status, failed.rank) == ("failed", None)
    assert failed.reason == "given up after 5 deaths: killed"
    error = planned.folder.error(planned.trials[0].address)
    error.write_text("Traceback")
    assert statuses(swept(planned)) == {"kept": 2, "begun": 1, "done": 1}
    assert not error.exists()
    assert results(planned).count("finished") == 3


def test_a_trial_that_fails_is_a_row_with_its_reason(settings: Config, tmp_path: Path) -> None:
    rates = {"optimizer.lr": {"values": [0.1, 100.0]}, "optimizer.weight_decay": {"value": 1.0}}
    long = settings.replace(train=settings.train.replace(epochs=60))
    planned = sweep.prepare(definition(long, rates), tmp_path / "sweep")

    assert statuses(swept(planned))["failed"] == 1

    row = results(planned).rows[-1]
    assert row.status == "failed"
    assert "first value that is not finite" in row.reason


@pytest.mark.parametrize(("keep", "left"), [("best", {"best"}), ("none", set())])
def test_only_the_weights_that_are_asked_for_are_kept(
    keep: str, left: set[str], settings: Config, tmp_path: Path
) -> None:
    planned = sweep.prepare(definition(settings), tmp_path / "sweep")
    swept(planned, keep=keep)
    folder = planned.folder.trial(planned.trials[0].address)

    assert {path.stem for path in folder.path.glob("*.safetensors")} == left
    assert statuses(swept(planned, keep=keep)) == {"kept": 3, "begun": 1}
    with pytest.raises(CheckpointError, match="was removed, so the run cannot be resumed"):
        list(resume(planned.trials[0].config, folder.path))


def test_without_weights_a_sweep_says_why_it_has_no_test(settings: Config, tmp_path: Path) -> None:
    planned = sweep.prepare(definition(settings), tmp_path / "sweep")
    swept(planned, keep="best")
    planned.folder.trial(planned.trials[0].address).weights("best").unlink()

    found = results(planned)

    assert (found.test, len(found.rows)) == (None, 3)
    assert found.no_test.endswith("not all weights were kept; --keep all keeps them")


def test_a_sweep_refuses_the_folder_of_a_run(settings: Config, run: Path) -> None:
    with pytest.raises(CheckpointError, match="holds a run"):
        sweep.prepare(definition(settings), run)


def test_one_seed_each_is_compared_image_by_image(settings: Config, tmp_path: Path) -> None:
    planned = sweep.prepare(
        definition(settings, {"optimizer.lr": {"values": [1e-4, 0.1]}}), tmp_path / "sweep"
    )
    swept(planned)

    found = results(planned)

    assert (found.test, found.pairs) == ("mcnemar", 1)
    assert [row.verdict for row in found.rows] == ["best", "worse"]
    assert found.rows[0].parameters == {"optimizer.lr": 0.1}


def test_several_seeds_are_compared_by_a_paired_test(settings: Config, tmp_path: Path) -> None:
    planned = sweep.prepare(definition(settings, seeds=3), tmp_path / "sweep")
    swept(planned)

    found = results(planned)

    assert (found.test, found.pairs, len(found.rows)) == ("paired-t", 3, 3)
    assert all(row.summary and row.summary.n == 3 for row in found.rows)
    means = [row.mean for row in found.rows]
    assert means == sorted(means, key=lambda mean: -(mean or 0.0))


def test_of_many_pairs_only_those_with_the_best_are_tested(
    settings: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = sweep.prepare(definition(settings, seeds=3), tmp_path / "sweep")
    swept(planned)
    holm = results(planned)
    assert holm.correction == "Holm"

    monkeypatch.setattr(sweep_results, "MAX_PAIRS", 2)
    bonferroni = results(planned)

    assert bonferroni.correction == "Bonferroni"
    for first, second in zip(holm.rows[1:], bonferroni.rows[1:], strict=True):
        assert first.p_holm is not None
        assert second.p_holm is not None
        assert 1 >= second.p_holm >= first.p_holm > 0


def test_the_winners_command_names_what_is_not_a_default() -> None:
    config = load_config("mnist", ["optimizer.name=adam", "network.hidden=[64,32]"])

    words = command(config)

    assert words.startswith("mlp train mnist optimizer.name=adam 'network.hidden=[64,32]'")
    assert words.endswith("--threads 1")


@pytest.mark.slow
def test_a_pool_gives_what_one_process_gives(settings: Config, tmp_path: Path) -> None:
    one = sweep.prepare(definition(settings, early_terminate=HALVING), tmp_path / "one")
    many = sweep.prepare(definition(settings, early_terminate=HALVING), tmp_path / "many")

    swept(one)
    with many.folder.lock(), chosen(many, many.trials, Wanted(workers=2)) as (pool, _):
        list(sweep_run.run(many, pool))

    for trial in one.trials:
        first, second = (each.folder.trial(trial.address).path for each in (one, many))
        assert result(first) == result(second)


@pytest.mark.slow
def test_a_signal_while_progress_is_drawn_stops_the_workers_too(
    settings: Config, tmp_path: Path
) -> None:
    long = settings.replace(train=settings.train.replace(epochs=100_000))
    planned = sweep.prepare(definition(long), tmp_path / "sweep")
    first = planned.folder.trial(planned.trials[0].address)
    task = Task(first.path.name, str(first.path), planned.trials[0].config.model_dump(mode="json"))

    def draw() -> None:
        with planned.folder.lock(), chosen(planned, planned.trials, Wanted(workers=2)) as (pool, _):
            pool.submit(task)
            while not first.weights("last").exists():
                time.sleep(0.01)
            raise KeyboardInterrupt(signal.SIGTERM)

    with pytest.raises(Interrupted, match="the same command resumes it") as caught:
        draw()

    assert caught.value.exit_code == 128 + signal.SIGTERM
    assert first.load_record().status == "interrupted"
