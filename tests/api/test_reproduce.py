import json
import shutil
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlpcli.api.reproduce import Reproduction, compare, recorded, repetition_folder, train_again
from mlpcli.api.resume import resume
from mlpcli.api.trainer import Event, train
from mlpcli.config.load import dump_config
from mlpcli.config.schema import Config
from mlpcli.errors import CheckpointError, Interrupted
from mlpcli.runs import checkpoint
from mlpcli.runs.environment import environment
from mlpcli.runs.folder import CONFIG, LAST, METRICS, RECORD, RunFolder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


def finish(events: Iterable[Event]) -> None:
    for _ in events:
        pass


def longer(settings: Config, epochs: int) -> Config:
    changed = settings.train.replace(epochs=epochs)
    return settings.replace(train=changed)


def repeated(folder: Path) -> Reproduction:
    then = recorded(folder)
    with repetition_folder(folder, None) as beside:
        finish(train_again(then, beside))
        return compare(then, beside)


def edit_environment(folder: Path, part: int | None = None, **values: Any) -> None:
    """Change run.json: where the run began or, with part, where it was resumed."""
    record = json.loads((folder / RECORD).read_text())
    changed = record if part is None else record["resumed"][part]
    changed["environment"] |= values
    (folder / RECORD).write_text(json.dumps(record))


def nudge(folder: Path) -> None:
    """Change the lowest bit of one number in the last weights."""
    path = folder / LAST
    kept = checkpoint.load(path)
    kept.params[0].W[500, 3] = np.nextafter(kept.params[0].W[500, 3], np.float32(9))
    checkpoint.save(path, kept)


def test_a_run_comes_out_in_identical_bits(settings: Config, folder: Path) -> None:
    finish(train(settings, folder, preflight=False))

    found = repeated(folder)

    assert (found.verdict, found.epochs, found.since) == ("identical", 3, None)
    assert found.weights[0] == found.weights[1]
    assert (found.loss, found.accuracy, found.environment) == (0, 0, {})
    assert [path.name for path in folder.parent.iterdir() if path.is_dir()] == ["run"]


@pytest.mark.parametrize("events", [1, 5, 9, 10, 14])
def test_a_run_that_stopped_is_repeated_as_far_as_it_came(
    settings: Config, folder: Path, events: int
) -> None:
    """An epoch is nine steps; its end is an event too."""
    often = settings.replace(checkpoint=settings.checkpoint.replace(every_seconds=0.0))
    stopped = train(often, folder, preflight=False)
    finish(islice(stopped, events))
    stopped.close()

    assert repeated(folder).verdict == "identical"


def test_a_run_whose_epochs_were_extended_is_repeated_with_both_schedules(
    settings: Config, folder: Path
) -> None:
    finish(train(longer(settings, 2), folder, preflight=False))
    finish(resume(longer(settings, 5), folder))

    found = repeated(folder)

    assert (found.verdict, found.epochs) == ("identical", 5)
    assert RunFolder(folder).load_metrics()[1].lr < 0.002  # the first two ended


def test_a_run_that_was_extended_within_an_epoch_is_repeated_too(
    settings: Config, folder: Path
) -> None:
    often = settings.replace(checkpoint=settings.checkpoint.replace(every_seconds=0.0))
    stopped = train(often, folder, preflight=False)
    finish(islice(stopped, 13))
    stopped.close()
    finish(resume(longer(often, 4), folder))

    assert repeated(folder).verdict == "identical"
    assert checkpoint.load(folder / LAST).metadata.epoch_limits == ((0, 3), (12, 4))


def test_other_metrics_are_different_from_their_epoch_on(settings: Config, folder: Path) -> None:
    finish(train(settings, folder, preflight=False))
    lines = [json.loads(line) for line in (folder / METRICS).read_text().splitlines()]
    lines[1]["train_loss"] *= 1 + 1e-15
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / METRICS).write_text(text)

    found = repeated(folder)

    assert (found.verdict, found.since) == ("different", 2)
    assert 0 < found.loss < 1e-14


def test_one_bit_of_the_weights_makes_a_difference(settings: Config, folder: Path) -> None:
    finish(train(settings, folder, preflight=False))
    nudge(folder)

    found = repeated(folder)

    assert (found.verdict, found.since) == ("different", 3)
    assert found.weights[0] != found.weights[1]


def test_another_machine_explains_a_small_difference(settings: Config, folder: Path) -> None:
    finish(train(settings, folder, preflight=False))
    nudge(folder)
    edit_environment(folder, blas=["another 1.0"])

    found = repeated(folder)

    assert (found.verdict, found.since) == ("close", 3)
    assert found.environment == {"blas": (["another 1.0"], [*environment(1).blas])}


def test_another_machine_explains_no_large_difference(settings: Config, folder: Path) -> None:
    finish(train(settings, folder, preflight=False))
    lines = [json.loads(line) for line in (folder / METRICS).read_text().splitlines()]
    lines[0]["validation_accuracy"] -= 0.1
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / METRICS).write_text(text)
    edit_environment(folder, cpu="another")

    assert repeated(folder).verdict == "different"


def test_the_machine_of_a_resumed_part_counts_too(settings: Config, folder: Path) -> None:
    finish(train(longer(settings, 2), folder, preflight=False))
    finish(resume(settings, folder))
    edit_environment(folder, part=0, threads=64)

    found = repeated(folder)

    assert found.verdict == "identical"
    assert found.environment["threads"][0] == 64


def test_a_run_that_reached_its_target_is_repeated_as_far(settings: Config, folder: Path) -> None:
    goal = settings.train.replace(target=0.9, epochs=9)
    finish(train(settings.replace(train=goal), folder, preflight=False))

    found = repeated(folder)

    assert found.verdict == "identical"
    assert found.epochs == RunFolder(folder).load_record().epochs < 9


def test_a_target_that_was_set_later_does_not_end_the_repetition_early(
    settings: Config, folder: Path
) -> None:
    finish(train(settings, folder, preflight=False))
    goal = settings.train.replace(target=0.1)
    finish(resume(settings.replace(train=goal), folder))

    assert repeated(folder).verdict == "identical"


def test_a_run_with_a_time_budget_is_refused(settings: Config, folder: Path) -> None:
    budget = settings.train.replace(time_budget=60.0)
    finish(train(settings.replace(train=budget), folder, preflight=False))

    with pytest.raises(CheckpointError, match="a time budget tied it to the clock"):
        recorded(folder)


def test_a_run_that_was_forced_is_refused(settings: Config, folder: Path) -> None:
    finish(train(longer(settings, 2), folder, preflight=False))
    other = settings.replace(optimizer=settings.optimizer.replace(lr=0.2))
    finish(resume(other, folder, force=True))

    with pytest.raises(CheckpointError, match=r"--force changed it .*optimizer.lr: 0.1 in the run"):
        recorded(folder)


def test_a_config_that_was_changed_afterwards_is_refused(settings: Config, folder: Path) -> None:
    finish(train(settings, folder, preflight=False))
    changed = settings.replace(seed=7)
    (folder / CONFIG).write_text(dump_config(changed))

    with pytest.raises(CheckpointError, match=r"was changed since\n  seed: 0 in the run, 7 now"):
        recorded(folder)


def test_other_data_is_refused(settings: Config, folder: Path, dots: str) -> None:
    finish(train(settings, folder, preflight=False))
    with Path(dots).open("ab") as file:
        file.write(b"\0")

    with pytest.raises(CheckpointError, match="the training files are not those of the run"):
        recorded(folder)


def test_a_run_without_a_checkpoint_is_refused(settings: Config, folder: Path) -> None:
    finish(train(settings, folder, preflight=False))
    (folder / LAST).unlink()

    with pytest.raises(CheckpointError, match="stopped before its first checkpoint"):
        recorded(folder)


def test_damaged_metrics_are_refused_before_training(settings: Config, folder: Path) -> None:
    finish(train(settings, folder, preflight=False))
    (folder / METRICS).write_text("no JSON\n")

    with pytest.raises(CheckpointError, match=r"metrics\.jsonl"):
        recorded(folder)


def test_a_repetition_can_be_kept_and_spares_what_is_there(
    settings: Config, folder: Path, tmp_path: Path
) -> None:
    finish(train(settings, folder, preflight=False))
    then = recorded(folder)
    with repetition_folder(folder, tmp_path / "again") as out:
        finish(train_again(then, out))

    assert (out / LAST).read_bytes() == (folder / LAST).read_bytes()
    with pytest.raises(CheckpointError, match="already contains a run"):
        finish(train_again(then, folder))


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
        raise Interrupted("after 1 step; `mlp train --resume` resumes", 15)

    assert caught.value.exit_code == 143
    assert list(tmp_path.iterdir()) == []
