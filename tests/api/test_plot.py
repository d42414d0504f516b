from pathlib import Path
from statistics import fmean

import pytest

from mlpcli.api import multi_run
from mlpcli.api.plot import MAX_CURVES, plot
from mlpcli.api.trainer import train
from mlpcli.config.schema import Config
from mlpcli.errors import CheckpointError, ConfigError
from mlpcli.runs.folder import METRICS, RunFolder
from mlpcli.training.progress import Epoch


@pytest.fixture
def seeds(settings: Config, tmp_path: Path) -> Path:
    """The folder of the runs of three seeds."""
    for member in multi_run.train(settings, tmp_path / "seeds", "seed", 3, preflight=False):
        list(member.events)
    return tmp_path / "seeds"


def test_a_run_is_drawn_by_its_epochs(run: Path) -> None:
    (track,) = plot([run]).tracks
    epochs = RunFolder(run).load_metrics()

    assert (track.name, track.note, track.epochs) == (str(run), "", [1, 2, 3])
    assert track.train_loss == [each.train_loss for each in epochs]
    assert track.validation_loss == [each.validation_loss for each in epochs]
    assert track.score == [each.validation_accuracy for each in epochs]
    assert track.score[track.best - 1] == max(track.score)


def test_the_score_is_the_metric_that_all_runs_were_chosen_by(
    settings: Config, run: Path, tmp_path: Path
) -> None:
    by_f1 = settings.replace(train=settings.train.replace(metric="macro_f1"))
    list(train(by_f1, tmp_path / "f1", preflight=False))
    epochs = RunFolder(tmp_path / "f1").load_metrics()

    alone, both = plot([tmp_path / "f1"]), plot([run, tmp_path / "f1"])

    assert (alone.metric, both.metric) == ("macro_f1", "accuracy")
    assert alone.tracks[0].score == [each.validation_macro_f1 for each in epochs]
    assert both.tracks[1].score == [each.validation_accuracy for each in epochs]


def test_without_validation_images_there_is_a_train_loss_alone(
    settings: Config, folder: Path
) -> None:
    settings = settings.replace(data=settings.data.replace(validation=0))
    list(train(settings, folder, preflight=False))

    (track,) = plot([folder]).tracks

    assert (len(track.train_loss), track.validation_loss, track.score) == (3, [], [])


def test_each_of_a_few_seeds_is_drawn(seeds: Path) -> None:
    tracks = plot([seeds]).tracks

    assert [track.name for track in tracks] == [f"{seeds}/seed-{i}" for i in range(3)]


def test_many_runs_are_drawn_as_the_mean_of_each_folder(seeds: Path) -> None:
    cut = RunFolder(seeds / "seed-1").path / METRICS  # it has not come as far as the others
    cut.write_bytes(b"".join(cut.read_bytes().splitlines(keepends=True)[:2]))
    drawn = plot([seeds, seeds, seeds])

    track, *others = drawn.tracks
    losses = [[each.train_loss for each in history.epochs][:2] for history in drawn.histories[:3]]
    assert len(drawn.histories) == 9 > MAX_CURVES
    assert len(others) == 2
    assert (track.name, track.note, track.epochs) == (str(seeds), "mean of 3 seeds", [1, 2])
    assert track.train_loss == [fmean(each) for each in zip(*losses, strict=True)]


def test_a_run_that_was_stopped_says_so(settings: Config, folder: Path) -> None:
    events = train(settings, folder, preflight=False)
    next(event for event in events if isinstance(event, Epoch))
    events.close()

    (track,) = plot([folder]).tracks

    assert (track.note, track.epochs) == ("interrupted", [1])


def test_what_cannot_be_drawn_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="none: no such run folder"):
        plot([tmp_path / "none"])
    with pytest.raises(ConfigError, match="plot: takes at most 8 runs, got 9"):
        plot([run] * 9)
    (run / METRICS).write_bytes(b"")
    with pytest.raises(CheckpointError, match="has no epochs to plot; its first one has not ended"):
        plot([run])
