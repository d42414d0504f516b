import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from mlpcli.api import multi_run
from mlpcli.api.trainer import train
from mlpcli.config.schema import Config
from mlpcli.errors import CheckpointError, ConfigError, DataError, Interrupted
from mlpcli.runs.folder import BEST, CONFIG, RECORD, RunFolder
from mlpcli.training.progress import Step
from tests.trainings import changed


def finish(
    settings: Config, folder: Path, seeds: int = 3, kill: Any = None, **options: Any
) -> list[int]:
    """The seeds that were trained; kill is the seed, epoch and step after which a signal comes."""
    trained = []
    for each in multi_run.train(settings, folder, "seed", seeds, preflight=False, **options):
        trained.append(each.number)
        for event in each.events:
            if isinstance(event, Step) and (each.number, *event.progress[:2]) == kill:
                os.kill(os.getpid(), signal.SIGTERM)
    return trained


def weights(folder: Path) -> bytes:
    return (folder / BEST).read_bytes()


def test_each_seed_is_the_run_it_is_alone(settings: Config, folder: Path, tmp_path: Path) -> None:
    settings = settings.replace(seed=4)

    assert finish(settings, folder) == [4, 5, 6]

    list(train(settings.replace(seed=6), tmp_path / "alone", preflight=False))
    assert weights(folder / "seed-6") == weights(tmp_path / "alone")
    assert weights(folder / "seed-6") != weights(folder / "seed-5")
    assert [record.seed for record in multi_run.finished_runs(folder).values()] == [4, 5, 6]


def test_interrupted_seeds_are_resumed_and_finished_ones_stay(
    settings: Config, folder: Path, tmp_path: Path
) -> None:
    finish(settings, tmp_path / "whole")
    message = r"seed 1: after 1 epoch and 2 .*resume all seeds with `mlp train .*run --seeds 3`"
    with pytest.raises(Interrupted, match=message) as caught:
        finish(settings, folder, kill=(1, 1, 2))

    assert caught.value.exit_code == 143
    with pytest.raises(CheckpointError, match="seed-1: expected a finished run, got one that is"):
        multi_run.finished_runs(folder)
    before = (folder / "seed-0" / RECORD).read_bytes()

    assert finish(settings, folder, resume=True) == [1, 2]
    assert (folder / "seed-0" / RECORD).read_bytes() == before
    for seed in range(3):
        run, whole = (RunFolder(each).member("seed", seed) for each in (folder, tmp_path / "whole"))
        assert weights(run.path) == weights(whole.path)


def test_seeds_may_be_added(settings: Config, folder: Path) -> None:
    finish(settings, folder, seeds=2)

    assert finish(settings, folder, seeds=3, resume=True) == [2]
    assert finish(settings, folder, seeds=3, resume=True) == []


def test_other_settings_are_refused_for_finished_seeds_too(settings: Config, folder: Path) -> None:
    finish(settings, folder, seeds=2)

    with pytest.raises(CheckpointError, match=r"optimizer.lr: 0.1 in the run, 0.2 now"):
        finish(changed(settings, "optimizer.lr=0.2"), folder, resume=True)


def test_a_folder_with_seeds_is_taken(settings: Config, folder: Path) -> None:
    finish(settings, folder, seeds=2)

    for overwrite in (False, True):
        with pytest.raises(CheckpointError, match="contains several runs"):
            next(train(settings, folder, overwrite=overwrite))
    with pytest.raises(CheckpointError, match="contains several runs"):
        finish(settings, folder)
    with pytest.raises(CheckpointError, match=r"choose one, such as .*seed-0"):
        RunFolder(folder).require()


def test_a_folder_with_a_single_run_gets_no_seeds(settings: Config, run: Path) -> None:
    with pytest.raises(CheckpointError, match="already contains a run"):
        finish(settings, run)


def test_missing_data_leaves_no_folder(settings: Config, folder: Path) -> None:
    with pytest.raises(DataError):
        finish(changed(settings, "data.name=./no"), folder)
    assert not folder.exists()


def test_the_last_seed_must_be_a_seed(settings: Config, folder: Path) -> None:
    with pytest.raises(ConfigError, match=f"seeds must be below 2\\*\\*63, got {2**63}"):
        finish(settings.replace(seed=2**63 - 1), folder, seeds=2)
    assert not folder.exists()


def test_one_seed_is_no_sample(settings: Config, folder: Path) -> None:
    finish(settings, folder, seeds=2)
    shutil.rmtree(folder / "seed-0")

    with pytest.raises(CheckpointError, match="expected runs of at least two seeds, got 1"):
        multi_run.finished_runs(folder)


def test_members_are_in_the_order_of_their_seeds(tmp_path: Path) -> None:
    for name in ("seed-10", "seed-9", "seed-09", "seed-x", "seed-", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / CONFIG).touch()
    (tmp_path / "seed-1").mkdir()

    found = [run.path.name for run in RunFolder(tmp_path).series()]

    assert found == ["seed-9", "seed-10"]


def test_each_fold_is_the_run_it_is_alone(settings: Config, folder: Path, tmp_path: Path) -> None:
    for run in multi_run.train(settings, folder, "fold", 3, preflight=False):
        list(run.events)

    found = multi_run.results(folder)

    assert (found.kind, [*found.runs]) == ("fold", [0, 1, 2])
    second = changed(settings, "data.folds=3", "data.fold=1")
    list(train(second, tmp_path / "alone", preflight=False))
    assert weights(folder / "fold-1") == weights(tmp_path / "alone")
    best = [run.record.best for run in found.runs.values()]
    accuracies = [each.validation("accuracy") for each in best if each]
    assert found.accuracy
    assert found.accuracy.mean == pytest.approx(sum(accuracies) / 3)
    assert [*multi_run.train(settings, folder, "fold", 3, resume=True)] == []


def test_another_number_of_folds_is_refused(settings: Config, folder: Path) -> None:
    for run in multi_run.train(settings, folder, "fold", 2, preflight=False):
        list(run.events)

    with pytest.raises(CheckpointError, match=r"data\.folds: 2 in the run, 3 now"):
        list(next(multi_run.train(settings, folder, "fold", 3, resume=True)).events)
