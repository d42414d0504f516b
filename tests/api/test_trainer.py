import json
import os
import shutil
import signal
import sys
import time
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal, assert_equal
from safetensors.numpy import load_file

from mlpcli.api.trainer import DataSummary, Event, Notice, train
from mlpcli.config.load import load_config
from mlpcli.config.schema import Config
from mlpcli.data import dataset
from mlpcli.errors import CheckFailed, CheckpointError, DataError, Interrupted, TrainingError
from mlpcli.nn import optim
from mlpcli.nn.mlp import Params
from mlpcli.runs import checkpoint
from mlpcli.runs.folder import BEST, LAST, METRICS, RUN_FILES, RunFolder
from mlpcli.signals import CAUGHT
from mlpcli.training import build
from mlpcli.training.progress import Epoch, Progress, Step
from tests.trainings import changed, unstaged


def test_a_run_folder_holds_settings_metrics_weights_and_record(
    settings: Config, run: Path
) -> None:
    record = RunFolder(run).load_record()
    lines = [json.loads(line) for line in (run / METRICS).read_text().splitlines()]

    assert sorted(file.name for file in run.iterdir()) == sorted([*RUN_FILES, ".lock"])
    assert load_config(str(run / "config.yaml")) == settings
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert {line["schema"] for line in lines} == {1}
    assert record.status == "finished"
    assert record.ended_by == "epochs"
    assert record.reproducible is True
    assert record.as_dict()["last"] == {k: v for k, v in lines[-1].items() if k != "schema"}
    assert record.data.training_images == 270
    assert record.data.validation_images == 30
    assert all(len(digest) == 64 for digest in record.data.sha256.values())
    assert {"python", "numpy", "blas", "threads", "cpu"} <= record.environment.as_dict().keys()


def test_averaged_weights_stand_in_the_files_and_the_others_beside_them(
    settings: Config, folder: Path
) -> None:
    *_, epoch = train(changed(settings, "train.ema=0.9", "train.epochs=1"), folder, preflight=False)
    last, best = (checkpoint.load(folder / name) for name in (LAST, BEST))
    _, raw = last.optimizer_state

    assert isinstance(epoch, Epoch)
    assert_array_equal(last.params[0].W, epoch.engine.params[0].W)
    assert_array_equal(best.params[0].W, epoch.engine.params[0].W)
    assert_array_equal(raw[0].W, epoch.engine.layout.read(epoch.engine.theta)[0].W)
    assert not np.array_equal(raw[0].W, last.params[0].W)
    assert "W1.raw" in load_file(folder / LAST)
    assert best.optimizer_state == ()


def test_metrics_of_an_older_run_lack_the_norms(run: Path) -> None:
    lines = [json.loads(line) for line in (run / METRICS).read_text().splitlines()]
    older = [{k: v for k, v in line.items() if not k.endswith("_norms")} for line in lines]
    now = RunFolder(run).load_metrics()
    (run / METRICS).write_text("".join(json.dumps(line) + "\n" for line in older))

    then = RunFolder(run).load_metrics()

    assert list(now[0].weight_norms or ()) == lines[0]["weight_norms"]
    without = {"weight_norms": None, "gradient_norms": None}
    assert then == [metrics.model_copy(update=without) for metrics in now]


def test_best_is_the_first_epoch_with_the_highest_validation_accuracy(run: Path) -> None:
    metrics, record = RunFolder(run).load_metrics(), RunFolder(run).load_record()

    best = max(metrics, key=lambda each: each.validation("accuracy"))
    assert record.best == best
    assert checkpoint.load(run / BEST).metadata.progress.epoch == best.epoch
    assert checkpoint.load(run / LAST).metadata.progress.epoch == 3


def long_tail(dots: str, path: Path) -> str:
    """The dots with 100 images of class 0, 20 of class 1 and 5 of class 2 to train on."""
    arrays = dict(np.load(dots))
    rows = np.concatenate(
        [np.flatnonzero(arrays["y_train"] == k)[:n] for k, n in enumerate((100, 20, 5))]
    )
    arrays |= {"x_train": arrays["x_train"][rows], "y_train": arrays["y_train"][rows]}
    np.savez(path, allow_pickle=False, **arrays)
    return str(path)


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "macro_f1"])
def test_the_metric_decides_what_is_best_and_when_to_stop(
    settings: Config, dots: str, tmp_path: Path, metric: Any
) -> None:
    data = long_tail(dots, tmp_path / "tail.npz")
    tail = changed(settings, f"data.name={data}", "data.validation=0.4", "optimizer.lr=0.05")
    config = changed(tail, f"train.metric={metric}", "train.epochs=99", "train.target=0.9")
    list(train(config, tmp_path / metric, preflight=False))

    folder = RunFolder(tmp_path / metric)
    record, epochs = folder.load_record(), folder.load_metrics()
    assert (record.metric, record.ended_by, record.best) == (metric, "target", epochs[-1])
    values = [epoch.validation(metric) for epoch in epochs]
    assert values[-1] >= 0.9 > max(values[:-1])
    assert folder.load_weights("last").metadata.progress.best_score == values[-1]


def test_a_long_tail_is_warned_of_and_the_record_has_it(
    settings: Config, dots: str, tmp_path: Path
) -> None:
    data = long_tail(dots, tmp_path / "tail.npz")
    tail = changed(settings, f"data.name={data}", "train.epochs=1", "optimizer.lr=1e-3")
    about, first, *_, last = unstaged(train(tail, tmp_path / "a", preflight=False))

    assert isinstance(about, DataSummary)
    assert isinstance(first, Notice)
    assert isinstance(last, Notice)
    assert first.text.startswith("fewer than 2 validation images of class '2', ")
    assert last.text == (
        "the best weights never predict class '1' on the validation images; "
        "try --set train.class_weight=balanced"
    )
    record = RunFolder(tmp_path / "a").load_record()
    assert record.warnings == (first.text, last.text)
    assert record.best
    assert record.best.never_predicted is not None
    assert 1 in record.best.never_predicted


def test_the_weights_in_use_are_those_that_a_warning_is_about(
    settings: Config, dots: str, tmp_path: Path
) -> None:
    data = long_tail(dots, tmp_path / "tail.npz")
    even = ["train.epochs=6", "optimizer.lr=3e-3", "schedule.name=cosine"]  # the first is the best
    tail = changed(settings, f"data.name={data}", *even)
    *_, last = train(tail, tmp_path / "a", preflight=False)

    assert isinstance(last, Notice)
    assert last.text.startswith("the last weights never predict class")


def test_classes_of_equal_size_give_no_warning(settings: Config, folder: Path) -> None:
    assert not [event for event in train(settings, folder) if isinstance(event, Notice)]


def test_a_folder_with_a_run_is_left_alone_without_overwrite(settings: Config, run: Path) -> None:
    before = (run / BEST).read_bytes()

    with pytest.raises(CheckpointError, match="already contains a run"):
        list(train(settings, run))
    assert (run / BEST).read_bytes() == before

    (run / "notes.txt").write_text("mine")
    list(train(settings, run, overwrite=True))
    assert (run / "notes.txt").read_text() == "mine"


def test_a_file_in_place_of_the_folder_is_refused(settings: Config, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")

    with pytest.raises(CheckpointError, match="is a file; name a folder"):
        list(train(settings, tmp_path / "taken"))


def test_an_unwritable_folder_is_one_clear_error(settings: Config) -> None:
    with pytest.raises(CheckpointError, match="/proc/run: cannot write the run here"):
        list(train(settings, Path("/proc/run")))


def test_missing_data_leaves_no_folder(settings: Config, folder: Path) -> None:
    with pytest.raises(DataError):
        list(train(changed(settings, "data.name=./no"), folder))
    assert not folder.exists()


@pytest.mark.parametrize("number", CAUGHT)
def test_a_signal_ends_the_step_saves_and_says_so(
    settings: Config, folder: Path, number: int
) -> None:
    def send(event: Event) -> None:
        if isinstance(event, Step) and event.progress[:2] == (1, 3):
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    message = r"after 1 epoch and 3 steps; resume with `mlp train --resume .*run`"
    with pytest.raises(Interrupted, match=message) as caught:
        list(map(send, train(settings, folder)))

    assert caught.value.exit_code == 128 + number
    assert RunFolder(folder).load_record().status == "interrupted"
    assert checkpoint.load(folder / LAST).metadata.progress.epoch == 1
    assert signal.getsignal(number) is before


def test_a_checkpoint_within_an_epoch_keeps_the_seconds_too(
    settings: Config, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that they are not lost where the process is killed."""
    events = unstaged(train(changed(settings, "checkpoint.every_seconds=0"), folder))
    monkeypatch.setattr(time, "perf_counter", count(step=0.5).__next__)

    seconds = [RunFolder(folder).load_record().seconds for _ in islice(events, 6)]
    events.close()

    assert seconds[0] == 0
    assert seconds[2:] == sorted(set(seconds[2:]))
    assert seconds[2] > 0


def test_a_second_signal_stops_at_once(settings: Config, folder: Path) -> None:
    def send(event: Event) -> None:
        if isinstance(event, Step):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted, match="stopped at once"):
        list(map(send, train(settings, folder)))


def test_the_sanity_checks_change_no_bit(settings: Config, tmp_path: Path) -> None:
    for name, checks in (("with", True), ("without", False)):
        list(train(settings, tmp_path / name, preflight=checks))

    assert_equal(load_file(tmp_path / "with" / LAST), load_file(tmp_path / "without" / LAST))


def test_a_failed_run_says_why_in_its_record(settings: Config, folder: Path) -> None:
    wild = settings.optimizer.model_copy(update={"lr": 1e30})  # which no config may have

    with pytest.raises(CheckFailed):
        list(train(settings.replace(optimizer=wild), folder))

    record = RunFolder(folder).load_record()
    assert record.status == "failed"
    assert record.error is not None
    assert "is the first value that is not finite" in record.error


def test_a_failed_run_keeps_the_weights_before_the_step_that_failed(
    settings: Config, folder: Path
) -> None:
    wild = changed(settings, "optimizer.lr=100", "optimizer.weight_decay=1")
    good: list[tuple[Progress, Params]] = []

    def keep(event: Event) -> None:
        if isinstance(event, Step):
            good.append((event.progress, event.engine.params))

    with pytest.raises(CheckFailed, match=r"epoch 1, step \d: z\d .* at learning rate \d"):
        list(map(keep, train(wild, folder, preflight=False)))

    kept = checkpoint.load(folder / LAST)
    progress, params = good[-1]
    assert kept.metadata.progress == progress
    assert_equal(kept.params, params)


@pytest.mark.skipif(sys.platform != "linux", reason="members are threads here")
def test_a_member_killed_between_two_steps_loses_nothing(settings: Config, folder: Path) -> None:
    shared = changed(settings, "train.batch_size=64")
    events = unstaged(train(shared, folder, preflight=False, threads=2))
    step = [next(events) for _ in range(8)][-1]  # the first is of the data
    params = step.engine.params  # type: ignore[union-attr]  # it is no notice
    for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        os.kill(int(child), signal.SIGKILL)

    with pytest.raises(TrainingError, match=r"signal 9 after 1 epoch and 1 step; resume with"):
        list(events)

    record, kept = RunFolder(folder).load_record(), checkpoint.load(folder / LAST)
    assert record.status == "failed"
    assert record.error
    assert "resume with" in record.error
    assert kept.metadata.progress[:2] == (1, 1)
    assert_equal(kept.params, params)


@pytest.mark.skipif(sys.platform != "linux", reason="members are threads here")
def test_a_member_killed_in_an_update_leaves_the_last_checkpoint(
    settings: Config, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller, real = os.getpid(), optim.sgd(0.9)

    def deadly(theta: Any, grad: Any, state: Any, lr: float, t: int) -> None:
        if t == 7 and os.getpid() != caller:
            os.kill(os.getpid(), signal.SIGKILL)
        if t == 7:
            time.sleep(0.1)  # so that the member takes a block
        real(theta, grad, state, lr, t)

    monkeypatch.setattr(build, "update_rule", lambda config: deadly)
    shared = changed(settings, "train.batch_size=64")

    with pytest.raises(TrainingError, match=r"signal 9; resume with .* from the last checkpoint"):
        list(train(shared, folder, preflight=False, threads=2))

    assert checkpoint.load(folder / LAST).metadata.progress[:2] == (1, 0)


def test_a_training_whose_folder_is_gone_can_be_closed(settings: Config, folder: Path) -> None:
    events = unstaged(train(settings, folder, preflight=False))
    next(events)
    shutil.rmtree(folder)

    events.close()

    assert not folder.exists()


def test_train_never_loads_the_test_split(
    settings: Config, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = dataset.load

    def spy(name: str, split: Any, **options: Any) -> Any:
        asked.append(split)
        return real(name, split, **options)

    monkeypatch.setattr(dataset, "load", spy)
    list(train(settings, folder))

    assert asked == ["train"]
