import shutil
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from mlpcli.api.reproduce import Reproduction, compare, recorded, repetition_folder, train_again
from mlpcli.api.resume import resume
from mlpcli.api.trainer import train
from mlpcli.config.schema import Config
from mlpcli.errors import CheckpointError, Interrupted
from mlpcli.runs import checkpoint
from mlpcli.runs.environment import environment
from mlpcli.runs.folder import CONFIG, LAST, METRICS, RECORD, RunFolder
from tests.trainings import changed, edit_json, unstaged


def repeated(folder: Path) -> Reproduction:
    then = recorded(folder)
    with repetition_folder(folder, None) as beside:
        list(train_again(then, beside))
        return compare(then, beside)


def nudge(folder: Path) -> None:
    """Change the lowest bit of one number in the last weights."""
    path = folder / LAST
    kept = checkpoint.load(path)
    kept.params[0].W[500, 3] = np.nextafter(kept.params[0].W[500, 3], np.float32(9))
    checkpoint.save(path, kept)


def test_a_run_comes_out_in_identical_bits(run: Path) -> None:
    found = repeated(run)

    assert (found.verdict, found.epochs, found.since) == ("identical", 3, None)
    assert found.weights[0] == found.weights[1]
    assert (found.loss, found.accuracy, found.environment) == (0, 0, {})
    assert [path.name for path in run.parent.iterdir() if path.is_dir()] == ["run"]


def test_the_range_of_pixels_and_the_background_are_found_again(
    settings: Config, dots: str, tmp_path: Path
) -> None:
    with np.load(dots) as own:
        arrays = dict(own)
    arrays["x_train"] = 16 - arrays["x_train"] // 16
    np.savez(tmp_path / "light.npz", allow_pickle=False, **arrays)
    config = settings.replace(data=settings.data.replace(name=str(tmp_path / "light.npz")))
    list(train(config, tmp_path / "run", preflight=False))
    metadata = checkpoint.load(tmp_path / "run" / LAST).metadata

    found = repeated(tmp_path / "run")

    assert (metadata.white, metadata.inverted) == (16, True)
    assert found.verdict == "identical"


@pytest.mark.parametrize("events", [1, 5, 9, 10, 14])
def test_a_run_that_stopped_is_repeated_as_far_as_it_came(
    settings: Config, folder: Path, events: int
) -> None:
    """An epoch is nine steps; its end is an event too, and the first one is of the data."""
    often = changed(settings, "checkpoint.every_seconds=0")
    stopped = unstaged(train(often, folder, preflight=False))
    list(islice(stopped, 1 + events))
    stopped.close()

    assert repeated(folder).verdict == "identical"


def test_a_run_whose_epochs_were_extended_is_repeated_with_both_schedules(
    settings: Config, folder: Path
) -> None:
    list(train(changed(settings, "train.epochs=2"), folder, preflight=False))
    list(resume(changed(settings, "train.epochs=5"), folder))

    found = repeated(folder)

    assert (found.verdict, found.epochs) == ("identical", 5)
    assert RunFolder(folder).load_metrics()[1].lr < 0.002  # the first two ended


def test_a_run_that_was_extended_within_an_epoch_is_repeated_too(
    settings: Config, folder: Path
) -> None:
    often = changed(settings, "checkpoint.every_seconds=0")
    stopped = unstaged(train(often, folder, preflight=False))
    list(islice(stopped, 14))
    stopped.close()
    list(resume(changed(often, "train.epochs=4"), folder))

    assert repeated(folder).verdict == "identical"
    assert checkpoint.load(folder / LAST).metadata.epoch_limits == ((0, 3), (12, 4))


def test_other_metrics_are_different_from_their_epoch_on(run: Path) -> None:
    edit_json(run / METRICS, lambda v: v.update(train_loss=v["train_loss"] * (1 + 1e-15)), line=1)

    found = repeated(run)

    assert (found.verdict, found.since) == ("different", 2)
    assert 0 < found.loss < 1e-14


def test_one_bit_of_the_weights_makes_a_difference(run: Path) -> None:
    nudge(run)

    found = repeated(run)

    assert (found.verdict, found.since) == ("different", 3)
    assert found.weights[0] != found.weights[1]


def test_another_machine_explains_a_small_difference(run: Path) -> None:
    nudge(run)
    edit_json(run / RECORD, lambda v: v["environment"].update(blas=["another 1.0"]))

    found = repeated(run)

    assert (found.verdict, found.since) == ("close", 3)
    assert found.environment == {"blas": (["another 1.0"], [*environment(1).blas])}


def test_another_machine_explains_no_large_difference(run: Path) -> None:
    edit_json(run / METRICS, lambda v: v.update(validation_accuracy=v["validation_accuracy"] - 0.1))
    edit_json(run / RECORD, lambda v: v["environment"].update(cpu="another"))

    assert repeated(run).verdict == "different"


def test_the_machine_of_a_resumed_part_counts_too(settings: Config, folder: Path) -> None:
    list(train(changed(settings, "train.epochs=2"), folder, preflight=False))
    list(resume(settings, folder))
    edit_json(folder / RECORD, lambda v: v["resumed"][0]["environment"].update(threads=64))

    found = repeated(folder)

    assert found.verdict == "identical"
    assert found.environment["threads"][0] == 64


def test_a_run_that_reached_its_target_is_repeated_as_far(settings: Config, folder: Path) -> None:
    list(train(changed(settings, "train.target=0.9", "train.epochs=9"), folder, preflight=False))

    found = repeated(folder)

    assert found.verdict == "identical"
    assert found.epochs == RunFolder(folder).load_record().epochs < 9


def test_a_target_that_was_set_later_does_not_end_the_repetition_early(
    settings: Config, run: Path
) -> None:
    list(resume(changed(settings, "train.target=0.1"), run))

    assert repeated(run).verdict == "identical"


def test_a_run_with_a_time_budget_is_refused(settings: Config, folder: Path) -> None:
    list(train(changed(settings, "train.time_budget=60"), folder, preflight=False))

    with pytest.raises(CheckpointError, match="a time budget tied it to the clock"):
        recorded(folder)


def test_a_run_that_was_forced_is_refused(settings: Config, folder: Path) -> None:
    list(train(changed(settings, "train.epochs=2"), folder, preflight=False))
    list(resume(changed(settings, "optimizer.lr=0.2"), folder, force=True))

    with pytest.raises(CheckpointError, match=r"--force changed it .*optimizer.lr: 0.1 in the run"):
        recorded(folder)


def test_other_data_is_refused(run: Path, dots: str) -> None:
    with Path(dots).open("ab") as file:
        file.write(b"\0")

    with pytest.raises(CheckpointError, match="the training files are not those of the run"):
        recorded(run)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (CONFIG, "seed: 7", r"was changed since\n  seed: 0 in the run, 7 now"),
        (METRICS, "no JSON\n", r"metrics\.jsonl"),
        (LAST, None, "stopped before its first checkpoint"),
    ],
)
def test_a_file_that_is_changed_or_gone_is_refused(
    run: Path, name: str, text: str | None, message: str
) -> None:
    (run / name).unlink()
    if text is not None:
        (run / name).write_text(text)

    with pytest.raises(CheckpointError, match=message):
        recorded(run)


def test_a_repetition_can_be_kept_and_spares_what_is_there(run: Path, tmp_path: Path) -> None:
    then = recorded(run)
    with repetition_folder(run, tmp_path / "again") as out:
        list(train_again(then, out))

    assert (out / LAST).read_bytes() == (run / LAST).read_bytes()
    with pytest.raises(CheckpointError, match="already contains a run"):
        list(train_again(then, run))


def test_a_folder_that_cannot_be_written_beside_is_named(tmp_path: Path) -> None:
    shutil.rmtree(tmp_path)

    with (
        pytest.raises(CheckpointError, match=r"cannot repeat the run here: .*--out"),
        repetition_folder(tmp_path / "run", None),
    ):
        pass


def test_an_interrupted_repetition_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(Interrupted, match="the repetition was removed") as caught,
        repetition_folder(tmp_path / "run", None),
    ):
        raise Interrupted("after 1 step; resume with `mlp train --resume`", 15)

    assert caught.value.exit_code == 143
    assert list(tmp_path.iterdir()) == []
