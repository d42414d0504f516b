import gzip
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from mlpcli.data import registry
from mlpcli.runs import checkpoint
from tests.cli.outcome import call, refusal
from tests.faults.formats import idx
from tests.server import content, serve

PAGE = b"<!DOCTYPE html><html><body>Not found</body></html>"


def put(folder: str, images: bytes, labels: bytes) -> None:
    Path(folder).mkdir()
    Path(folder, "train-images-idx3-ubyte.gz").write_bytes(images)
    Path(folder, "train-labels-idx1-ubyte.gz").write_bytes(labels)
    Path(folder, "classes.txt").write_text("cat\ndog\n")


@pytest.fixture
def bad_configs(place: Path) -> None:
    Path("key.yaml").write_text("optimizer:\n  learning_rate: 1\n")
    Path("type.yaml").write_text("train:\n  epochs: soon\n")
    Path("range.yaml").write_text("train:\n  batch_size: 0\n")


@pytest.fixture
def bad_data(place: Path) -> None:
    images = gzip.compress(idx(np.zeros((4, 2, 2))))
    labels = gzip.compress(idx(np.array([0, 1, 0, 1])))
    put("cut", images[:-9], labels)
    put("counts", images, gzip.compress(idx(np.zeros(3))))
    put("label", images, gzip.compress(idx(np.array([0, 1, 7, 1]))))
    put("magic", labels, labels)
    put("page", PAGE, labels)
    Path("page.npz").write_bytes(PAGE)


@pytest.fixture
def bad_runs(run: str) -> None:
    """A run whose weights are of another shape than its config, and one that is a web page."""
    path = Path(run, "best.safetensors")
    kept = checkpoint.load(path)
    config = kept.metadata.config
    wider = config.replace(network=config.network.replace(hidden=(16, 9)))
    checkpoint.save(path, kept._replace(metadata=kept.metadata.replace(config=wider)))
    Path(run, "last.safetensors").write_bytes(PAGE)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            "config check key.yaml",
            "key.yaml:2:3: unknown key 'learning_rate' in optimizer; did you mean 'lr'?",
        ),
        (
            "train --config type.yaml",
            "type.yaml:2:3: epochs must be an integer in [1, 100000], got 'soon'",
        ),
        (
            "train --config range.yaml",
            "range.yaml:2:3: batch_size must be an integer in [1, 60000], got 0",
        ),
        (
            "train --set optimizer.lr=fast",
            "--set optimizer.lr=fast: lr must be a number in (0, 100], got 'fast'",
        ),
        ("train --epochs 0", "--epochs 0: epochs must be an integer in [1, 100000], got 0"),
        (
            "train --config none.yaml",
            "none.yaml: cannot read the config: No such file or directory",
        ),
        (
            "config check mnist.yaml",
            "mnist.yaml: cannot read the config: No such file or directory; "
            "the shipped config is 'mnist'",
        ),
        (
            "config show quickstrat",
            "unknown config 'quickstrat'; did you mean 'quickstart'? `mlp config list` shows",
        ),
    ],
)
@pytest.mark.usefixtures("bad_configs")
def test_a_bad_setting_is_one_line(command: str, message: str) -> None:
    assert refusal(*command.split()).startswith(message)


def test_each_bad_setting_has_its_line() -> None:
    status, out, err = call("train", "--epochs", "0", "--seed", "-1", "--set", "data.nam=x")

    assert (status, out) == (2, "")
    starts = ["error: --seed -1: ", "error: --set data.nam=x: ", "error: --epochs 0: "]
    assert all(map(str.startswith, err.splitlines(), starts))


@pytest.mark.parametrize(
    ("name", "where", "wrong"),
    [
        ("none.npz", "none.npz", "neither a name nor a path that exists"),
        ("fashion-mist", "'fashion-mist'", "did you mean 'fashion-mnist'?"),
        ("cut", "cut/train-images-idx3-ubyte.gz: ", "the gzip data is truncated"),
        ("counts", "counts: ", "has 4 images but 3 labels"),
        ("label", "label: ", "label 7 of image 2 is outside the 2 classes, [0, 1]"),
        ("magic", "magic/train-images-idx3-ubyte.gz: ", "expected magic number 2051, got 2049"),
        ("page", "page/train-images-idx3-ubyte.gz: ", "is a web page, not IDX data"),
        ("page.npz", "page.npz: ", "is a web page; download the file itself"),
    ],
)
@pytest.mark.usefixtures("bad_data")
def test_bad_data_is_one_line_and_leaves_no_run(name: str, where: str, wrong: str) -> None:
    line = refusal("train", "--set", f"data.name={name}", "--out", "new")

    assert where in line
    assert wrong in line
    assert not Path("new").exists()


@pytest.mark.parametrize(
    ("command", "where", "wrong"),
    [
        ("eval none", "none: ", "no such run"),
        ("summary --run none", "none: ", "no such run"),
        ("gradcheck --run none", "none: ", "no such run"),
        ("explain --run none", "none: ", "no such run"),
        ("runs show none", "none: ", "no such run"),
        (
            "eval run --weights best",
            "run/best.safetensors: ",
            "does not fit its config: expected W2 of shape (16, 9), got (16, 8)",
        ),
        ("eval run --weights last", "run/last.safetensors: ", "not a readable checkpoint"),
    ],
)
@pytest.mark.usefixtures("bad_runs")
def test_a_bad_run_is_one_line(command: str, where: str, wrong: str) -> None:
    line = refusal(*command.split())

    assert where in line
    assert wrong in line


def test_data_with_other_classes_than_the_run_is_one_line(run: str) -> None:
    line = refusal("eval", run, "--data", "synth")

    assert line.startswith("synth: its classes 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 must be among")


def test_an_unwritable_run_folder_is_one_line(small: list[str]) -> None:
    Path("taken").write_text("a file where the folder should be")

    line = refusal("train", *small, "--out", "taken/run")

    assert line == "taken/run: cannot write the run here: Not a directory"


def test_an_unwritable_cache_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("taken").write_text("a file where the folder should be")
    monkeypatch.setenv("MLPCLI_DATA", "taken/cache")

    line = refusal("download", "mnist", "--from", ".")

    assert line.startswith("taken/cache/mnist: cannot write it: ")
    assert line.endswith("MLPCLI_DATA names another folder for data")


def test_a_web_page_in_place_of_a_download_is_refused_with_a_way_out(place: Path) -> None:
    file = registry.DATASETS["mnist"].files[0]
    with serve({f"/{file.name}": content(PAGE)}) as (url, _):
        status, out, err = call("download", "mnist", "--from", url)

    assert (status, out) == (2, "")
    head, *details = err.splitlines()
    assert head.startswith("error: mnist: 4 files could not be fetched; put them in place")
    assert all(line.startswith("  ") for line in details)
    assert f"    {url}/{file.name}: has the wrong checksum" in details
    assert f"    {file.checksum.replace(':', ' ')}" in details
    assert f"    put it at {place / 'cache' / 'mnist' / file.name}" in details
    assert [path.name for path in place.rglob("cache/**/*") if path.is_file()] == [".lock"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("trian", "no such command 'trian'; did you mean 'train'?"),
        ("data shwo", "no such command 'shwo'; did you mean 'show'?"),
        ("runs sho", "no such command 'sho'; did you mean 'show'?"),
        ("train --epocs 3", "no such option '--epocs'; did you mean '--epochs'?"),
        ("runs --bset", "no such option '--bset'; did you mean '--best'?"),
        ("--versoin", "no such option '--versoin'; did you mean '--version'?"),
        ("zzz", "no such command 'zzz'; see `mlp --help`"),
        ("--zzz", "no such option '--zzz'; see `mlp --help`"),
        ("train -z", "no such option '-z'; see `mlp train --help`"),
        ("train --set", "option '--set' requires an argument; see `mlp train --help`"),
        ("runs rm", "missing argument 'RUN...'; see `mlp runs rm --help`"),
        ("eval", "no finished run in runs/; `mlp train` makes one, or name its folder"),
        (
            "eval a --fail-under 2",
            "invalid value for '--fail-under': expected a fraction such as 0.98, or "
            "METRIC=FRACTION, got '2'; see `mlp eval --help`",
        ),
        (
            "eval a --fail-under f1=0.9",
            "invalid value for '--fail-under': unknown metric 'f1'; did you mean 'macro_f1'?; "
            "see `mlp eval --help`",
        ),
        (
            "eval a --fail-under recall=0.9",
            "invalid value for '--fail-under': unknown metric 'recall'; expected one of accuracy, "
            "balanced_accuracy, macro_f1; see `mlp eval --help`",
        ),
        (
            "eval a --fail-under macro_f1=90%",
            "invalid value for '--fail-under': expected a fraction such as 0.98, or "
            "METRIC=FRACTION, got 'macro_f1=90%'; see `mlp eval --help`",
        ),
        (
            "train --epochs many",
            "--epochs many: epochs must be an integer in [1, 100000], got 'many'",
        ),
        ("train --out ''", "--out: expected a value, got an empty one; see `mlp --help`"),
        ("export a --out=", "--out: expected a value, got an empty one; see `mlp --help`"),
        ("eval ''", "expected a value, got an empty one; see `mlp --help`"),
    ],
)
def test_a_wrong_word_suggests_the_right_one_or_the_help(wrong: str, message: str) -> None:
    assert call(*shlex.split(wrong)) == (2, "", f"error: {message}\n")


@pytest.mark.parametrize(
    ("words", "limit"),
    [
        ("train --threads 99999999999", "must be less than or equal to 1024"),
        ("data write synth d --images 99999999999999999999", "must be less than or equal to 1"),
        ("import a.safetensors --out b --std inf", "must be less than or equal to 1"),
        ("import a.safetensors --out b --std nan", "must be less than or equal to 1"),
        ("predict a b.png --top 0", "must be greater than or equal to 1"),
    ],
)
def test_a_number_without_sense_is_refused_at_once(words: str, limit: str) -> None:
    option = re.findall("--[a-z]+", words)[-1]

    assert refusal(*words.split()).startswith(f"invalid value for '{option}': {limit}")


def test_a_setting_is_named_as_it_was_typed() -> None:
    told = "batch_size must be an integer in [1, 60000], got 0"

    assert refusal("train", "batch_size=0") == f"batch_size=0: {told}"
    assert refusal("train", "batch-size=0") == f"batch-size=0: {told}"
