"""Completion: the questions that the shells' scripts ask, answered by real processes."""

from pathlib import Path

import pytest

from mlpcli.data.registry import DATASETS
from tests.cli.outcome import call, output, piped, python
from tests.cli.test_help import ROOT, commands

NAMED = {"RUN", "NAME|PATH", "NAME|FILE"}  # metavars of what has a name


def asked(line: str, shell: str = "bash") -> list[str]:
    """The lines that a shell gets for a line with the cursor at its end."""
    words = line.split(" ")
    env = {
        "bash": {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)},
        "zsh": {"_TYPER_COMPLETE_ARGS": line},
        "fish": {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }[shell]
    return output(piped(**env, _MLP_COMPLETE=f"complete_{shell}")).splitlines()


def finished(*folders: str) -> None:
    for folder in folders:
        Path(folder).mkdir(parents=True)
        Path(folder, "run.json").write_text("{}", encoding="utf-8")


def test_commands_and_options_are_completed() -> None:
    assert asked("mlp tr") == ["train"]
    assert asked("mlp data sh") == ["show"]
    assert asked("mlp train --ep") == ["--epochs"]


def test_data_sets_are_completed_by_name() -> None:
    assert set(asked("mlp download ")) == set(DATASETS)
    assert asked("mlp data show s") == ["synth"]
    assert asked("mlp eval runs/first --data fash") == ["fashion-mnist"]


def test_configs_are_completed_by_name_and_as_files() -> None:
    Path("mine.yaml").write_text("seed: 1\n", encoding="utf-8")

    assert asked("mlp train --config quick") == ["quickstart"]
    assert set(asked("mlp train --config fash")) == {"fashion-mnist", "fashion-mnist-best"}
    assert asked("mlp train --config mi") == ["mine.yaml"]
    assert asked("mlp config show quick") == ["quickstart"]


def test_runs_are_completed_wherever_they_lie() -> None:
    finished("runs/first", "runs/five/seed-0", "elsewhere/second")

    assert asked("mlp eval r") == ["runs/first", "runs/five", "runs/five/seed-0"]
    assert asked("mlp runs rm runs/first runs/fiv") == ["runs/five", "runs/five/seed-0"]
    assert asked("mlp train --resume elsewhere/") == ["elsewhere/second"]


def test_columns_of_runs_are_completed_one_after_another() -> None:
    assert asked("mlp runs --sort acc") == ["accuracy"]
    assert asked("mlp runs --columns run,hid") == ["run,hidden"]
    assert set(asked("mlp runs --columns run,ba")) == {
        *("run,balanced_accuracy", "run,batch_size", "run,background")
    }


def test_a_folder_with_the_signs_of_a_pattern_is_completed_as_itself() -> None:
    finished("a[1]/x", "a1/x")

    assert asked("mlp eval a[1]/") == ["a[1]/x"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_the_same_names_in_their_form(shell: str) -> None:
    answer = "\n".join(asked("mlp train --set data.name=emnist-l", shell))

    assert "data.name=emnist-letters" in answer
    assert "data.name=mnist" not in answer


def test_zsh_and_fish_are_told_what_a_command_does() -> None:
    assert "Train a network" in "\n".join(asked("mlp tr", "zsh"))
    assert asked("mlp tr", "fish")[0].startswith("train\tTrain a network")


def test_everything_with_a_name_is_completed() -> None:
    """A new command gets this by the arguments and options of cli/options.py."""
    finished("runs/first")
    ctx = ROOT.context_class(ROOT)
    parameters = [(words, param) for words, command in commands() for param in command.params]
    named = [(words, param) for words, param in parameters if param.metavar in NAMED]

    assert [each for each in named if not each[1].shell_complete(ctx, "")] == []


def test_an_answer_imports_nothing_heavy() -> None:
    script = (
        "import sys; from mlpcli.cli import app\n"
        "try: app(prog_name='mlp')\n"
        "finally: print(*[n for n, m in sys.modules.items() if m], file=sys.stderr)"
    )
    question = {"_TYPER_COMPLETE_ARGS": "mlp train --config m", "_MLP_COMPLETE": "complete_zsh"}

    _, out, err = python(script, **question)

    assert '"mnist"' in out
    assert not {"numpy", "pydantic", "rich", "ruamel.yaml", "pooch"} & set(err.split())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_one_command_installs_completion(
    shell: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(place))
    monkeypatch.setattr("typer._completion_shared._get_shell_name", lambda: shell)

    status, out, _ = call("--install-completion")

    files = [path for path in place.rglob("*") if path.is_file()]
    assert status == 0
    assert f"{shell} completion installed" in out
    assert any("_MLP_COMPLETE" in path.read_text(encoding="utf-8") for path in files)
