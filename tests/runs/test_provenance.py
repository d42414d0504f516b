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
    metadata = checkpoint.load(folder / LAST).metadata
    return commands(metadata, RunFolder(folder).load_record(), folder.name)


def trained(dots: str, *options: str) -> None:
    changes = [word for change in (f"data.name={dots}", *SETTINGS) for word in ("--set", change)]
    assert call("train", *changes, "--seed", "7", "--threads", "1", *options).status == 0


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("lengths", [["2"], ["1", "3"]], ids=["trained", "lengthened"])
def test_the_commands_give_the_same_weights(dots: str, lengths: list[str]) -> None:
    first, *later = lengths
    trained(dots, "--epochs", first, "--name", "first")
    for epochs in later:
        assert call("train", "--resume", "runs/first", "--epochs", epochs).status == 0
    given = lines(Path("runs/first"))
    Path("runs/first").rename("kept")

    for line in given:
        program, *words = shlex.split(line)
        assert program == "mlp"
        assert call(*words).status == 0

    assert len(given) == len(lengths)
    again, kept = (checkpoint.load(Path(run, LAST)).params for run in ("runs/first", "kept"))
    assert checkpoint.digest(again) == checkpoint.digest(kept)


def test_what_no_command_repeats_is_a_comment(dots: str) -> None:
    trained(dots, "--epochs", "2", "--name", "first")
    folder = Path("runs/first")
    metadata = checkpoint.load(folder / LAST).metadata
    longer = metadata.replace(epoch_limits=((0, 2), (5, 4)))
    record = RunFolder(folder).load_record()
    forced = record.replace(forced=({"optimizer.lr": "0.1"},), reproducible=False)

    given = commands(longer, forced, "first")

    assert [line for line in given if line.startswith("#")] == [
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
    settings = settings.replace(data=settings.data.replace(name=value))

    assert load_config(None, overrides(settings)) == settings
