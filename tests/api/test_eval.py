import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mlpcli.api import multi_run
from mlpcli.api.eval import Evaluation, Evaluations, evaluate, evaluate_run
from mlpcli.api.trainer import train
from mlpcli.config.schema import Config
from mlpcli.errors import CheckFailed, CheckpointError, DataError
from mlpcli.runs.folder import RunFolder
from mlpcli.show.eval import as_blocks, as_json
from mlpcli.show.format import plain
from tests.trainings import train_seeds


def test_each_split_of_a_run_is_evaluated(run: Path) -> None:
    epoch = RunFolder(run).load_metrics()[-1]

    assert evaluate_run(run).scores.n == 90
    assert evaluate_run(run, split="train").scores.n == 270
    last = evaluate_run(run, split="validation", weights="last")
    assert last.scores.n == 30
    assert last.accuracy == epoch.validation_accuracy
    assert last.uncalibrated.loss == pytest.approx(epoch.validation_loss)


def test_loss_and_calibration_error_are_shown_with_and_without_temperature(run: Path) -> None:
    found = evaluate_run(run)
    values = json.loads(as_json(found))

    lines = plain(as_blocks(found)).splitlines()

    before = found.uncalibrated
    assert f"loss: {found.scores.loss:.4f} ({before.loss:.4f} uncalibrated)" in lines
    errors = f"{found.calibration.error:.2%} ({before.error:.2%} uncalibrated)"
    assert f"calibration error: {errors}" in lines
    assert f"temperature: {found.temperature:.4g}" in lines
    assert values["loss"] == found.scores.loss
    assert values["calibration_error"] == found.calibration.error
    assert values["temperature"] == found.temperature
    assert values["uncalibrated"] == {"loss": before.loss, "calibration_error": before.error}


def test_the_mean_calibration_error_of_several_seeds_is_shown(
    settings: Config, folder: Path
) -> None:
    train_seeds(settings, folder)

    found = evaluate(folder)

    assert isinstance(found, Evaluations)
    first, second = found.results.values()
    assert first.temperature != second.temperature
    error = (first.calibration.error + second.calibration.error) / 2
    before = (first.uncalibrated.error + second.uncalibrated.error) / 2
    *_, line = plain(as_blocks(found)).splitlines()
    assert line == f"calibration error (ECE): mean {error:.2%} ({before:.2%} uncalibrated)"
    seed = json.loads(as_json(found))["seeds"][1]
    assert seed["calibration_error"] == second.calibration.error
    assert seed["uncalibrated"]["loss"] == second.uncalibrated.loss


def test_a_single_run_gets_one_evaluation(run: Path) -> None:
    result = evaluate(run)

    assert isinstance(result, Evaluation)
    assert result.accuracy == evaluate_run(run).accuracy


def test_several_seeds_get_one_evaluation_each_and_their_mean(
    settings: Config, folder: Path
) -> None:
    train_seeds(settings, folder)

    result = evaluate(folder, split="validation")

    assert isinstance(result, Evaluations)
    records = multi_run.finished_runs(folder).values()
    best = [record.best.validation("accuracy") for record in records if record.best]
    assert [each.accuracy for each in result.results.values()] == best
    assert list(result.results) == [0, 1]
    assert result.accuracy == pytest.approx(sum(best) / 2)


def test_seeds_that_have_not_finished_are_refused(settings: Config, folder: Path) -> None:
    train_seeds(settings, folder)
    run = RunFolder(folder).member("seed", 1)
    run.save_record(run.load_record().replace(status="interrupted"))

    with pytest.raises(CheckpointError, match="seed-1: expected a finished run, got one that is"):
        evaluate(folder)


def test_data_with_other_classes_are_refused(run: Path) -> None:
    with pytest.raises(DataError, match=r"synth: its classes 0, 1, 2, .* must be among those"):
        evaluate_run(run, data="synth")


@pytest.fixture
def own(dots: str) -> dict[str, Any]:
    with np.load(dots) as arrays:
        return dict(arrays)


def other(folder: Path, **arrays: Any) -> str:
    np.savez(folder / "other.npz", allow_pickle=False, **arrays)
    return str(folder / "other.npz")


def test_class_folders_alone_are_evaluated_as_predict_prepares_them(
    run: Path, own: dict[str, Any], tmp_path: Path
) -> None:
    for i, (image, label) in enumerate(zip(own["x_test"], own["y_test"], strict=True)):
        (tmp_path / f"mine/{label}").mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(255 - image).resize((60, 60 + i % 2), Image.Resampling.BOX)
        picture.save(tmp_path / f"mine/{label}/{i}.png")

    result = evaluate_run(run, data=str(tmp_path / "mine"))

    assert (result.split, result.scores.n) == ("all", 90)
    assert result.accuracy > 0.95
    assert " on all images of " in plain(as_blocks(result))
    assert result.notes == (
        "dark on light, so inverted",
        "images were shrunk to the size of the training images",
    )


def test_a_test_split_alone_is_evaluated(run: Path, own: dict[str, Any], tmp_path: Path) -> None:
    path = other(tmp_path, x_test=own["x_test"], y_test=own["y_test"])

    result = evaluate_run(run, data=path)

    assert (result.split, result.notes) == ("test", ())
    assert result.accuracy == evaluate_run(run).accuracy
    assert result.scores.loss == evaluate_run(run).scores.loss


def test_training_images_alone_are_evaluated_with_a_note(
    run: Path, own: dict[str, Any], tmp_path: Path
) -> None:
    path = other(tmp_path, x_train=own["x_test"], y_train=own["y_test"])

    result = evaluate_run(run, data=path)

    assert (result.split, result.scores.n) == ("train", 90)
    assert result.notes == ("has no test split, so these are its training images",)


@pytest.mark.parametrize(
    ("white", "dtype", "note"),
    [(16, "u1", "white is 16"), (1, "f4", "white is 1"), (65535, "u2", "white is 65535")],
)
def test_other_ranges_of_pixels_are_found(
    run: Path, own: dict[str, Any], tmp_path: Path, white: float, dtype: str, note: str
) -> None:
    pixels = (own["x_test"] / 255 * white).astype(dtype)
    path = other(tmp_path, images=white - pixels, labels=own["y_test"])

    result = evaluate_run(run, data=path)

    assert result.notes == (note, "dark on light, so inverted")
    assert result.accuracy > 0.95


@pytest.mark.parametrize("form", ["bits", "few", "wide", "floats", "light", "light floats"])
def test_pixels_of_any_range_and_background_are_learned_as_their_mirror(
    settings: Config, own: dict[str, Any], tmp_path: Path, form: str
) -> None:
    def run_on(name: str, change: Callable[[NDArray[np.uint8]], NDArray[Any]]) -> Evaluation:
        images = {key: change(own[key]) for key in ("x_train", "x_test")}
        np.savez(tmp_path / f"{name}.npz", allow_pickle=False, **{**own, **images})
        data = settings.data.replace(name=str(tmp_path / f"{name}.npz"))
        list(train(settings.replace(data=data), tmp_path / name, preflight=False))
        return evaluate_run(tmp_path / name)

    forms: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {  # and their mirrors
        "bits": (lambda x: x > 99, lambda x: np.uint8(255) * (x > 99)),
        "few": (lambda x: x // 15 - x // 255, lambda x: np.rint((x // 15 - x // 255) * 15.9375)),
        "wide": (lambda x: x.astype(np.uint16) * 257, lambda x: x),
        "floats": (lambda x: x / 255, lambda x: x),
        "light": (lambda x: 255 - x, lambda x: x),
        "light floats": (lambda x: 1 - x / 255, lambda x: x),
    }
    found, mirror = (run_on(f"{form}{i}", change) for i, change in enumerate(forms[form]))

    assert found.scores.loss == mirror.scores.loss
    assert found.accuracy > 0.95


def test_some_of_the_classes_are_evaluated_alone(
    run: Path, own: dict[str, Any], tmp_path: Path
) -> None:
    some = own["y_test"] > 0
    path = other(tmp_path, images=own["x_test"][some], labels=own["y_test"][some])

    result = evaluate_run(run, data=path)

    assert result.scores.confusion.sum(axis=1).tolist() == [0, 30, 30]
    rows = [line.split()[:2] for line in plain(as_blocks(result)).splitlines()]
    assert ["1", "30"] in rows
    assert ["0", "0", "-"] not in [
        line.split()[:3] for line in plain(as_blocks(result)).splitlines()
    ]
    assert '"n": 0' in as_json(result)


def test_images_without_labels_are_refused(run: Path, own: dict[str, Any], tmp_path: Path) -> None:
    path = other(tmp_path, images=own["x_test"])

    with pytest.raises(DataError, match=r"other.npz: its all images have no labels; `mlp predict`"):
        evaluate_run(run, data=path)


def test_weights_whose_loss_is_not_finite_are_refused(run: Path) -> None:
    best = RunFolder(run).load_checkpoint("best")
    for layer in best.params:
        layer.W[:] = 3e38
    RunFolder(run).save_weights("best", best)

    with pytest.raises(
        CheckFailed,
        match=r"z\d is the first value that is not finite, since the weights are too large",
    ):
        evaluate_run(run, weights="best")
