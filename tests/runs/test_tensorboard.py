"""TensorBoard event files, read back."""

import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from mlpcli.api.resume import resume
from mlpcli.api.trainer import train
from mlpcli.config.schema import Config, Log
from mlpcli.errors import ConfigError
from mlpcli.runs.folder import RunFolder
from mlpcli.training.progress import Epoch
from tests.trainings import changed

TAGS = {"loss/train", "loss/validation", "accuracy/validation", "lr", "images_per_second"}


@pytest.fixture
def logged(settings: Config) -> Config:
    pytest.importorskip("tensorboardX")
    return settings.replace(log=Log(tensorboard=True))


def written(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Step and value of all that is in the event files, by tag, nothing taken for void."""
    from tensorboardX.proto.event_pb2 import Event

    found: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for path in (folder / "events").iterdir():
        data, at = path.read_bytes(), 0
        while at < len(data):  # each record: length, its sum, event, its sum
            end = at + 12 + int.from_bytes(data[at : at + 8], "little")
            event = Event.FromString(data[at + 12 : end])
            for value in event.summary.value:
                found[value.tag].append((event.step, value.simple_value))
            at = end + 4
    return found


def expected(folder: Path, name: str) -> list[tuple[int, Any]]:
    metrics = RunFolder(folder).load_metrics()
    return [(each.epoch, pytest.approx(getattr(each, name))) for each in metrics]


def test_each_epoch_is_in_the_event_file_once_and_as_soon_as_it_is_done(
    logged: Config, folder: Path
) -> None:
    for event in train(logged, folder):
        if isinstance(event, Epoch):
            found = written(folder)
            assert set(found) == TAGS
            assert [step for step, _ in found["lr"]] == [*range(1, event.metrics.epoch + 1)]
            assert found["loss/train"] == expected(folder, "train_loss")
            assert found["loss/validation"] == expected(folder, "validation_loss")
            assert found["accuracy/validation"] == expected(folder, "validation_accuracy")


def test_the_metric_that_decides_is_logged_too(logged: Config, folder: Path) -> None:
    list(train(changed(logged, "train.metric=macro_f1"), folder))

    found = written(folder)
    assert set(found) == TAGS | {"macro_f1/validation"}
    assert found["macro_f1/validation"] == expected(folder, "validation_macro_f1")


def test_a_resumed_run_doubles_no_epoch_and_lacks_none(logged: Config, folder: Path) -> None:
    steps = iter(train(logged, folder))
    next(event for event in steps if isinstance(event, Epoch) and event.metrics.epoch == 2)
    del steps  # it stops after the second epoch
    list(resume(changed(logged, "train.epochs=4"), folder))

    found = written(folder)
    assert all([step for step, _ in found[tag]] == [1, 2, 3, 4] for tag in TAGS)
    assert found["loss/validation"] == expected(folder, "validation_loss")


def test_a_run_can_be_resumed_with_event_files_that_it_did_not_have(
    settings: Config, logged: Config, folder: Path
) -> None:
    list(train(settings, folder))
    assert not (folder / "events").exists()

    list(resume(changed(logged, "train.epochs=4"), folder))

    assert [step for step, _ in written(folder)["lr"]] == [1, 2, 3, 4]


def test_tensorboard_reads_what_was_written(logged: Config, folder: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    list(train(logged, folder))
    found = EventAccumulator(str(folder / "events")).Reload()

    assert set(found.Tags()["scalars"]) == TAGS
    scalars = [(each.step, each.value) for each in found.Scalars("accuracy/validation")]
    assert scalars == expected(folder, "validation_accuracy")


def test_event_files_go_with_their_run(settings: Config, logged: Config, folder: Path) -> None:
    list(train(logged, folder))
    list(train(settings, folder, overwrite=True))
    assert not (folder / "events").exists()

    list(train(logged, folder, overwrite=True))
    RunFolder(folder).remove()
    assert not folder.exists()


def test_without_the_library_nothing_is_begun(
    settings: Config, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    wanted = settings.replace(log=Log(tensorboard=True))

    for training in (train, resume):
        with pytest.raises(ConfigError, match=r"log\.tensorboard: .*pip install tensorboardX"):
            next(training(wanted, folder))
    assert not folder.exists()
