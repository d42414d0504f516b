"""Which weights `auto` takes: on curves made by hand, and on runs."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from mlpcli.api.trainer import train
from mlpcli.config.load import load_config
from mlpcli.config.schema import Config
from mlpcli.errors import CheckpointError
from mlpcli.runs import selection
from mlpcli.runs.folder import METRICS, RECORD, RunFolder
from mlpcli.runs.record import RunRecord
from mlpcli.training.progress import Metrics
from tests.trainings import changed, edit_json

RISING = [0.90, 0.95, 0.97, 0.98, 0.979]
FALLING = [0.90, 0.98, 0.96, 0.93, 0.92]


def epochs(curve: Sequence[float | None], last_lr: float = 1e-4) -> list[Metrics]:
    return [
        Metrics(
            epoch=i,
            train_loss=0.1,
            validation_loss=0.1,
            validation_accuracy=value,
            lr=last_lr if i == len(curve) else 0.1,
            seconds=1.0,
            images_per_second=1000.0,
        )
        for i, value in enumerate(curve, 1)
    ]


@pytest.fixture
def record(run: Path) -> RunRecord:
    """Of a run that trained to its end, with 1,000 validation images."""
    found = RunFolder(run).load_record()
    return found.replace(data=found.data.model_copy(update={"validation_images": 1000}))


def choose(
    record: RunRecord, curve: Sequence[float | None], last_lr: float = 1e-4
) -> selection.Selection:
    metrics = epochs(curve, last_lr)
    best = max(
        (m for m in metrics if m.validation_accuracy), key=lambda m: m.validation("accuracy")
    )
    return selection.choose(record.replace(best=best, last=metrics[-1]), metrics)


def test_the_last_weights_are_taken_where_the_curve_holds(record: RunRecord) -> None:
    found = choose(record, RISING)

    assert found.weights == "last"
    assert found.is_choice
    assert found.metrics == found.last
    assert found.last
    assert found.best
    assert (found.last.epoch, found.best.epoch) == (5, 4)


def test_the_best_weights_are_taken_where_the_curve_fell(record: RunRecord) -> None:
    found = choose(record, FALLING)

    assert found.weights == "best"
    assert found.metrics == found.best
    assert found.reason == "the validation curve fell by more than chance"


@pytest.mark.parametrize(("last_lr", "weights"), [(0.0, "last"), (0.0009, "last"), (0.002, "best")])
def test_the_learning_rate_must_have_ended_at_0(
    record: RunRecord, last_lr: float, weights: str
) -> None:
    found = choose(record, RISING, last_lr)

    assert found.weights == weights
    assert (found.reason == "the learning rate did not end at 0") == (weights == "best")


@pytest.mark.parametrize(
    ("changes", "ended"),
    [
        ([], True),
        (["schedule.name=one_cycle"], True),
        (["schedule.warmup=0.3", "train.ema=0.9"], True),
        (["train.epochs=10000", "train.time_budget=3"], True),
        (["schedule.name=constant"], False),
        (["schedule.name=step"], False),
        (["train.patience=1"], False),
    ],
)
def test_a_training_ends_at_0_by_its_schedule_alone(
    settings: Config, folder: Path, changes: list[str], *, ended: bool
) -> None:
    config = changed(settings, "train.epochs=8", "optimizer.lr=0.02", *changes)
    list(train(config, folder, preflight=False))
    record, metrics = RunFolder(folder).load_record(), RunFolder(folder).load_metrics()
    first = record.replace(best=metrics[0])  # so that there is a choice

    found = selection.choose(first, metrics)

    assert found.reason not in ("", selection.SAME)
    assert (found.reason != "the learning rate did not end at 0") == ended


@pytest.mark.parametrize("status", ["running", "interrupted", "paused", "failed"])
def test_a_run_that_has_not_finished_has_the_best(record: RunRecord, status: str) -> None:
    found = choose(record.replace(status=status), RISING)

    assert (found.weights, found.reason) == ("best", "the training has not finished")


def test_of_equal_weights_there_is_no_choice(record: RunRecord) -> None:
    found = choose(record, [0.5, 0.7, 0.9])

    assert (found.weights, found.is_choice) == ("best", False)


def test_of_weights_that_validate_alike_nothing_is_said(record: RunRecord) -> None:
    found = choose(record, [0.5, 0.9, 0.8, 0.9])

    assert (found.weights, found.is_choice) == ("last", False)


def test_epochs_that_were_not_validated_do_not_count(record: RunRecord) -> None:
    curve = [value for accuracy in RISING for value in (None, accuracy)]

    assert choose(record, curve).weights == "last"


def test_the_curve_is_that_of_the_metric_that_decides(record: RunRecord) -> None:
    metrics = [
        m.model_copy(update={"validation_macro_f1": f1})
        for m, f1 in zip(epochs(RISING), FALLING, strict=True)
    ]
    both = {"best": metrics[1], "last": metrics[-1]}

    by_f1 = selection.choose(record.replace(metric="macro_f1", **both), metrics)
    by_accuracy = selection.choose(record.replace(**both), metrics)

    assert (by_f1.weights, by_accuracy.weights) == ("best", "last")


@pytest.mark.parametrize("images", [100, 1000, 10_000])
def test_a_fall_of_one_standard_error_is_where_it_turns(images: int) -> None:
    end = 0.95
    error = math.sqrt(end * (1 - end) / images)

    assert not selection.has_fallen([end + 0.99 * error, end], images=images)
    assert selection.has_fallen([end + 1.01 * error, end], images=images)


def test_one_lucky_epoch_of_many_is_no_peak() -> None:
    curve = [0.98 - 0.3 / i for i in range(1, 101)]
    curve[60] = 0.999

    assert not selection.has_fallen(curve, images=1000)
    assert selection.has_fallen([*curve, *([0.97] * 20)], images=1000)


def test_a_run_that_overfits_has_its_best_weights(tmp_path: Path, rng: np.random.Generator) -> None:
    """Half of the labels are noise, so what is learned late is learned by heart."""
    n = 900
    labels = np.arange(n) % 3
    images = rng.integers(0, 160, (n, 6, 6))
    images[np.arange(n), 2, 2 * labels] = 255
    noisy = np.where(rng.random(n) < 0.5, rng.integers(0, 3, n), labels)
    file, run = tmp_path / "noisy.npz", tmp_path / "run"
    np.savez(file, x_train=images.astype("uint8"), y_train=noisy.astype("uint8"))
    network = ["network.hidden=[64]", "train.epochs=40", "train.batch_size=16"]
    config = load_config(None, [f"data.name={file}", "data.validation=600", *network])
    list(train(config, run, preflight=False))

    found = selection.select(RunFolder(run))

    assert (found.weights, found.reason) == (
        "best",
        "the validation curve fell by more than chance",
    )


def test_what_is_asked_for_by_name_is_taken(run: Path) -> None:
    place = RunFolder(run)

    assert selection.select(place, "last") == selection.Selection("last")
    found, checkpoint = selection.load(place, "last")
    assert not found.is_choice
    assert checkpoint.metadata == place.load_weights("last").metadata


@pytest.mark.parametrize("name", [RECORD, METRICS, "last.safetensors"])
def test_what_cannot_be_read_leaves_the_best(run: Path, name: str) -> None:
    (run / name).unlink()

    found, _ = selection.load(RunFolder(run))

    assert found.weights == "best"
    assert "cannot be read" in found.reason or "not there" in found.reason


def test_a_record_with_absurd_values_is_no_error(run: Path) -> None:
    edit_json(run / RECORD, lambda values: values["data"].update(validation_images=-3))
    edit_json(run / RECORD, lambda values: values["best"].update(epoch=1))

    assert selection.select(RunFolder(run)).weights in ("best", "last")


def test_no_weights_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()

    with pytest.raises(CheckpointError, match="is this a run folder"):
        selection.load(RunFolder(tmp_path / "run"))
