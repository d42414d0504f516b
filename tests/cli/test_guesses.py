"""What people type who know other tools: it works, or the answer names what does."""

import json
from pathlib import Path

import pytest
from PIL import Image

import mlpcli
from tests.cli.outcome import call, facts, on_terminal, refusal

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
    ("words", "message"),
    [
        ("train --learning-rate 1", "no such option '--learning-rate'; did you mean '--lr'?"),
        ("train --dataset mnist", "no such option '--dataset'; did you mean '--data'?"),
        ("train --max-iter 3", "no such option '--max-iter'; did you mean '--epochs'?"),
        ("train --random-state 3", "no such option '--random-state'; did you mean '--seed'?"),
        (
            "train --momentum 0.9",
            "no such option '--momentum'; did you mean '--set optimizer.momentum=...'?",
        ),
        ("train --device cuda", "no such option '--device'; see `mlp train --help`"),
        ("train --forc", "no such option '--forc'; did you mean '--force'?"),
        ("train --rce", "no such option '--rce'; see `mlp train --help`"),
        ("train --epochs 0", "--epochs 0: epochs must be an integer in [1, 100000], got 0"),
        ("train epochs=0", "epochs=0: epochs must be an integer in [1, 100000], got 0"),
        ("train --hidden 8,0", "--hidden 8,0: entry 2 of hidden must be an integer in"),
        ("train --optimizer adan", "--optimizer adan: name must be one of 'sgd', 'adam', 'adamw'"),
        ("train --set lr=0.1", "--set lr=0.1: unknown key 'lr'; did you mean 'optimizer.lr'?"),
        ("train --set epochs=3", "unknown key 'epochs'; did you mean 'train.epochs'?"),
        ("train momentum=0.9", "unknown key 'momentum'; did you mean 'optimizer.momentum'?"),
        ("train minst", "minst: no such config, data set or file; did you mean 'mnist'?"),
        ("train MNIST", "MNIST: no such config, data set or file; did you mean 'mnist'?"),
        ("train synth synth", "synth: only one config and one data set, then key=value"),
        ("train optimizer.lr 3", "optimizer.lr: no such config, data set or file; "),
        ("runs r", "no such command 'r'; see `mlp runs --help`"),
        ("evaluate first", "no such command 'evaluate'; did you mean 'eval'?"),
        ("test first", "no such command 'test'; did you mean 'eval'?"),
        ("fit mnist", "no such command 'fit'; did you mean 'train'?"),
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
        "error: runs: holds 2 runs; name one of them",
        "  runs/first",
        "  runs/second",
    ]


def test_a_run_to_train_is_to_be_resumed(dots: str) -> None:
    train(dots, "first")

    assert refusal("train", "first") == "first: is a run; name it by --resume first"
    assert refusal("gradcheck", "first") == "first: is a run; name it by --run first"


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
