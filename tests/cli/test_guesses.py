"""What people type who know other tools: it works, or the answer names what does."""

import json
from pathlib import Path

import pytest
from PIL import Image

import mlpcli
from mlpcli.cli.habits import translate
from tests.cli.outcome import call, facts, on_terminal, refusal
from tests.cli.test_help import ROOT

FAST = ("--hidden", "8", "--epochs", "1", "--quiet", "--json", "--no-preflight")


def settings(run: str) -> dict[str, object]:
    """The settings of a run that are not the defaults."""
    changed = facts(call("runs", "show", run, "--json"))["changed"]
    assert isinstance(changed, dict)
    return changed


def test_common_settings_are_options(dots: str) -> None:
    words = f"--data {dots} --lr 0.05 --batch-size 16 --hidden 12,6 --optimizer Adam --epochs 2"
    facts(call("train", *words.split(), "--seed", "3", "--dropout", "0.1", "--name", "a", "--json"))

    assert settings("a") == {
        "seed": 3,
        "data.name": dots,
        "network.hidden": [12, 6],
        "network.dropout": 0.1,
        "optimizer.name": "adam",
        "optimizer.lr": 0.05,
        "train.epochs": 2,
        "train.batch_size": 16,
    }


@pytest.mark.parametrize(
    "words",
    [
        "{dots} hidden=8 epochs=1 lr=0.05 optimizer.momentum=0.5",
        "data={dots} epochs=1 hidden=8 lr=0.05 optimizer.momentum=0.5",
        "own.yaml data={dots} optimizer.momentum=0.5",
        "own.yaml {dots} optimizer.momentum=0.5",
        "--config own.yaml {dots} optimizer.momentum=0.5",
        "--set optimizer.momentum=0.5 --lr 0.05 {dots} epochs=1 network.hidden=8",
    ],
)
def test_arguments_name_a_config_data_and_settings(words: str, dots: str) -> None:
    Path("own.yaml").write_text("network: {hidden: 8}\noptimizer: {lr: 0.05}\ntrain: {epochs: 1}\n")
    facts(call("train", *words.format(dots=dots).split(), "--name", "a", "--json"))

    assert settings("a") == {
        "data.name": dots,
        "network.hidden": [8],
        "optimizer.lr": 0.05,
        "optimizer.momentum": 0.5,
        "train.epochs": 1,
    }


@pytest.mark.parametrize(
    ("words", "note"),
    [
        (
            "--learning-rate 0.05 --max_iter 1 --hidden_layer_sizes 8",
            "--learning-rate is --lr here",
        ),
        ("--lr 0.05 --epochs 1 --hidden 8", ""),
        ("lr=0.05 epochs=1 hidden=8", ""),
        ("--lr=0.05 max_iter=1 --hidden=8", "max_iter= is epochs= here"),
        ("network.hidden=8 learning_rate=0.05 train.epochs=1", "learning_rate= is lr= here"),
    ],
)
def test_a_habit_of_another_program_works_and_ours_is_named(
    words: str, note: str, dots: str
) -> None:
    status, _, err = call("train", f"data={dots}", *words.split(), "-q", "name=a")

    assert status == 0
    assert (f"note: {note}\n" in err) == bool(note)
    assert settings("a") == {
        "data.name": dots,
        "network.hidden": [8],
        "optimizer.lr": 0.05,
        "train.epochs": 1,
    }


@pytest.mark.parametrize(
    "words",
    [
        "--batch_size 32 --momentum 0.5 --weight-decay 1e-4 --label_smoothing=0.1",
        "batch_size=32 momentum=0.5 weight_decay=1e-4 label_smoothing=0.1",
        "batch-size=32 --set optimizer.momentum=0.5 --weight_decay=1e-4 label-smoothing=0.1",
    ],
)
def test_every_setting_has_a_short_name(words: str, dots: str) -> None:
    assert call("train", dots, *words.split(), "--epochs", "1", "-q", "--name", "a").err == ""

    assert settings("a") == {
        "data.name": dots,
        "optimizer.momentum": 0.5,
        "optimizer.weight_decay": 0.0001,
        "train.epochs": 1,
        "train.batch_size": 32,
        "train.label_smoothing": 0.1,
    }


@pytest.mark.parametrize(
    ("words", "same"),
    [
        ("val first", "eval first"),
        ("test model=first split=validation", "eval first --split validation"),
        ("eval --model first", "eval first"),
        ("eval last", "eval first"),
        ("show first", "runs show first"),
        ("predict model=first source=seven.png top=1", "predict first seven.png --top 1"),
        ("predict --model first seven.png", "predict first seven.png"),
        ("classify first seven.png", "predict first seven.png"),
        ("settings", "config show"),
        ("datasets", "data list"),
        ("ls", "runs"),
        ("download --list", "data list"),
    ],
)
def test_what_is_said_another_way_is_understood(words: str, same: str, dots: str) -> None:
    train(dots, "first")
    Image.new("L", (4, 4)).save("seven.png")

    given, ours = call(*words.split()), call(*same.split())

    assert (given.status, given.out) == (0, ours.out)


@pytest.mark.parametrize("words", ["-- --lr 3", "a=b", "first x=1", "--zzz 3", "--lr"])
def test_what_has_no_other_meaning_is_left_as_it_is(words: str) -> None:
    assert translate(ROOT, ["eval", *words.split()]) == ["eval", *words.split()]


def test_words_of_other_programs_are_understood_before_the_word_run_of_sweep() -> None:
    given = translate(ROOT, ["sweep", "quickstart", "--learning-rate=0.1,0.2", "--output", "x"])

    assert given == ["sweep", "quickstart", "optimizer.lr=0.1,0.2", "--out", "x"]
    assert translate(ROOT, ["sweep", "--help"]) == ["sweep", "--help"]


def test_an_option_of_another_name_is_ours() -> None:
    given = translate(ROOT, ["report", "first", "--output", "a.html"])

    assert given == ["report", "first", "--out", "a.html"]
    assert translate(ROOT, ["runs", "--output", "x"]) == ["runs", "--output", "x"]


def test_a_run_is_not_compared_with_itself(dots: str) -> None:
    train(dots, "first")

    assert refusal("compare", "first", "runs/first") == (
        "compare: takes each run once; leave out the repeated one"
    )


def test_a_file_with_an_equals_sign_is_a_file() -> None:
    Path("source=a.png").touch()

    assert translate(ROOT, ["predict", "source=a.png"]) == ["predict", "source=a.png"]


def test_nothing_is_removed_by_a_guess(dots: str) -> None:
    train(dots, "first")

    for words in ("rm first", "delete first", "remove first"):
        assert refusal(*words.split()).endswith("; did you mean 'runs rm'?")
    assert refusal("runs", "delete", "first").endswith("; did you mean 'rm'?")
    assert Path("runs/first/run.json").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("train --hidden-layers 3", "no such option '--hidden-layers'; did you mean '--hidden'?"),
        ("train --device cuda", "no such option '--device'; see `mlp train --help`"),
        ("train --forc", "no such option '--forc'; did you mean '--force'?"),
        ("train --rce", "no such option '--rce'; see `mlp train --help`"),
        ("train --epochs 0", "--epochs 0: epochs must be an integer in [1, 100000], got 0"),
        ("train epochs=0", "epochs=0: epochs must be an integer in [1, 100000], got 0"),
        ("train --momentum 2", "optimizer.momentum=2: momentum must be a number in [0, 1), got 2"),
        ("train --hidden 8,0", "--hidden 8,0: entry 2 of hidden must be an integer in"),
        ("train --optimizer adan", "--optimizer adan: name must be one of 'sgd', 'adam', 'adamw'"),
        ("train --set lr=0.1", "--set lr=0.1: unknown key 'lr'; did you mean 'optimizer.lr'?"),
        ("train --set epochs=3", "unknown key 'epochs'; did you mean 'train.epochs'?"),
        ("train momentun=0.9", "unknown key 'momentun'; did you mean 'optimizer.momentum'?"),
        ("train minst", "minst: no such config, data set or file; did you mean 'mnist'?"),
        ("train MNIST", "MNIST: no such config, data set or file; did you mean 'mnist'?"),
        ("train synth synth", "synth: only one config and one data set, then key=value"),
        ("train optimizer.lr 3", "optimizer.lr: no such config, data set or file; "),
        ("train --seeds 0,1,2", "expected a whole number in [2, 1000], got '0,1,2'"),
        ("runs r", "no such command 'r'; see `mlp runs --help`"),
        ("trian mnist", "no such command 'trian'; did you mean 'train'?"),
    ],
)
def test_what_is_unknown_is_answered_with_what_is_known(words: str, message: str) -> None:
    assert message in refusal(*words.split())


def test_a_run_is_found_by_its_name(dots: str) -> None:
    train(dots, "first")

    assert facts(call("eval", "first", "--json"))["run"] == "runs/first"
    assert call("runs", "show", "first").out.startswith("run: runs/first\n")
    assert call("report", "first").out.startswith("report: runs/first/report.html")
    assert facts(call("summary", "--run", "first", "--json"))
    assert "did you mean 'first'?" in refusal("eval", "frist")


def test_a_run_is_found_by_its_name_in_python(dots: str) -> None:
    train(dots, "first")

    assert mlpcli.load("first").run == Path("runs/first")
    assert mlpcli.evaluate("first").run == "runs/first"
    with pytest.raises(mlpcli.MlpError, match="did you mean 'first'"):
        mlpcli.load("frist")


@pytest.mark.parametrize("command", ["eval", "runs show", "report", "plot", "export --format npz"])
def test_without_a_run_the_latest_is_taken(command: str, dots: str) -> None:
    train(dots, "first")
    train(dots, "second")

    status, out, err = call(*command.split())

    assert status == 0
    assert err.startswith("note: runs/second: the latest finished run\n")
    assert "runs/second" in out or "second.npz" in out


def test_the_latest_run_is_taken_where_a_terminal_shows_it(dots: str) -> None:
    train(dots, "first")

    status, out, err = on_terminal("eval", "--json")

    assert (status, json.loads(out)["run"]) == (0, "runs/first")
    assert "note: runs/first: the latest finished run" in err


def test_a_check_of_a_run_may_name_the_latest(dots: str) -> None:
    train(dots, "first")

    status, _, err = call("gradcheck", "--run", "latest", "--quick")

    assert (status, err) == (0, "note: runs/first: the latest finished run\n")


def test_a_folder_of_runs_is_answered_with_their_names(dots: str) -> None:
    train(dots, "first")
    train(dots, "second")

    status, out, err = call("eval", "runs")

    assert (status, out) == (2, "")
    assert err.splitlines() == [
        "error: runs: contains 2 runs; choose one:",
        "  runs/first",
        "  runs/second",
    ]


def test_a_run_to_train_is_to_be_resumed(dots: str) -> None:
    train(dots, "first")

    assert refusal("train", "first") == "first: is a run; use --resume first"
    assert refusal("gradcheck", "first") == "first: is a run; use --run first"


def test_predict_knows_the_run_from_the_images(dots: str) -> None:
    train(dots, "first")
    Image.new("L", (4, 4)).save("seven.png")

    named, latest = call("predict", "first", "seven.png"), call("predict", "seven.png")

    assert named.status == latest.status == 0
    assert named.out == latest.out
    assert "note: runs/first: the latest finished run\n" in latest.err
    assert refusal("predict", "seven.png", "runs/first") == (
        "runs/first: is a run, and comes first: `mlp predict runs/first seven.png`"
    )
    assert refusal("predict", "frist", "seven.png") == ("frist: no such run; did you mean 'first'?")
    assert refusal("predict", "first") == (
        "first: is a run; name images too, or - for standard input"
    )


def train(data: str, name: str) -> None:
    facts(call("train", data, *FAST, "--name", name))
