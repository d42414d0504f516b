import shlex
from pathlib import Path

import pytest

from mlpcli.config.load import load_config
from mlpcli.config.shipped import shipped
from mlpcli.runs import checkpoint
from mlpcli.runs.folder import LAST, RunFolder
from mlpcli.runs.provenance import commands, overrides
from tests.cli.outcome import call

SETTINGS = (
    "network.hidden=[16, 8]",
    "network.activation=tanh",
    "optimizer.name=adam",
    "optimizer.weight_decay=1e-3",
    "train.batch_size=32",
)


def lines(folder: Path) -> list[str]:
    facts = checkpoint.load(folder / LAST).metadata
    return commands(facts, RunFolder(folder).load_record(), folder.name)


def trained(dots: str, *options: str) -> None:
    changes = [word for change in (f"data.name={dots}", *SETTINGS) for word in ("--set", change)]
    assert call("train", *changes, "--seed", "7", "--threads", "1", *options).status == 0


def run(lines: list[str]) -> None:
    for line in lines:
        program, *words = shlex.split(line)
        assert program == "mlp"
        assert call(*words).status == 0


def weights(folder: str) -> dict[str, bytes]:
    params = checkpoint.load(Path(folder) / LAST).params
    return {
        f"{i}{name}": a.tobytes() for i, p in enumerate(params) for name, a in p._asdict().items()
    }


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_command_gives_the_same_weights(dots: str) -> None:
    trained(dots, "--epochs", "2", "--name", "first")
    told = lines(Path("runs/first"))
    before = weights("runs/first")
    Path("runs/first").rename("kept")

    run(told)

    assert len(told) == 1
    assert weights("runs/first") == before


def test_a_lengthened_run_takes_a_command_for_each_length(dots: str) -> None:
    trained(dots, "--epochs", "1", "--name", "first")
    assert call("train", "--resume", "runs/first", "--epochs", "3").status == 0
    told = lines(Path("runs/first"))
    before = weights("runs/first")
    Path("runs/first").rename("kept")

    run(told)

    assert len(told) == 2
    assert weights("runs/first") == before


def test_what_no_command_repeats_is_told(dots: str) -> None:
    trained(dots, "--epochs", "2", "--name", "first")
    folder = Path("runs/first")
    facts = checkpoint.load(folder / LAST).metadata
    longer = facts.model_copy(update={"lengths": ((0, 2), (5, 4))})
    forced = RunFolder(folder).load_record() | {
        "forced": [{"optimizer.lr": "0.1"}],
        "reproducible": False,
    }

    told = commands(longer, forced, "first")

    assert [line for line in told if line.startswith("#")] == [
        "# stop it with Ctrl-C after step 5",
        "# a time budget makes its bits depend on the clock",
        "# settings or data were changed on the way, by --force",
    ]


@pytest.mark.parametrize("name", shipped())
def test_overrides_give_each_shipped_config(name: str) -> None:
    settings = load_config(name)

    assert load_config(None, overrides(settings)) == settings


@pytest.mark.parametrize(
    "value", ["1e3", "no", "True", "null", "a b: c", "../ä.npz", "'\"", "~", "-", "nan", "a\x1b"]
)
def test_overrides_keep_text_as_text(value: str) -> None:
    settings = load_config(None)
    settings = settings.model_copy(
        update={"data": settings.data.model_copy(update={"name": value})}
    )

    assert load_config(None, overrides(settings)) == settings
