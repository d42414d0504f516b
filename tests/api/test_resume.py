import itertools
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from mlpcli.api.resume import resume
from mlpcli.api.trainer import AlreadyFinished, Notice, train
from mlpcli.config.load import load_config
from mlpcli.config.schema import Config
from mlpcli.errors import CheckpointError
from mlpcli.runs import checkpoint
from mlpcli.runs.folder import BEST, CONFIG, LAST, METRICS, RECORD, RunFolder
from mlpcli.training.progress import Epoch, Step
from mlpcli.training.time_budget import TimeBudget
from tests.death import Dead, die_at
from tests.fingerprint import result
from tests.trainings import changed, edit_json, unstaged


@pytest.fixture
def settings(settings: Config) -> Config:
    """A training that saves its state after every step."""
    return changed(
        settings, "network.hidden=[8]", "train.batch_size=64", "checkpoint.every_seconds=0"
    )


@pytest.fixture
def short(settings: Config) -> Config:
    """Three epochs of two steps."""
    return changed(settings, "train.batch_size=135")


@pytest.fixture
def whole(short: Config, tmp_path: Path) -> dict[str, Any]:
    """What a short run leaves that was never stopped."""
    list(train(short, tmp_path / "whole", preflight=False))
    return result(tmp_path / "whole")


@pytest.mark.slow
def test_a_run_that_died_between_any_two_writes_ends_as_if_it_had_not(
    short: Config, folder: Path, whole: dict[str, Any]
) -> None:
    deaths = 0
    for n in range(1, 10_000):
        shutil.rmtree(folder, ignore_errors=True)
        with pytest.MonkeyPatch.context() as patch:
            die_at(n, patch)
            try:
                list(train(short, folder, preflight=False))
                break
            except Dead:
                deaths += 1
        if RunFolder(folder).holds_run():
            list(resume(short, folder))
        else:  # it died before there was a run
            list(train(short, folder, preflight=False))
        assert result(folder) == whole, f"died at operation {n}"

    assert deaths > 60
    assert not list(folder.glob("*.tmp"))


@pytest.mark.slow
def test_a_resumed_run_may_die_again_at_any_write(
    short: Config, folder: Path, whole: dict[str, Any], tmp_path: Path
) -> None:
    """The first death is in the middle of epoch 2; the second at any write of the repair."""
    with pytest.MonkeyPatch.context() as patch:
        die_at(49, patch)
        with pytest.raises(Dead):
            list(train(short, folder, preflight=False))
    shutil.copytree(folder, tmp_path / "first")

    for n in range(1, 40):
        shutil.rmtree(folder)
        shutil.copytree(tmp_path / "first", folder)
        with pytest.MonkeyPatch.context() as patch:
            die_at(n, patch)
            with pytest.raises(Dead):
                list(resume(short, folder))
        list(resume(short, folder))
        assert result(folder) == whole, f"died again at operation {n}"


RECIPES = {
    "sgd": ["optimizer.weight_decay=0.01"],
    "nesterov": ["optimizer.nesterov=true", "schedule.name=step", "schedule.warmup=0.1"],
    "adam": ["optimizer.name=adam", "optimizer.weight_decay=0.01"],
    "adamw": ["optimizer.name=adamw", "schedule.name=one_cycle"],
    "dropout": ["network.dropout=0.5", "network.input_dropout=0.2", "network.max_norm=1"],
    "class weights": ["train.class_weight={'1': 1.5}", "train.metric=balanced_accuracy"],
    "ema": ["train.ema=0.9", "optimizer.name=adamw", "network.dropout=0.5", "schedule.warmup=0.1"],
    "augment": ["augment.shift=1", "augment.elastic=0.5", "augment.flip=true"],
    "batch norm": ["network.batch_norm=true", "network.dropout=0.2", "optimizer.weight_decay=0.01"],
    "batch norm and ema": ["network.batch_norm=true", "train.ema=0.9", "optimizer.name=adamw"],
}


@pytest.mark.slow
@pytest.mark.parametrize("overrides", RECIPES.values(), ids=RECIPES)
def test_a_run_that_is_stopped_at_any_step_ends_with_the_same_bits(
    settings: Config, tmp_path: Path, overrides: list[str]
) -> None:
    settings = changed(settings, *overrides)
    events = train(settings, tmp_path / "whole", preflight=False)
    taken = sum(isinstance(event, Step | Epoch) for event in events)
    assert taken == 18  # five steps and the end of an epoch, three times

    for n in range(1, taken):
        folder = tmp_path / f"stopped after {n} events"
        events = unstaged(train(settings, folder, preflight=False))
        _, *seen = itertools.islice(events, 1 + n)  # the first is of the data
        assert all(isinstance(event, Step | Epoch) for event in seen)
        events.close()
        list(resume(settings, folder))
        assert result(folder) == result(tmp_path / "whole"), folder.name


def test_a_time_budget_resumes_where_it_was_and_may_grow(
    settings: Config, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0

    def look() -> float:
        nonlocal now
        now += 0.01
        return now

    monkeypatch.setattr(time, "perf_counter", look)
    settings = changed(settings, "train.epochs=1000", "train.time_budget=3")
    events = unstaged(train(settings, folder, preflight=False))
    for event in events:
        if isinstance(event, Step) and event.progress.used > 1 and event.progress.step == 1:
            break
    events.close()
    stopped, now = checkpoint.load(folder / LAST).metadata.progress, 1e6

    event = next(unstaged(resume(settings, folder)))

    assert isinstance(event, Step)
    assert 1 < stopped.used < event.progress.used < 1.5

    list(resume(settings, folder))
    record, best = RunFolder(folder).load_record(), (folder / BEST).read_bytes()
    assert (record.status, record.ended_by) == ("finished", "time_budget")
    assert record.reproducible is False

    list(resume(settings, folder))
    assert RunFolder(folder).load_record().epochs == record.epochs
    assert (folder / BEST).read_bytes() == best

    list(resume(changed(settings, "train.epochs=1000", "train.time_budget=4"), folder))
    assert RunFolder(folder).load_record().epochs > record.epochs


def test_a_run_with_epochs_that_were_not_validated_is_saved_and_resumed(
    settings: Config, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TimeBudget, "prefers_steps", lambda self: True)
    events = train(changed(settings, "train.time_budget=1e6", "train.epochs=5"), folder)
    for event in events:
        if isinstance(event, Epoch) and event.metrics.epoch == 3:
            break
    events.close()
    last = RunFolder(folder).load_weights("last").metadata.progress
    list(resume(changed(settings, "train.time_budget=1e6", "train.epochs=5"), folder))

    record, metrics = RunFolder(folder).load_record(), RunFolder(folder).load_metrics()
    assert (last.epoch, last.best_epoch) == (3, 1)
    assert [each.epoch for each in metrics if each.validation_loss is None] == [2, 3, 4]
    assert record.status == "finished"
    assert record.best in (metrics[0], metrics[4])


def test_a_budget_used_up_before_a_validation_still_gives_a_best(
    settings: Config, folder: Path
) -> None:
    events = unstaged(train(settings, folder, preflight=False))
    next(event for event in events if isinstance(event, Step))
    events.close()

    list(resume(changed(settings, "train.time_budget=1e-6"), folder))

    record = RunFolder(folder).load_record()
    assert (record.status, record.ended_by, record.epochs) == ("finished", "time_budget", 1)
    assert record.best is not None
    assert record.best.epoch == 1
    assert checkpoint.load(folder / BEST).metadata.progress.epoch == 1


def test_a_line_of_metrics_that_was_torn_is_cut_off(settings: Config, run: Path) -> None:
    lines = (run / METRICS).read_bytes()
    (run / METRICS).write_bytes(lines + lines[:40])
    edit_json(run / RECORD, lambda values: values.update(status="running"))

    list(resume(settings, run))

    assert (run / METRICS).read_bytes() == lines


@pytest.mark.parametrize("content", [None, b"torn"])
def test_lost_best_weights_of_a_finished_run_are_written_again(
    settings: Config, folder: Path, content: bytes | None
) -> None:
    one = changed(settings, "train.epochs=1")  # its only epoch is the best and the last
    list(train(one, folder, preflight=False))
    best = (folder / BEST).read_bytes()
    (folder / BEST).unlink() if content is None else (folder / BEST).write_bytes(content)

    list(resume(one, folder))

    assert (folder / BEST).read_bytes() == best


@pytest.mark.parametrize(
    ("change", "force", "more"),
    [
        ("train.epochs=3", False, "a larger --epochs adds more"),
        ("train.time_budget=5", False, "a larger --epochs adds more"),
        ("train.target=0.01", False, "a higher --target adds more"),
        ("log.tensorboard=true", False, "a larger --epochs adds more"),
        ("optimizer.lr=0.2", True, "a larger --epochs adds more"),
    ],
)
def test_a_run_with_nothing_left_to_train_stays_as_it_is(
    settings: Config, run: Path, change: str, force: bool, more: str
) -> None:
    before = {path.name: path.read_bytes() for path in run.iterdir()}

    (notice,) = unstaged(resume(changed(settings, change), run, force=force))

    assert notice == AlreadyFinished(f"{run}: already finished after 3 epochs; {more}")
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


def test_epochs_may_be_added(settings: Config, run: Path) -> None:
    list(resume(changed(settings, "train.epochs=5"), run))

    record = RunFolder(run).load_record()
    assert record.epochs == 5
    assert record.status == "finished"
    assert [each.epoch for each in record.resumed] == [3]
    assert len(RunFolder(run).load_metrics()) == 5
    assert load_config(str(run / CONFIG)).train.epochs == 5


def test_another_machine_is_reported(settings: Config, run: Path) -> None:
    edit_json(run / RECORD, lambda values: values["environment"].update(numpy="1.0"))

    events = resume(changed(settings, "train.epochs=4"), run, threads=2)
    notices = [event.text for event in events if isinstance(event, Notice)]

    assert [text.partition(" in the run")[0] for text in notices] == ["numpy: '1.0'", "threads: 1"]
    assert RunFolder(run).load_record().resumed[0].environment.threads == 2


def test_what_force_changes_is_recorded_before_the_first_step(settings: Config, run: Path) -> None:
    changes = ("optimizer.lr=0.2", "train.epochs=4")
    events = unstaged(resume(changed(settings, *changes), run, force=True))
    forced = ({"optimizer.lr": "0.1 in the run, 0.2 now"},)

    next(events)
    assert RunFolder(run).load_record().forced == forced
    list(events)
    assert RunFolder(run).load_record().forced == forced


@pytest.mark.parametrize(
    ("change", "force", "message"),
    [
        ("train.epochs=2", False, r"3 epochs are done; .* at least 3, got 2"),
        ("optimizer.lr=0.2", False, r"differ.*\n  optimizer.lr: 0.1 in the run, 0.2 now"),
        ("network.hidden=[9]", True, r"these cannot change\n  network.hidden: \[8\]"),
        ("train.ema=0.9", True, r"these cannot change\n  train.ema: None"),
        ("network.batch_norm=true", True, r"these cannot change\n  network.batch_norm: False"),
        ("train.metric=macro_f1", True, r"these cannot change\n  train.metric: 'accuracy'"),
        ("train.class_weight=balanced", False, r"differ.*\n  train.class_weight: 'none' in the"),
    ],
)
def test_other_settings_are_refused_with_the_difference(
    settings: Config, run: Path, change: str, force: bool, message: str
) -> None:
    with pytest.raises(CheckpointError, match=message):
        list(resume(changed(settings, change), run, force=force))


def test_other_data_is_refused(settings: Config, run: Path, dots: str) -> None:
    with Path(dots).open("ab") as file:
        file.write(b"\0")

    with pytest.raises(CheckpointError, match="data: the training files are not those of the run"):
        list(resume(settings, run))


def test_what_is_no_run_is_not_resumed(settings: Config, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such run folder"):
        list(resume(settings, tmp_path / "none"))
    with pytest.raises(CheckpointError, match="is this a run folder"):
        list(resume(settings, tmp_path))


def test_a_folder_in_use_is_refused_with_its_owners_pid(settings: Config, folder: Path) -> None:
    events = unstaged(train(settings, folder, preflight=False))
    next(events)

    with pytest.raises(CheckpointError, match=f"process {os.getpid()} is writing a run here"):
        list(resume(settings, folder))
    with pytest.raises(CheckpointError, match=f"process {os.getpid()} is writing a run here"):
        list(train(settings, folder, overwrite=True))
    list(events)

    assert RunFolder(folder).load_record().status == "finished"


def test_the_lock_of_a_process_that_is_gone_is_no_hindrance(settings: Config, folder: Path) -> None:
    folder.mkdir()
    (folder / ".lock").write_text("99999999")

    list(train(settings, folder, preflight=False))

    assert (folder / ".lock").read_text() == str(os.getpid())
