import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from mlpcli.api import run_columns, runs, tags
from mlpcli.api.run_columns import Entry, Line
from mlpcli.api.trainer import train
from mlpcli.config import saved
from mlpcli.config.schema import Config
from mlpcli.errors import CheckpointError, ConfigError
from mlpcli.runs.folder import RunFolder
from tests.trainings import changed, train_seeds


@pytest.fixture
def folder(settings: Config, tmp_path: Path) -> Path:
    """Three runs: one with AdamW, one deeper, and one whose record is torn."""
    other = changed(settings, "optimizer.name=adamw")
    for name, chosen in (("a", settings), ("b", other), ("deep/seed-1", settings)):
        list(train(chosen.replace(seed=len(name)), tmp_path / "runs" / name))
    shutil.copytree(tmp_path / "runs" / "a", tmp_path / "runs" / "torn")
    record = tmp_path / "runs" / "torn" / "run.json"
    record.write_bytes(record.read_bytes()[:100])
    return tmp_path / "runs"


def names(entries: Iterable[Entry | Line], folder: Path) -> list[str]:
    return [Path(entry.run).relative_to(folder).as_posix() for entry in entries]


def test_every_run_is_found_and_a_torn_one_is_called_damaged(folder: Path) -> None:
    found = runs.find(folder)

    assert names(found, folder) == ["a", "b", "deep/seed-1", "torn"]
    assert [entry.status for entry in found] == [*["finished"] * 3, "damaged"]
    best = RunFolder(folder / "a").load_record().best
    assert best is not None
    assert found[0].accuracy == best.validation_accuracy


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (["optimizer.name=adamw"], ["b"]),
        (["seed=11"], ["deep/seed-1"]),
        (["status=finished", "optimizer.name=sgd"], ["a", "deep/seed-1"]),
        (["data=elsewhere"], []),
        (["optimizer=adamw", "lr=1e-3"], ["b"]),
        (["hidden=16,8", "epochs=3.0", "nesterov=false", "patience=null"], ["a", "deep/seed-1"]),
        (["learning_rate=0.1", "tag=good"], ["a"]),
        (["tag=goo"], []),
    ],
)
def test_conditions_are_met_all_at_once(
    folder: Path, conditions: list[str], expected: list[str]
) -> None:
    tags.tag([folder / "a", folder / "b"], "good")
    assert names(runs.where(runs.find(folder), conditions), folder) == expected


def test_runs_are_sorted_with_the_unknown_last(folder: Path) -> None:
    found = runs.sort(runs.group(runs.find(folder)), "-seed")

    assert names(found, folder) == ["deep/seed-1", "a", "b", "torn"]


@pytest.mark.parametrize("condition", ["data", "=mnist", "colour=red", "optimizer.rate=1"])
def test_what_is_no_condition_is_refused(condition: str) -> None:
    with pytest.raises(ConfigError, match=f"--where {condition}: "):
        runs.where([], [condition])


def test_details_have_the_record_and_the_changed_settings(folder: Path) -> None:
    found = runs.details(folder / "b")

    assert isinstance(found, runs.RunDetails)
    run, record, changed, *_ = found
    assert run == str(folder / "b")
    assert record == RunFolder(folder / "b").load_record()
    assert changed["optimizer.name"] == "adamw"
    assert changed["network.hidden"] == [16, 8]
    assert "optimizer.lr" not in changed
    assert "network.activation" not in changed


def test_hidden_folders_hold_no_runs(folder: Path) -> None:
    shutil.copytree(folder / "a", folder / ".trash" / "a")

    assert names(runs.find(folder), folder) == ["a", "b", "deep/seed-1", "torn"]
    assert names(runs.find(folder / ".trash"), folder / ".trash") == ["a"]


def test_removing_a_run_leaves_what_is_not_its_own(folder: Path) -> None:
    (folder / "a" / "notes.txt").write_text("mine")
    for killed in (
        ".run.json.123.tmp",
        ".report.html.123.tmp",
    ):  # a process that was killed left it
        (folder / "a" / killed).touch()

    found = dict(runs.remove([folder / "a", folder / "torn"]))

    assert found == {str(folder / "a"): 1, str(folder / "torn"): 1}
    assert [path.name for path in (folder / "a").iterdir()] == ["notes.txt"]
    assert not (folder / "torn").exists()


def test_a_run_in_use_or_no_run_is_not_removed(folder: Path, tmp_path: Path) -> None:
    with (
        RunFolder(folder / "a").lock(),
        pytest.raises(CheckpointError, match="is writing a run here"),
    ):
        dict(runs.remove([folder / "b", folder / "a"]))
    with pytest.raises(CheckpointError, match="not a run folder"):
        dict(runs.remove([folder / "b", tmp_path]))
    assert RunFolder(folder / "a").load_record().status == "finished"
    assert RunFolder(folder / "b").load_record().status == "finished"


def test_all_seeds_are_removed_or_none(settings: Config, tmp_path: Path) -> None:
    five = train_seeds(settings, tmp_path / "five", seeds=3)
    foreign = five / "seed-2" / "run.json"
    record = foreign.read_bytes()
    foreign.write_text("{}")

    with pytest.raises(CheckpointError, match=r"seed-2/run.json: was not written by mlp"):
        dict(runs.remove([five]))
    foreign.write_bytes(record)
    with (
        RunFolder(five / "seed-1").lock(),
        pytest.raises(CheckpointError, match="is writing a run here"),
    ):
        dict(runs.remove([five]))
    assert len(RunFolder(five).series()) == 3
    (five / "seed-0" / ".incomplete").touch()  # the command that was to train it was killed
    assert dict(runs.remove([five])) == {str(five): 3}
    assert not five.exists()


def test_what_lies_beside_the_seeds_stays(settings: Config, tmp_path: Path) -> None:
    five = train_seeds(settings, tmp_path / "five")
    (five / "seed-7").mkdir()
    (five / "seed-7" / "mine").touch()

    dict(runs.remove([five]))

    assert [path.name for path in five.rglob("*")] == ["seed-7", "mine"]


def entry(run: str, accuracy: float | None = 0.5, **settings: Any) -> Entry:
    return Entry(run, "synth", "finished", accuracy, settings=settings)


def test_several_seeds_are_one_line_with_mean_and_deviation() -> None:
    series = [
        entry(f"runs/five/seed-{i}", accuracy)._replace(
            series="runs/five", seed=i, seconds=2.0, tags=tags_, status=status
        )
        for i, accuracy, tags_, status in (
            (0, 0.8, ("a",), "finished"),
            (1, 0.9, ("b", "a"), "running"),
        )
    ]

    one, five = runs.group([entry("runs/one"), *series])

    assert (one.run, one.kind, one.value("accuracy"), one.sd("accuracy")) == (
        *("runs/one", None, 0.5, None),
    )
    assert (five.run, five.kind, five.status) == ("runs/five", "seed", "1 of 2 finished")
    assert (five.value("accuracy"), five.value("seconds")) == (pytest.approx(0.85), 4.0)
    assert five.sd("accuracy") == pytest.approx(0.0707107, rel=1e-5)
    assert (five.value("seed"), five.value("tags")) == (None, ("a", "b"))
    (alone,) = runs.group(series[:1])
    assert (alone.run, alone.kind) == ("runs/five/seed-0", None)


def test_a_limit_leaves_the_first_of_an_order_and_else_the_latest(folder: Path) -> None:
    for name, year in (("a", 2021), ("b", 2023), ("deep/seed-1", 2022)):
        run = RunFolder(folder / name)
        run.save_record(run.load_record().replace(started=f"{year}-01-01T00:00:00+00:00"))

    def listed(**options: Any) -> list[str]:
        return names(
            runs.list_runs(folder, conditions=["status=finished"], **options).lines, folder
        )

    assert listed() == ["a", "deep/seed-1", "b"]
    assert listed(limit=2) == ["deep/seed-1", "b"]
    assert listed(limit=2, key="started") == ["a", "deep/seed-1"]
    assert listed(limit=1, key="run") == ["a"]
    assert listed(limit=2, key="-started") == ["b", "deep/seed-1"]
    assert listed(limit=9, key="lr") == ["b", "a", "deep/seed-1"]


def test_the_best_are_so_by_the_metric_that_all_have(folder: Path) -> None:
    for name, score in (("a", 0.1), ("b", 0.2), ("deep/seed-1", 0.3)):
        run = RunFolder(folder / name)
        record = run.load_record()
        assert record.best
        best = record.best.model_copy(update={"validation_macro_f1": score})
        run.save_record(record.replace(metric="macro_f1", best=best))

    found = names(runs.list_runs(folder, best=True).lines, folder)

    assert found == ["deep/seed-1", "b", "a", "torn"]


def test_a_list_is_made_without_the_slow_reader(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved, "load_config", None)

    found = runs.list_runs(folder, conditions=["status=finished", "epochs=3"]).entries

    assert [entry.settings["network.hidden"] for entry in found] == [[16, 8]] * 3


def test_settings_that_differ_are_found_in_the_order_of_the_schema() -> None:
    plain: dict[str, Any] = {
        "seed": 0,
        "optimizer.lr": 0.1,
        "network.hidden": [64],
        "log.tensorboard": False,
    }
    other: dict[str, Any] = {
        "seed": 1,
        "optimizer.lr": 0.2,
        "network.hidden": [32],
        "log.tensorboard": True,
    }
    found = run_columns.differing(
        [entry("a", **plain), entry("b", **other, **{"optimizer.momentum": 0.9}), entry("c")]
    )

    assert found == ["network.hidden", "optimizer.lr"]
    assert run_columns.differing([entry("a", **plain)]) == []


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("accuracy", "accuracy"),
        ("lr", "optimizer.lr"),
        ("learning_rate", "optimizer.lr"),
        ("batch-size", "train.batch_size"),
        ("optimizer", "optimizer.name"),
        ("train.epochs", "train.epochs"),
        ("epochs", "epochs"),
        ("tag", "tags"),
    ],
)
def test_columns_are_found_by_dotted_and_short_names(name: str, column: str) -> None:
    assert run_columns.find(name, "--columns") == column
    assert run_columns.find(run_columns.short_name(column), "--columns") == column


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("acuracy", "did you mean 'accuracy'"),
        ("hiden", "did you mean 'hidden'"),
        ("optimizer.momentun", "did you mean 'optimizer.momentum'"),
        ("colour", "expected one of run, data, .*, or a setting such as lr"),
    ],
)
def test_a_misspelt_column_names_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=f"--columns: unknown column '{name}'; {hint}"):
        run_columns.find(name, "--columns")


def test_details_of_several_seeds_have_each_run_and_their_mean(
    settings: Config, tmp_path: Path
) -> None:
    five = train_seeds(settings, tmp_path / "five", seeds=3)
    RunFolder(five / "seed-2").add_tag_line("note", "odd")

    found = runs.details(five)

    assert isinstance(found, runs.SeriesDetails)
    assert (found.run, found.kind, list(found.members)) == (str(five), "seed", [0, 1, 2])
    assert found.members[2].tags.note == "odd"
    assert found.accuracy
    assert found.accuracy.n == 3


def test_a_tag_of_several_seeds_is_each_ones(settings: Config, run: Path, tmp_path: Path) -> None:
    five = train_seeds(settings, tmp_path / "five")

    (first, second) = tags.tag([five, run], "good")

    assert (first.run, first.tags.tags) == (str(five), ("good",))
    assert (second.run, second.tags.tags) == (str(run), ("good",))
    for seed in (0, 1):
        assert RunFolder(five / f"seed-{seed}").load_tags().tags == ("good",)
    tags.untag([five / "seed-0"], "good")
    assert [entry.run for entry in runs.where(runs.find(five), ["tag=good"])] == [
        str(five / "seed-1")
    ]


def test_nothing_is_tagged_where_one_is_no_run(run: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such run folder"):
        tags.tag([run, tmp_path / "none"], "good")
    with pytest.raises(CheckpointError, match="a tag has up to 50"):
        tags.tag([run], "very good")
    with pytest.raises(CheckpointError, match="must have at most 2,000 characters, got 2,001"):
        tags.note([run], "x" * 2001)
    assert not (run / "tags.jsonl").exists()


def test_a_change_that_changes_nothing_writes_nothing(run: Path) -> None:
    tags.tag([run], "good")
    before = (run / "tags.jsonl").read_bytes()

    tags.tag([run], "good")
    tags.untag([run], "bad")
    tags.note([run], "")

    assert (run / "tags.jsonl").read_bytes() == before
