import io
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from safetensors import safe_open

import mlpcli
from mlpcli.api import export, gradcheck
from mlpcli.api.eval import evaluate_run, open_subject
from mlpcli.api.import_weights import import_weights
from mlpcli.api.predict import open_run, predict
from mlpcli.api.reproduce import recorded, repetition_folder, train_again
from mlpcli.api.resume import resume
from mlpcli.api.sweep_plan import address_of
from mlpcli.api.trainer import train
from mlpcli.config.schema import Config
from mlpcli.data.image_sources import Skipped
from mlpcli.data.preprocessing import inputs
from mlpcli.errors import DataError
from mlpcli.nn import Array, mlp, temperature
from mlpcli.runs.checkpoint import Checkpoint
from mlpcli.runs.folder import RunFolder
from mlpcli.runs.selection import Kind
from mlpcli.show.eval import as_blocks
from mlpcli.show.format import plain
from mlpcli.training import build
from mlpcli.training.progress import Epoch, Step
from tests.trainings import changed

WHICH: tuple[Kind, Kind] = ("best", "last")


def trained(settings: Config, folder: Path, *changes: str) -> Path:
    """The folder, with a finished run of the settings with changes."""
    list(train(changed(settings, *changes), folder, preflight=False))
    return folder


def raw_outputs(run: Path, which: Kind, split: str) -> tuple[Array, Array]:
    """What the weights as they were trained put out for a split, (n, classes), and its labels."""
    subject = open_subject(run, split, None, which, offline=True)
    rows = slice(None) if subject.rows is None else subject.rows
    kept = raw(run, which)
    activation = build.activation(kept.metadata.config)
    x = inputs(subject.images.images[rows])
    return mlp.forward(kept.params, x, activation=activation).z[-1], subject.images.labels[rows]


def raw(run: Path, which: str = "best") -> Checkpoint:
    """Its weights as they were trained."""
    return RunFolder(run).load_checkpoint(which)


def kept(run: Path, which: str = "best") -> float:
    """The temperature of a run's weights, which must have one."""
    found = raw(run, which).metadata.temperature
    assert found is not None
    return found


def test_each_network_has_the_temperature_that_fits_its_validation_outputs(run: Path) -> None:
    metrics = RunFolder(run).load_metrics()

    for which in WHICH:
        z, labels = raw_outputs(run, which, "validation")
        assert kept(run, which) == pytest.approx(temperature.fit(z, labels), rel=1e-4)
    assert kept(run, "last") == metrics[-1].temperature
    record = RunFolder(run).load_record()
    assert record.best
    assert kept(run, "best") == record.best.temperature


def test_an_evaluation_has_loss_and_error_with_and_without_it(run: Path) -> None:
    z, labels = raw_outputs(run, "best", "test")
    y = mlp.one_hot(labels, z.shape[1])

    found = evaluate_run(run, weights="best")

    assert found.temperature == kept(run)
    assert_allclose(found.scores.loss, mlp.cross_entropy(z / kept(run), y), rtol=1e-5)
    assert_allclose(found.calibration.loss, found.scores.loss, rtol=1e-5)
    assert_allclose(found.uncalibrated.loss, mlp.cross_entropy(z, y), rtol=1e-5)
    confidence = mlp.softmax(z / kept(run)).max(axis=1).mean()
    mean = sum(each.n * each.confidence for each in found.calibration.bins) / len(z)
    assert_allclose(mean, confidence, rtol=1e-5)


def test_it_lowers_the_loss_of_the_validation_images(run: Path) -> None:
    found = evaluate_run(run, split="validation")

    assert found.scores.loss < found.uncalibrated.loss


@pytest.mark.parametrize(
    "change",
    [
        "network.activation=relu",
        "network.activation=tanh",
        "network.batch_norm=true",
        "train.ema=0.9",
        "train.class_weight=balanced",
        "train.label_smoothing=0.3",
    ],
)
@pytest.mark.parametrize("split", ["test", "train"])
def test_every_class_stays_the_same(
    settings: Config, folder: Path, split: str, change: str
) -> None:
    trained(settings, folder, change)

    for which in WHICH:
        z, labels = raw_outputs(folder, which, split)
        found = evaluate_run(folder, split=split, weights=which)
        assert_array_equal(found.scores.right, z.argmax(axis=1) == labels)


def test_predictions_have_calibrated_probabilities(run: Path, dots: str) -> None:
    z, _ = raw_outputs(run, "best", "test")
    expected = mlp.softmax(z / kept(run)).max(axis=1)
    with np.load(dots) as arrays:
        np.savez(run / "images.npz", allow_pickle=False, images=arrays["x_test"])

    events = list(predict(open_run(run, "best")[1], [str(run / "images.npz")], io.BytesIO()))

    some = [
        each for event in events if not isinstance(event, DataError | Skipped) for each in event
    ]
    assert_allclose([each.top[0].probability for each in some], expected, rtol=1e-5)


def test_a_model_in_python_has_calibrated_probabilities(run: Path, dots: str) -> None:
    z, _ = raw_outputs(run, "best", "test")
    with np.load(dots) as arrays:
        images = arrays["x_test"]

    model = mlpcli.load(run, weights="best")

    assert_allclose(model.probabilities(images), mlp.softmax(z / kept(run)), rtol=1e-4, atol=1e-7)
    assert_allclose(model.params[-1].b, raw(run).params[-1].b / kept(run), rtol=1e-6)


def test_an_export_needs_no_temperature(run: Path) -> None:
    file = run.parent / "net.safetensors"

    export.export(run, file, form="safetensors", weights="best")

    with safe_open(file, framework="np") as opened:
        W3, b3 = opened.get_tensor("W3"), opened.get_tensor("b3")
        assert float(opened.metadata()["temperature"]) == pytest.approx(kept(run), rel=1e-8)
    assert_allclose(W3, raw(run).params[-1].W / kept(run), rtol=1e-6)
    assert_allclose(b3, raw(run).params[-1].b / kept(run), rtol=1e-6)


def test_an_exported_network_is_imported_without_a_second_temperature(run: Path, dots: str) -> None:
    file, other = run.parent / "net.safetensors", run.parent / "imported"
    export.export(run, file, form="safetensors")

    import_weights(file, other, overrides=[f"data.name={dots}"])

    found, expected = evaluate_run(other), evaluate_run(run)
    assert found.temperature is None
    assert found.scores.loss == pytest.approx(expected.scores.loss)
    assert found.uncalibrated == found.calibration


def test_the_gradient_of_a_run_is_that_of_the_calibrated_network(run: Path) -> None:
    W = gradcheck.point_of_run(run, "best")[1].problem.params[-1].W

    assert_allclose(W, raw(run).params[-1].W / kept(run), rtol=1e-6)


def test_an_interrupted_run_gets_the_temperatures_of_an_unbroken_one(
    settings: Config, folder: Path
) -> None:
    whole = trained(settings, folder.parent / "whole")
    events = train(settings, folder, preflight=False)
    list(islice((event for event in events if isinstance(event, Epoch)), 2))
    events.close()

    list(resume(settings, folder))

    for which in WHICH:
        assert kept(folder, which) == kept(whole, which)


def test_best_weights_that_were_lost_get_their_temperature_back(
    settings: Config, folder: Path
) -> None:
    events = train(settings, folder, preflight=False)
    next(event for event in events if isinstance(event, Epoch))
    events.close()
    place = RunFolder(folder)
    before = kept(folder)
    place.weights("best").unlink()  # as if it had died between last and best

    list(resume(settings.replace(train=settings.train.replace(epochs=1)), folder))

    assert kept(folder) == before


def test_weights_saved_within_an_epoch_have_none(settings: Config, folder: Path) -> None:
    events = train(changed(settings, "checkpoint.every_seconds=0"), folder, preflight=False)
    list(islice((event for event in events if isinstance(event, Step)), 12))
    events.close()

    assert RunFolder(folder).load_checkpoint("last").metadata.temperature is None


def test_a_repetition_has_the_same_temperature(run: Path) -> None:
    then = recorded(run)

    with repetition_folder(run, None) as beside:
        list(train_again(then, beside))
        assert [kept(beside, which) for which in WHICH] == [kept(run, which) for which in WHICH]


@pytest.mark.parametrize("change", ["train.calibration=none", "data.validation=0"])
def test_without_calibration_or_validation_there_is_none(
    settings: Config, folder: Path, change: str
) -> None:
    trained(settings, folder, change)
    z, labels = raw_outputs(folder, "best", "test")

    found = evaluate_run(folder, weights="best")

    assert found.temperature is None
    assert found.scores.loss == pytest.approx(float(mlp.cross_entropy(z, np.eye(3)[labels])))
    assert found.uncalibrated == found.calibration
    assert "uncalibrated" not in plain(as_blocks(found))


def test_it_does_not_change_the_training(settings: Config, run: Path) -> None:
    other = trained(settings, run.parent / "other", "train.calibration=none")

    for which in WHICH:
        ours, theirs = raw(run, which), raw(other, which)
        for layer, same in zip(ours.params, theirs.params, strict=True):
            assert_array_equal(layer.W, same.W)


def test_a_resumed_run_may_change_it(settings: Config, run: Path) -> None:
    list(resume(changed(settings, "train.epochs=4", "train.calibration=none"), run))

    assert RunFolder(run).load_checkpoint("last").metadata.temperature is None


def test_trials_of_a_sweep_keep_their_address(settings: Config) -> None:
    other = changed(settings, "train.calibration=none")

    assert address_of(settings, {}) == address_of(other, {})


def test_three_validation_images_make_a_network_certain_of_nothing(
    settings: Config, folder: Path
) -> None:
    trained(settings, folder, "data.validation=3")

    z, labels = raw_outputs(folder, "best", "validation")
    assert len(z) == 3
    p = mlp.softmax(z / kept(folder))
    assert p[np.arange(3), labels].min() < 0.99  # certain of nothing


def test_the_metrics_of_the_training_are_uncalibrated(run: Path) -> None:
    z, labels = raw_outputs(run, "last", "validation")

    loss = RunFolder(run).load_metrics()[-1].validation_loss
    assert loss == pytest.approx(float(mlp.cross_entropy(z, np.eye(3)[labels])))
