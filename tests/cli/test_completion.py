"""Completion: the questions that the shells' scripts ask, answered by real processes."""

import os
import select
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyte
import pytest

from mlpcli.cli.completion import settings_words
from mlpcli.config.keys import settings
from mlpcli.data.registry import DATASETS
from tests.cli.outcome import PATIENCE, call, output, piped, python
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


def test_every_key_and_value_of_the_schema_is_completed() -> None:
    offered = set(settings_words("o"))
    for key, setting in settings().items():
        assert {f"{key}=", f"{key}={setting.default}"} <= offered
        if key != "data.name":
            assert {f"{key}={value}" for value in setting.values} <= set(settings_words(f"{key}="))


def test_a_setting_and_its_value_are_completed_in_every_place() -> None:
    momentum = ["optimizer.momentum=", "optimizer.momentum=0.9"]
    assert asked("mlp train mnist optimizer.mom") == momentum
    assert asked("mlp gradcheck --set optimizer.mom") == momentum
    assert asked("mlp train data.name=fash", "fish") == ["data.name=fashion-mnist"]
    assert asked("mlp train --set network.activation=t", "fish") == ["network.activation=tanh"]
    assert '"optimizer.name=adamw"' in "".join(asked("mlp train optimizer.name=ad", "zsh"))
    assert asked("mlp train ")[:1] == ["emnist-letters"]  # of nothing, the names alone


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["train", "optimizer.name", "="], ["sgd", "adam", "adamw"]),
        (["train", "optimizer.name", "=", "adam"], ["adam", "adamw"]),
        (["train", "mnist", "seed", "=", "3", "data.name", "=", "fash"], ["fashion-mnist"]),
        (["train", "--set", "train.metric", "=", "m"], ["macro_f1"]),
        (["train", "--optimizer", "=", "adamw"], ["adamw"]),
        (["train", "--data", "="], ["synth", *DATASETS]),
        (["train", "what", "=", ""], [""]),
    ],
)
def test_bash_splits_words_at_the_equals_sign(words: list[str], answer: list[str]) -> None:
    line = ["mlp", *words]
    env = {"COMP_WORDS": "\n".join(line), "COMP_CWORD": str(len(line) - 1)}

    assert output(piped(**env, _MLP_COMPLETE="complete_bash")).splitlines() == answer


PRESSED = [  # what is typed before Tab, and what the line has then
    ("mlp tr", "mlp train "),
    ("mlp train mnist-f", "mlp train mnist-fast "),
    ("mlp train optimizer.mom", "mlp train optimizer.momentum="),
    ("mlp train optimizer.name=s", "mlp train optimizer.name=sgd"),
    ("mlp train --set network.init=l", "mlp train --set network.init=lecun"),
    ("mlp train --optimizer s", "mlp train --optimizer sgd"),
    ("mlp train --batch", "mlp train --batch-size"),
]
START = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
LOAD = {
    "bash": "source completion",
    "zsh": "autoload -U compinit; compinit -u -D; source ./completion",
    "fish": "source completion",
}


@pytest.mark.slow
@pytest.mark.parametrize("shell", START)
def test_a_key_press_completes_in_a_real_shell(shell: str) -> None:
    pytest.importorskip("pty", reason="no pseudo-terminals here")
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    folder = Path(sys.executable).parent
    if not (folder / "mlp").exists():
        pytest.skip("mlp is not installed as a program")
    script = output(piped(_MLP_COMPLETE=f"source_{shell}"))
    Path("completion").write_text(script, encoding="utf-8")
    env = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "PS1": "$ ", "HOME": os.getcwd()}
    for typed, completed in PRESSED:
        screen = pressed(START[shell], LOAD[shell], typed, env)
        assert any(completed.rstrip() in line for line in screen), (typed, screen)


class Screen(pyte.Screen):
    """A terminal that answers the questions of a program, such as where the cursor is."""

    def __init__(self, terminal: int) -> None:
        super().__init__(120, 40)
        self.terminal = terminal

    def write_process_input(self, data: str) -> None:
        os.write(self.terminal, data.encode())


def pressed(shell: list[str], load: str, typed: str, env: dict[str, str]) -> list[str]:
    """The lines on the screen of an interactive shell, after a text and the Tab key."""
    process, terminal = pytest.importorskip("pty").fork()
    if not process:
        os.execvpe(shell[0], shell, os.environ | env | {"TERM": "xterm"})
    screen = Screen(terminal)
    stream = pyte.ByteStream(screen)

    def wait(until: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not until() and time.monotonic() < deadline:
            if select.select([terminal], [], [], 0.1)[0]:
                stream.feed(os.read(terminal, 1 << 16))

    def shown() -> str:
        return "\n".join(line.rstrip() for line in screen.display)

    os.write(terminal, f"{load}; echo rea''dy\r".encode())
    wait(lambda: "\nready" in shown())
    os.write(terminal, typed.encode())
    wait(lambda: typed in shown())
    before = shown()
    os.write(terminal, b"\t")
    wait(lambda: shown() != before)
    quiet = time.monotonic() + 0.5  # what is drawn last
    wait(lambda: time.monotonic() > quiet)
    os.close(terminal)
    os.waitpid(process, 0)
    return [line.rstrip() for line in screen.display]


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
        *("run,balanced_accuracy", "run,batch_norm", "run,batch_size", "run,background")
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
