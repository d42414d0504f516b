import gzip
import hashlib
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

from mlpcli.config.load import load_config
from mlpcli.config.schema import Config
from mlpcli.config.shipped import shipped
from mlpcli.data import registry
from mlpcli.data.registry import File
from mlpcli.runs.folder import RunFolder
from mlpcli.version import __version__
from tests.cli.outcome import call, documented, facts, kinds, output, refusal
from tests.faults.formats import idx
from tests.server import content, serve


def test_train_puts_results_on_stdout_and_an_epoch_a_line_on_stderr(small: list[str]) -> None:
    status, out, err = call("train", *small, "--out", "a")

    assert status == 0
    labels = [line.partition(":")[0] for line in out.splitlines()]
    assert labels == [
        *("run", "validation accuracy", "temperature", "train loss"),
        *("time", "parameters", "stopped"),
    ]
    data, *epochs = err.splitlines()
    assert data == "data: 300 images of 6x6, 3 classes (100 each), validation 30"
    assert [line[:9] for line in epochs] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]


def test_train_json_is_one_object_as_the_contract_has_it(small: list[str]) -> None:
    found = facts(call("train", *small, "--out", "a", "--json"))

    assert kinds(found) == {
        "int": {"schema", "epochs", "images_per_second", "parameters"},
        "float": {
            *("validation_accuracy", "validation_balanced_accuracy", "validation_macro_f1"),
            *("temperature", "train_loss", "seconds"),
        },
        "str": {"run", "metric", "ended_by", "weights"},
        "bool": {"already_finished"},
        "dict": {"selection"},
    }
    assert (found["schema"], found["run"], found["epochs"]) == (1, "a", 3)
    assert found["parameters"] == 1024 * 16 + 16 + 16 * 8 + 8 + 8 * 3 + 3
    assert documented(found)


def test_the_metric_that_decides_is_shown_and_kept(small: list[str]) -> None:
    chosen = ("--set", "train.metric=macro_f1", "--target", "0.1")
    status, out, err = call("train", *small, *chosen, "--out", "a")

    assert status == 0
    assert re.search(r"^epoch 1/3 .*  macro F1 [\d.]+%  ", err, re.MULTILINE)
    assert "\nvalidation accuracy: " in out
    assert "\nvalidation macro F1: " in out
    assert out.endswith("\nstopped: target macro F1 reached\n")
    again = facts(call("train", *small, *chosen, "--out", "b", "--json"))
    assert (again["metric"], again["ended_by"]) == ("macro_f1", "target")
    assert again["validation_macro_f1"] >= 0.1


def test_bad_class_weights_are_one_line_before_anything_is_written(small: list[str]) -> None:
    for setting, message in {
        "[1, 2]": "train.class_weight: must have a number for each of the 3 classes, got 2",
        "{nine: 2}": "train.class_weight: unknown class 'nine'; the classes are '0', '1', '2'",
        "[0, 0, 0]": "train.class_weight: the weight of some class with training images must be "
        "above 0",
    }.items():
        words = ("train", *small, "--set", f"train.class_weight={setting}", "--out", "a")
        assert call(*words) == (2, "", f"error: {message}\n")
        assert not Path("a").exists()


def test_quiet_silences_progress_alone(small: list[str]) -> None:
    assert output(call("train", *small, "--out", "a", "--quiet")).startswith("run: a\n")


def test_name_is_short_for_a_folder_in_runs(small: list[str]) -> None:
    assert call("train", *small, "--name", "first").status == 0

    assert Path("runs", "first", "run.json").is_file()


def test_a_run_without_a_name_is_called_by_its_config_and_the_time(small: list[str]) -> None:
    found = facts(
        call("train", *small, "--config", "quickstart", "--set", "data.images=null", "--json")
    )

    assert re.fullmatch(r"quickstart-\d{8}-\d{6}", Path(found["run"]).name)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--out a --name b", "--out and --name: both name the run's folder; give one of them"),
        ("--name ../b", "--name: expected a folder's name, got '../b'"),
    ],
)
def test_names_of_a_run_that_are_refused(small: list[str], options: str, told: str) -> None:
    assert refusal("train", *small, *options.split()).startswith(told)


def test_epochs_and_seed_are_short_for_settings(small: list[str]) -> None:
    assert call("train", *small, "--epochs", "1", "--seed", "7", "--out", "a").status == 0

    settings = load_config("a/config.yaml")
    assert (settings.train.epochs, settings.seed) == (1, 7)


def test_a_run_is_replaced_only_when_told(small: list[str], run: str) -> None:
    told = refusal("train", *small, "--out", run)

    assert told.startswith("run: already contains a run; choose another --out or use --overwrite")
    assert call("train", *small, "--out", run, "--overwrite").status == 0


def test_a_loss_that_is_not_finite_is_a_failed_check(small: list[str]) -> None:
    wild = ("--set", "optimizer.lr=100", "--set", "optimizer.weight_decay=1")
    status, out, err = call("train", *small, *wild, "--epochs", "50", "--out", "a", "--quiet")

    assert (status, out) == (1, "")
    *warned, told = err.splitlines()
    assert all(line.startswith("warning: ") for line in warned)
    assert re.match(r"error: epoch \d+, step \d+: z\d is the first value that is not finite", told)


@pytest.mark.parametrize(
    "wild",
    [
        ["optimizer.lr=100", "optimizer.weight_decay=1"],
        # the weights themselves overflow
        ["network.hidden=[]", "optimizer={name: adamw, lr: 100, weight_decay: 10}"],
    ],
    ids=["z", "W"],
)
def test_a_run_that_failed_in_validation_fails_in_the_same_way_when_resumed(
    small: list[str], wild: list[str]
) -> None:
    options = [word for each in (*wild, "train.batch_size=60000") for word in ("--set", each)]
    options += ["--epochs", "50", "--no-preflight", "--out", "a"]
    failed = call("train", *small, *options, "--quiet")

    assert failed.status == 1
    assert re.fullmatch(r"error: epoch \d+, step 1: z\d of the validation .*\n", failed.err)
    assert call("train", "--resume", "a", "--quiet") == failed


def test_a_resumed_run_keeps_the_threads_that_its_bits_depend_on(small: list[str]) -> None:
    call("train", *small, "--out", "a", "--threads", "3")

    status, _, err = call("train", "--resume", "a", "--epochs", "4")

    assert status == 0
    assert "in the run" not in err
    (part,) = RunFolder(Path("a")).load_record().resumed
    assert part.environment.threads == 3


def test_eval_prints_scores_and_the_confusion_matrix(run: str) -> None:
    out = output(call("eval", run))

    assert "run (last weights) on the test split of" in out
    assert "accuracy: 100.00% (90 of 90 correct)\n95% interval: 95.91% to 100.00%\n" in out
    assert "rows: true class, columns: predicted class\n    0   1   2\n0  30   0   0\n" in out


def test_eval_json_is_one_object_as_the_contract_has_it(run: str, dots: str) -> None:
    found = facts(call("eval", run, "--json"))

    assert kinds(found) == {
        "int": {"schema", "correct", "n"},
        "str": {"run", "data", "split", "weights"},
        "float": {
            *("accuracy", "balanced_accuracy", "macro_f1", "loss"),
            *("calibration_error", "temperature"),
        },
        "dict": {"uncalibrated", "selection"},
        "list": {
            *("ci95", "balanced_accuracy_ci95", "macro_f1_ci95"),
            *("confusion", "classes", "per_class"),
        },
    }
    assert (found["schema"], found["data"], found["split"]) == (1, dots, "test")
    assert found["accuracy"] == found["correct"] / found["n"]
    low, high = found["ci95"]
    assert 0 <= low <= found["accuracy"] <= high <= 1
    assert found["confusion"] == [[30, 0, 0], [0, 30, 0], [0, 0, 30]]
    assert found["classes"] == ["0", "1", "2"]
    assert documented(found)


@pytest.mark.parametrize(("split", "n"), [("test", 90), ("validation", 30), ("train", 270)])
def test_eval_judges_the_split_it_is_asked_for(run: str, split: str, n: int) -> None:
    assert facts(call("eval", run, "--split", split, "--json"))["n"] == n


def test_eval_says_how_it_prepared_other_data(run: str, dots: str) -> None:
    with np.load(dots) as own:
        light = 255 - own["x_test"]
        np.savez("light.npz", allow_pickle=False, x_test=light, y_test=own["y_test"])

    status, out, err = call("eval", run, "--data", "light.npz", "--json")

    assert (status, err) == (0, "note: light.npz: dark on light, so inverted\n")
    assert json.loads(out)["accuracy"] > 0.95


def test_fail_under_allows_equality_and_fails_below(run: str, spoiled: str) -> None:
    judge = ("eval", run, "--data", spoiled, "--json", "--fail-under")
    accuracy = facts(call(*judge, "0"))["accuracy"]
    assert 0 < accuracy < 1

    assert call(*judge, repr(accuracy)).status == 0
    status, out, err = call(*judge, repr(math.nextafter(accuracy, 1)))
    assert status == 1
    assert json.loads(out)["accuracy"] == accuracy
    assert err.startswith("error: run: accuracy must be at least ")


@pytest.mark.parametrize("metric", ["balanced_accuracy", "macro_f1"])
def test_fail_under_compares_the_metric_that_it_names(run: str, spoiled: str, metric: str) -> None:
    judge = ("eval", run, "--data", spoiled, "--json", "--fail-under")
    values = facts(call(*judge, "0"))
    value = values[metric]
    low, high = values[f"{metric}_ci95"]
    assert 0 <= low < value < high <= 1

    assert call(*judge, f"{metric}={value!r}").status == 0
    status, _, err = call(*judge, f"{metric}={math.nextafter(value, 1)!r}")
    assert status == 1
    assert err.startswith(f"error: run: {metric.replace('_', ' ').replace('f1', 'F1')} must be at")


def test_eval_prints_each_metric_with_its_interval(run: str, spoiled: str) -> None:
    lines = output(call("eval", run, "--data", spoiled)).splitlines()

    for name in ("balanced accuracy", "macro F1"):
        (line,) = (line for line in lines if line.startswith(f"{name}: "))
        assert re.fullmatch(rf"{name}: [\d.]+% \(95% interval [\d.]+% to [\d.]+%\)", line)


def test_config_list_names_one_a_line() -> None:
    _, *lines = output(call("config", "list")).splitlines()

    assert [line.split()[0] for line in lines] == list(shipped())


def test_config_show_prints_what_check_finds_valid() -> None:
    status, out, _ = call("config", "show", "mnist")
    Path("all.yaml").write_text(out, encoding="utf-8")

    assert status == 0
    assert "momentum: 0.9" in out
    assert call("config", "check", "all.yaml") == (0, "all.yaml: valid\n", "")


def test_config_check_reports_every_mistake_on_its_line() -> None:
    Path("bad.yaml").write_text("seed: -1\ntrain:\n  epohcs: 3\n", encoding="utf-8")

    status, out, err = call("config", "check", "bad.yaml")

    assert (status, out) == (2, "")
    assert [line.partition(" must")[0] for line in err.splitlines()] == [
        "error: bad.yaml:1:1: seed",
        "error: bad.yaml:3:3: unknown key 'epohcs' in train; did you mean 'epochs'?",
    ]


def test_config_schema_is_a_json_schema() -> None:
    found = facts(call("config", "schema"))

    assert found["properties"].keys() == Config.model_fields.keys()
    assert found["additionalProperties"] is False


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files of "mnist", which is a tiny data set meanwhile."""
    folder = Path("shelf")
    folder.mkdir()

    def put(split: str, kind: str, *counts: int) -> File:
        body = gzip.compress(idx(np.zeros(counts, "u1")), mtime=0)
        path = folder / f"{split}-{kind}.gz"
        path.write_bytes(body)
        return File(path.name, f"sha256:{hashlib.sha256(body).hexdigest()}", len(body))

    tiny = registry.DATASETS["mnist"]._replace(
        images={split: put(split, "images", 20, 4, 4) for split in ("train", "test")},
        labels={split: put(split, "labels", 20) for split in ("train", "test")},
    )
    monkeypatch.setitem(registry.DATASETS, "mnist", tiny)
    return folder


FILES = ["train-images.gz", "test-images.gz", "train-labels.gz", "test-labels.gz"]


def test_data_list_says_what_is_known_and_cached(shelf: Path) -> None:
    call("download", "mnist", "--from", str(shelf))

    out = output(call("data", "list"))

    head, mnist, fashion, *_ = (re.split(r"  +", line) for line in out.splitlines())
    assert head == ["name", "download", "train", "test", "classes", "cached", "license"]
    assert mnist[2:6] == ["60,000", "10,000", "10", "yes"]
    assert fashion == ["fashion-mnist", "30.9 MB", "60,000", "10,000", "10", "no", "MIT"]


def test_data_list_json_is_one_object_as_the_contract_has_it() -> None:
    found = facts(call("data", "list", "--json"))

    assert found["schema"] == 1
    assert [entry["name"] for entry in found["datasets"]] == list(registry.DATASETS)
    assert kinds(found["datasets"][0]) == {
        "int": {"bytes", "classes"},
        "str": {"name", "licence", "cached", "citation"},
        "dict": {"images"},
    }
    assert documented(found)


def test_download_takes_files_from_a_folder(shelf: Path, place: Path) -> None:
    found = facts(call("download", "mnist", "--from", str(shelf), "--json"))

    folder = place / "cache" / "mnist"
    files = [str(folder / name) for name in FILES]
    assert found == {"schema": 1, "datasets": [{"name": "mnist", "files": files}]}
    assert sorted(path.name for path in folder.iterdir()) == sorted([".lock", *FILES])
    assert documented(found)


def test_download_takes_files_from_another_mirror(shelf: Path, place: Path) -> None:
    answers = {f"/mnist/{path.name}": content(path.read_bytes()) for path in shelf.iterdir()}
    with serve({**answers}) as (url, _):
        out = output(call("download", "mnist", "--from", url))

    assert out == f"mnist: 4 files in {place / 'cache' / 'mnist'}\n"


def test_verify_tells_right_files_from_damaged_ones(shelf: Path, place: Path) -> None:
    call("download", "mnist", "--from", str(shelf))
    assert facts(call("download", "mnist", "--verify", "--json"))["ok"] is True
    (place / "cache" / "mnist" / FILES[2]).write_bytes(b"damaged")

    status, out, err = call("download", "mnist", "--verify", "--json")

    assert status == 1
    found = json.loads(out)
    right = dict.fromkeys(FILES, True) | {FILES[2]: False}
    datasets = [{"name": "mnist", "ok": False, "files": right}]
    assert found == {"schema": 1, "ok": False, "datasets": datasets}
    assert err.startswith("error: files are missing or wrong")


def test_download_without_a_name_is_refused() -> None:
    assert refusal("download").startswith("NAME: name a data set, or give --all")


def test_a_group_without_a_command_shows_its_help() -> None:
    status, out, err = call("config")

    assert status == 2
    assert "Usage: mlp config" in out + err
    assert "error: " not in err


def test_help_lists_each_command_with_its_whole_first_sentence() -> None:
    listed = " ".join(call("--help").out.split())

    assert "Show a forward and backward pass in numbers." in listed
    assert "..." not in listed.replace("ARGS]...", "")


def test_version_is_the_packages() -> None:
    assert call("--version") == (0, f"mlp {__version__}\n", "")


def test_a_written_data_set_is_trained_on(dots: str) -> None:
    out = output(call("data", "write", dots, "plain"))

    assert out.startswith("folder: plain\ntrain images: 300\ntest images: 90\nsize: ")
    assert call("train", "--set", "data.name=plain", "--epochs", "1").status == 0


def test_a_written_data_set_is_told_of_as_json(dots: str) -> None:
    told = facts(call("data", "write", dots, "plain", "--json"))

    size = sum(file.stat().st_size for file in Path("plain").iterdir())
    images = {"train": 300, "test": 90}
    assert told == {"schema": 1, "folder": "plain", "images": images, "bytes": size}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--list --verify", "--list: cannot be combined with --verify"),
        ("mnist --list --from x", "--list: cannot be combined with NAME and --from"),
        ("mnist --all", "--all: cannot be combined with NAME"),
        ("mnist --verify --offline", "--verify: cannot be combined with --offline"),
    ],
)
def test_options_of_download_that_would_be_ignored_are_refused(words: str, told: str) -> None:
    assert refusal("download", *words.split()) == told
