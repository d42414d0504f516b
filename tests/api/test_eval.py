from pathlib import Path

import pytest

from mlpcli.api import multi_run
from mlpcli.api.eval import Evaluation, Evaluations, evaluate, evaluate_run
from mlpcli.config.schema import Config
from mlpcli.errors import CheckFailed, CheckpointError, DataError
from mlpcli.runs.folder import RunFolder
from tests.trainings import train_seeds


def test_each_split_of_a_run_is_evaluated(run: Path) -> None:
    epoch = RunFolder(run).load_metrics()[-1]

    assert evaluate_run(run).scores.n == 90
    assert evaluate_run(run, split="train").scores.n == 270
    last = evaluate_run(run, split="validation", weights="last").scores
    assert last.n == 30
    assert last.accuracy == epoch.validation_accuracy
    assert last.loss == pytest.approx(epoch.validation_loss)


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
    best = [record.best.validation_accuracy for record in records if record.best]
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


def test_weights_whose_loss_is_not_finite_are_refused(run: Path) -> None:
    best = RunFolder(run).load_weights("best")
    for layer in best.params:
        layer.W[:] = 3e38
    RunFolder(run).save_weights("best", best)

    with pytest.raises(
        CheckFailed,
        match=r"z\d is the first value that is not finite, since the weights are too large",
    ):
        evaluate_run(run)
