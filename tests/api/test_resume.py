import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlpcli.api.resume import resume
from mlpcli.api.trainer import Event, Notice, train
from mlpcli.config.load import load_config
from mlpcli.config.schema import Config
from mlpcli.errors import CheckpointError
from mlpcli.runs import checkpoint, record
from mlpcli.runs.folder import BEST, CONFIG, LAST, METRICS, RunFolder
from mlpcli.training.progress import Epoch, Step
from tests.fingerprint import result


class Dead(BaseException):
    """The process is no more; nothing catches it, and nothing is written after it."""


@pytest.fixture
def settings(dots: str) -> Config:
    """A training that saves its state after every step."""
    return changed(dots)


def changed(dots: str, *overrides: str) -> Config:
    same = [f"data.name={dots}", "network.hidden=[8]", "train.epochs=3", "train.batch_size=64"]
    return load_config(None, [*same, "checkpoint.every_seconds=0", *overrides])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def whole(settings: Config, tmp_path: Path) -> dict[str, Any]:
    """What a run leaves that was never stopped."""
    finish(train(settings, tmp_path / "whole", preflight=False))
    return result(tmp_path / "whole")


def finish(events: Iterator[Event]) -> None:
    for _ in events:
        pass


def die_at(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the n-th operation on the disk on, each one raises Dead in place of being done."""
    count = 0

    def mortal(real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            if count >= n:
                raise Dead
            return real(*args, **kwargs)

        return operation

    monkeypatch.setattr(os, "fsync", mortal(os.fsync))
    monkeypatch.setattr(Path, "replace", mortal(Path.replace))
    monkeypatch.setattr(Path, "unlink", mortal(Path.unlink))
    monkeypatch.setattr(Path, "open", mortal(Path.open))


def test_a_run_that_died_between_any_two_writes_ends_as_if_it_had_not(
    settings: Config, folder: Path, whole: dict[str, Any]
) -> None:
    deaths = 0
    for n in range(1, 10_000):
        shutil.rmtree(folder, ignore_errors=True)
        with pytest.MonkeyPatch.context() as patch:
            die_at(n, patch)
            try:
                finish(train(settings, folder, preflight=False))
                break
            except Dead:
                deaths += 1
        if (folder / CONFIG).exists():
            finish(resume(settings, folder))
        else:  # it died before there was a run
            finish(train(settings, folder, preflight=False))
        assert result(folder) == whole, f"died at operation {n}"

    assert deaths > 100
    assert not list(folder.glob("*.tmp"))


def test_a_resumed_run_may_die_again_at_any_write(
    settings: Config, folder: Path, whole: dict[str, Any], tmp_path: Path
) -> None:
    """The first death is in the middle of epoch 2; the second at any write while it is mended."""
    with pytest.MonkeyPatch.context() as patch:
        die_at(75, patch)
        with pytest.raises(Dead):
            finish(train(settings, folder, preflight=False))
    shutil.copytree(folder, tmp_path / "first")

    for n in range(1, 40):
        shutil.rmtree(folder)
        shutil.copytree(tmp_path / "first", folder)
        with pytest.MonkeyPatch.context() as patch:
            die_at(n, patch)
            with pytest.raises(Dead):
                finish(resume(settings, folder))
        finish(resume(settings, folder))
        assert result(folder) == whole, f"died again at operation {n}"


RECIPES = {
    "sgd": ["optimizer.weight_decay=0.01"],
    "nesterov": ["optimizer.nesterov=true", "schedule.name=step", "schedule.warmup=0.1"],
    "adam": ["optimizer.name=adam", "optimizer.weight_decay=0.01"],
    "adamw": ["optimizer.name=adamw", "schedule.name=one_cycle"],
    "dropout": ["network.dropout=0.5", "network.input_dropout=0.2", "network.max_norm=1"],
    "ema": ["train.ema=0.9", "optimizer.name=adamw", "network.dropout=0.5", "schedule.warmup=0.1"],
}


@pytest.mark.parametrize("overrides", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("step", range(1, 16))
def test_a_run_that_is_stopped_at_any_step_ends_with_the_same_bits(
    dots: str, folder: Path, tmp_path: Path, overrides: list[str], step: int
) -> None:
    settings = changed(dots, *overrides)
    finish(train(settings, tmp_path / "whole", preflight=False))
    events = train(settings, folder, preflight=False)

    for _, event in zip(range(step + 2), events, strict=False):
        assert isinstance(event, Step | Epoch)
    events.close()
    finish(resume(settings, folder))

    assert result(folder) == result(tmp_path / "whole")


@pytest.mark.parametrize("step", [1, 4, 6, 12])
def test_augmented_images_are_the_same_after_a_stop(
    dots: str, folder: Path, tmp_path: Path, step: int
) -> None:
    settings = changed(dots, "augment.shift=1", "augment.elastic=0.5", "augment.flip=true")
    finish(train(settings, tmp_path / "whole", preflight=False))
    events = train(settings, folder, preflight=False)

    for _ in range(step):
        next(events)
    events.close()
    finish(resume(settings, folder))

    assert result(folder) == result(tmp_path / "whole")


def test_a_time_budget_goes_on_where_it_was_and_may_grow(
    dots: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0

    def look() -> float:
        nonlocal now
        now += 0.01
        return now

    monkeypatch.setattr(time, "perf_counter", look)
    settings = changed(dots, "train.epochs=1000", "train.time_budget=3")
    events = train(settings, folder, preflight=False)
    for event in events:
        if isinstance(event, Step) and event.progress.used > 1:
            break
    events.close()
    stopped, now = checkpoint.load(folder / LAST).metadata.progress, 1e6

    event = next(resume(settings, folder))

    assert isinstance(event, Step)
    assert 1 < stopped.used < event.progress.used < 1.3

    finish(resume(settings, folder))
    run, best = RunFolder(folder).load_record(), (folder / BEST).read_bytes()
    assert (run["status"], run["ended_by"]) == ("finished", "time_budget")
    assert run["reproducible"] is False

    finish(resume(settings, folder))
    assert RunFolder(folder).load_record().epochs == run["epochs"]
    assert (folder / BEST).read_bytes() == best

    finish(resume(changed(dots, "train.epochs=1000", "train.time_budget=4"), folder))
    assert RunFolder(folder).load_record().epochs > run["epochs"]


def test_a_budget_used_up_before_an_epoch_was_judged_still_gives_a_best(
    dots: str, settings: Config, folder: Path
) -> None:
    events = train(settings, folder, preflight=False)
    next(event for event in events if isinstance(event, Step))
    events.close()

    finish(resume(changed(dots, "train.time_budget=1e-6"), folder))

    run = RunFolder(folder).load_record()
    assert (run["status"], run["ended_by"], run["epochs"]) == ("finished", "time_budget", 1)
    assert run["best"]["epoch"] == 1
    assert checkpoint.load(folder / BEST).metadata.progress.epoch == 1


def test_a_line_of_metrics_that_was_torn_is_cut_off(settings: Config, folder: Path) -> None:
    finish(train(settings, folder, preflight=False))
    path = folder / METRICS
    lines = path.read_bytes()
    path.write_bytes(lines + lines[:40])

    finish(resume(settings, folder))

    assert path.read_bytes() == lines


def test_epochs_may_be_added(dots: str, settings: Config, folder: Path) -> None:
    finish(train(settings, folder, preflight=False))

    finish(resume(changed(dots, "train.epochs=5"), folder))

    run = RunFolder(folder).load_record()
    assert run["epochs"] == 5
    assert run["status"] == "finished"
    assert [each["epoch"] for each in run["resumed"]] == [3]
    assert len(RunFolder(folder).load_metrics()) == 5
    assert load_config(str(folder / CONFIG)).train.epochs == 5


def test_another_machine_is_told_of(dots: str, settings: Config, folder: Path) -> None:
    finish(train(settings, folder, preflight=False))
    run = RunFolder(folder).load_record()
    record.save(folder, run | {"environment": run["environment"] | {"numpy": "1.0"}})

    events = resume(changed(dots, "train.epochs=4"), folder, threads=2)
    notices = [event.text for event in events if isinstance(event, Notice)]

    assert [text.partition(" in the run")[0] for text in notices] == ["numpy: '1.0'", "threads: 1"]
    assert RunFolder(folder).load_record().resumed[0]["environment"]["threads"] == 2


def test_what_forced_changes_is_recorded_before_the_first_step(
    dots: str, settings: Config, folder: Path
) -> None:
    finish(train(settings, folder, preflight=False))
    events = resume(changed(dots, "optimizer.lr=0.2", "train.epochs=4"), folder, force=True)

    next(events)

    assert RunFolder(folder).load_record().forced == [{"optimizer.lr": "0.1 in the run, 0.2 now"}]


def test_fewer_epochs_than_are_done_are_refused(dots: str, settings: Config, folder: Path) -> None:
    finish(train(settings, folder, preflight=False))

    with pytest.raises(CheckpointError, match=r"epochs must be at least 3, .* got 2"):
        finish(resume(changed(dots, "train.epochs=2"), folder))


def test_other_settings_are_refused_with_the_difference(
    dots: str, settings: Config, folder: Path
) -> None:
    finish(train(settings, folder, preflight=False))
    other = changed(dots, "optimizer.lr=0.2", "train.epochs=4")

    with pytest.raises(CheckpointError, match=r"differ.*\n  optimizer.lr: 0.1 in the run, 0.2 now"):
        finish(resume(other, folder))
    finish(resume(other, folder, force=True))

    assert RunFolder(folder).load_record().forced == [{"optimizer.lr": "0.1 in the run, 0.2 now"}]


def test_another_network_is_refused_with_force_too(
    dots: str, settings: Config, folder: Path
) -> None:
    finish(train(settings, folder, preflight=False))

    with pytest.raises(CheckpointError, match=r"these cannot change\n  network.hidden: \[8\]"):
        finish(resume(changed(dots, "network.hidden=[9]"), folder, force=True))


def test_averaging_cannot_begin_or_end_on_the_way(
    dots: str, settings: Config, folder: Path
) -> None:
    finish(train(settings, folder, preflight=False))

    with pytest.raises(CheckpointError, match=r"these cannot change\n  train.ema: None"):
        finish(resume(changed(dots, "train.ema=0.9"), folder, force=True))


def test_other_data_is_refused(settings: Config, folder: Path, dots: str) -> None:
    finish(train(settings, folder, preflight=False))
    with Path(dots).open("ab") as file:
        file.write(b"\0")

    with pytest.raises(CheckpointError, match="data: the training files are others"):
        finish(resume(settings, folder))


def test_what_is_no_run_is_not_resumed(settings: Config, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such run folder"):
        finish(resume(settings, tmp_path / "none"))
    with pytest.raises(CheckpointError, match="is this a run folder"):
        finish(resume(settings, tmp_path))


def test_weights_alone_are_nothing_to_go_on_from(settings: Config, folder: Path) -> None:
    finish(train(settings, folder, preflight=False))
    shutil.copy(folder / BEST, folder / LAST)

    with pytest.raises(CheckpointError, match="holds no state to go on from"):
        finish(resume(settings, folder))


def test_a_folder_in_use_is_refused_with_its_owners_pid(settings: Config, folder: Path) -> None:
    events = train(settings, folder, preflight=False)
    next(events)

    with pytest.raises(CheckpointError, match=f"process {os.getpid()} is writing a run here"):
        finish(resume(settings, folder))
    with pytest.raises(CheckpointError, match=f"process {os.getpid()} is writing a run here"):
        finish(train(settings, folder, overwrite=True))
    finish(events)

    assert RunFolder(folder).load_record().status == "finished"


def test_the_lock_of_a_process_that_is_gone_is_no_hindrance(settings: Config, folder: Path) -> None:
    folder.mkdir()
    (folder / ".lock").write_text("99999999")

    finish(train(settings, folder, preflight=False))

    assert (folder / ".lock").read_text() == str(os.getpid())
