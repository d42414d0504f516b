"""What `mlp train` is asked for: which options fit together, and the folder of the run."""

import re
from pathlib import Path
from typing import Any

import pytest

from mlpcli.api.multi_run import SeriesResult, TrainResult
from mlpcli.api.train import Plan, StartedRun, plan, result, run_folder, start
from mlpcli.api.trainer import train
from mlpcli.config.schema import Config
from mlpcli.errors import CheckpointError, ConfigError
from mlpcli.runs.folder import CONFIG, RECORD, RunFolder
from mlpcli.training.threads import cores
from tests.trainings import changed, train_seeds


@pytest.fixture
def run(settings: Config, folder: Path) -> Path:
    """A run that finished, with three threads."""
    list(train(settings, folder, preflight=False, threads=3))
    return folder


@pytest.fixture
def seeds(settings: Config, tmp_path: Path) -> Path:
    """The folder of the runs of two seeds, 4 and 5."""
    return train_seeds(settings.replace(seed=4), tmp_path / "seeds", threads=3)


def finish(asked: Plan) -> list[StartedRun]:
    """Every run of a plan, trained to its end."""
    runs = []
    for each in start(asked, preflight=False):
        list(each.events)
        runs.append(each)
    return runs


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"out": Path("a"), "name": "b"}, "--out and --name: both name the run's folder"),
        ({"resume": Path("a"), "out": Path("b")}, "--resume: .* leave out --out, --name and"),
        ({"resume": Path("a"), "name": "b"}, "--resume: .* leave out --out, --name and"),
        ({"resume": Path("a"), "overwrite": True}, "--resume: .* leave out .* --overwrite"),
        ({"seeds": 2, "overwrite": True}, "--overwrite: is for one run; with --seeds, choose"),
        ({"force": True}, "--force: works only with --resume"),
        ({"force": True, "seeds": 2}, "--force: works only with --resume"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        plan(None, [], **options)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../b", "/a", "a/"])
def test_a_name_that_is_a_path_is_refused(name: str) -> None:
    message = f"--name: expected a folder's name, got {re.escape(repr(name))}; for a path use --out"

    with pytest.raises(ConfigError, match=message):
        plan(None, [], name=name)


def test_a_wrong_setting_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"--set optimizer\.lr=0"):
        plan(None, ["optimizer.lr=0"])


@pytest.mark.parametrize(
    ("options", "folder"), [({"out": Path("x/y")}, "x/y"), ({"name": "first"}, "runs/first")]
)
def test_the_folder_is_the_one_that_is_named(options: dict[str, Any], folder: str) -> None:
    assert plan(None, [], **options).folder == Path(folder)


@pytest.mark.parametrize(
    ("config", "changes", "name"),
    [
        (None, [], "synth"),
        (None, ["data.name=mnist"], "mnist"),
        (None, ["data.name=/far/away/digits.npz"], "digits.npz"),
        ("quickstart", ["data.name=mnist"], "quickstart"),
        ("own.yaml", [], "own"),
    ],
)
def test_without_a_name_the_folder_has_that_of_the_config_or_data_and_the_time(
    config: str | None,
    changes: list[str],
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.yaml").write_text("seed: 1\n")

    folder = plan(config, changes).folder

    assert re.fullmatch(rf"runs/{re.escape(name)}-\d{{8}}-\d{{6}}", folder.as_posix())


def test_no_option_of_the_folder_changes_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    plan(None, [], name="first")
    run_folder(None, None, "synth")

    assert list(tmp_path.iterdir()) == []


def test_a_new_run_uses_all_cores_by_default() -> None:
    assert plan(None, []).threads == cores()
    assert plan(None, [], threads=5).threads == 5


def test_a_resumed_run_keeps_its_folder_settings_and_threads(run: Path, settings: Config) -> None:
    asked = plan(None, ["train.epochs=5"], resume=run)

    assert asked.resume
    assert asked.folder == run
    assert asked.threads == 3
    assert asked.config == changed(settings, "train.epochs=5")
    assert plan(None, [], resume=run, threads=2).threads == 2


def test_a_run_that_died_before_its_record_is_resumed_on_all_cores(run: Path) -> None:
    (run / RECORD).unlink()

    assert plan(None, [], resume=run).threads == cores()


def test_resumed_seeds_have_the_settings_of_the_lowest(seeds: Path) -> None:
    asked = plan(None, [], resume=seeds, seeds=3)

    assert (asked.folder, asked.series, asked.threads) == (seeds, ("seed", 3), 3)
    assert asked.config == RunFolder(seeds).member("seed", 4).load_config()


def test_a_folder_of_the_other_kind_is_not_resumed(run: Path, seeds: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"seeds: contains runs of .* give their number with --seeds"
    ):
        plan(None, [], resume=seeds)
    with pytest.raises(CheckpointError, match="run: no runs of several seeds; `mlp train --seeds`"):
        plan(None, [], resume=run, seeds=2)
    with pytest.raises(CheckpointError, match="none: no such run folder"):
        plan(None, [], resume=tmp_path / "none")
    with pytest.raises(CheckpointError, match=f"no {CONFIG} here; is this a run folder"):
        plan(None, [], resume=tmp_path)


def test_a_single_run_is_started_and_resumed_with_its_earlier_epochs(
    settings: Config, tmp_path: Path
) -> None:
    changes = [f"data.name={settings.data.name}", "network.hidden=[8]", "train.epochs=2"]
    first = plan(None, changes, out=tmp_path / "new")
    (started,) = finish(first)
    longer = plan(None, ["train.epochs=3"], resume=tmp_path / "new")
    (resumed,) = finish(longer)

    assert (started.folder, started.member, started.earlier) == (tmp_path / "new", None, ())
    assert [metrics.epoch for metrics in resumed.earlier] == [1, 2]
    outcome = result(longer)
    assert isinstance(outcome, TrainResult)
    assert (outcome.run, outcome.record.epochs) == (str(tmp_path / "new"), 3)


def test_several_seeds_are_started_one_after_the_other(settings: Config, tmp_path: Path) -> None:
    changes = [f"data.name={settings.data.name}", "network.hidden=[8]", "train.epochs=1"]
    asked = plan(None, [*changes, "seed=7"], out=tmp_path / "two", seeds=2)

    started = finish(asked)

    assert [each.member for each in started] == ["seed 7", "seed 8"]
    assert [each.folder.name for each in started] == ["seed-7", "seed-8"]
    outcome = result(asked)
    assert isinstance(outcome, SeriesResult)
    assert {n: run.record.seed for n, run in outcome.runs.items()} == {7: 7, 8: 8}
