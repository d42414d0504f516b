"""A run that version 0.1.0 made: every later version can read, evaluate, resume and list it.

`tests/golden/run-0.1.0/` holds all files of the run but its lock, unedited. The command was

    mlp train --set data.images=500 --set network.hidden=[8] --set optimizer.name=adam
      --set optimizer.lr=0.005 --set train.batch_size=10 --set schedule.name=constant
      --epochs 2 --threads 1 --out run-0.1.0

The numbers below are what version 0.1.0 itself reported about it. A change that fails here breaks
the runs that users have: keep reading the old form, and never make the files anew.
"""

import json
import shutil
from pathlib import Path

import pytest

from mlpcli.api import runs
from mlpcli.api.eval import evaluate_run
from mlpcli.api.resume import resume
from mlpcli.api.run_columns import Entry
from mlpcli.config.load import flat_settings
from mlpcli.config.optimizer import Adam
from mlpcli.config.schedule import Constant
from mlpcli.runs import checkpoint
from mlpcli.runs.folder import METRICS, RECORD, RunFolder
from mlpcli.runs.selection import Weights
from mlpcli.training.progress import Epoch, Progress
from tests.trainings import changed

GOLDEN = Path(__file__).parents[1] / "golden" / "run-0.1.0"
BEST_DIGEST = "b7647227dcb06c04220e5089e40b66facffdf446a3f66266c02dae9f9c240af4"
LAST_DIGEST = "adbdabde30a044a928eaed2e581480f6d97a286f70a3df461812c30c23ce2dad"
ROUNDING = 1e-3  # relative, of a loss: another processor rounds otherwise


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A copy, since evaluating and resuming may write into the folder."""
    return RunFolder(shutil.copytree(GOLDEN, tmp_path / "run-0.1.0"))


def test_its_settings_are_read_with_every_value(run: RunFolder) -> None:
    config = run.load_config()

    assert (config.data.name, config.data.images, config.data.validation) == ("synth", 500, 0.1)
    assert config.network.hidden == (8,)
    assert config.optimizer == Adam(lr=0.005)
    assert config.schedule == Constant()
    assert (config.train.epochs, config.train.batch_size, config.seed) == (2, 10, 0)


def test_its_record_is_read_and_written_without_a_change(run: RunFolder) -> None:
    record = run.load_record()
    run.save_record(record)

    assert (record.status, record.ended_by, record.epochs) == ("finished", "epochs", 2)
    assert record.best is not None
    assert (record.best.epoch, record.best.validation_accuracy) == (1, 0.48)
    assert (record.environment.mlpcli, record.environment.threads) == ("0.1.0", 1)
    assert json.loads((run.path / RECORD).read_text()) == json.loads((GOLDEN / RECORD).read_text())


def test_its_metrics_are_read(run: RunFolder) -> None:
    lines = [json.loads(line) for line in (GOLDEN / METRICS).read_text().splitlines()]

    assert [
        metrics.model_dump(mode="json", exclude_none=True) for metrics in run.load_metrics()
    ] == [{key: value for key, value in line.items() if key != "schema"} for line in lines]


def test_its_weights_are_read_with_their_metadata(run: RunFolder) -> None:
    best, last = run.load_weights("best"), run.load_weights("last")

    assert [layer.W.shape for layer in last.params] == [(1024, 8), (8, 10)]
    assert checkpoint.digest(best.params) == BEST_DIGEST
    assert checkpoint.digest(last.params) == LAST_DIGEST
    assert (len(best.optimizer_state), len(last.optimizer_state)) == (0, 2)
    assert last.metadata.config == run.load_config()
    assert last.metadata.classes == tuple("0123456789")
    assert last.metadata.progress == Progress(epoch=2, best_epoch=1, best_score=0.48)
    assert (last.metadata.updates, last.metadata.epoch_limits) == (90, ((0, 2),))
    assert last.metadata.light_share == 0


@pytest.mark.parametrize(
    ("weights", "accuracy", "loss"),
    [("best", 0.48, 1.7009388035535813), ("last", 0.42, 1.3632092029228806)],
)
def test_it_is_evaluated_on_its_validation_split(
    run: RunFolder, weights: Weights, accuracy: float, loss: float
) -> None:
    result = evaluate_run(run.path, split="validation", weights=weights)

    assert (result.scores.n, result.accuracy) == (50, accuracy)
    assert result.scores.loss == pytest.approx(loss, rel=ROUNDING)


def test_it_is_resumed_for_another_epoch_as_0_1_0_did(run: RunFolder) -> None:
    events = resume(changed(run.load_config(), "train.epochs=3"), run.path, offline=True)
    (epoch,) = [event for event in events if isinstance(event, Epoch)]

    assert epoch.metrics.train_loss == pytest.approx(1.1910901533232794, rel=ROUNDING)
    assert epoch.metrics.validation_loss == pytest.approx(1.0688027369044721, rel=ROUNDING)
    assert epoch.metrics.validation_accuracy == pytest.approx(0.64, abs=0.021)  # one image
    assert (run.load_record().status, run.load_record().epochs) == ("finished", 3)
    assert len(run.load_metrics()) == 3
    assert run.load_weights("last").metadata.epoch_limits == ((0, 2), (90, 3))


def test_it_is_listed_with_its_result_and_its_settings(run: RunFolder) -> None:
    (entry,) = runs.list_runs(run.path.parent, conditions=["optimizer.name=adam"]).entries
    details = runs.details(run.path)

    assert entry.settings == flat_settings(run.load_config())
    assert entry._replace(settings={}) == Entry(
        run=str(run),
        data="synth",
        status="finished",
        accuracy=0.48,
        loss=1.7009388035535813,
        epochs=2,
        seconds=0.074,
        seed=0,
        parameters=8290,
        started="2026-11-26T01:06:47+00:00",
        metric="accuracy",
    )
    assert isinstance(details, runs.RunDetails)
    assert details.changed == {
        "data.validation": 0.1,
        "data.images": 500,
        "network.hidden": [8],
        "optimizer.name": "adam",
        "optimizer.lr": 0.005,
        "schedule.name": "constant",
        "train.epochs": 2,
        "train.batch_size": 10,
    }
