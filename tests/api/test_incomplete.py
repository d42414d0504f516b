"""A run that replaces another: whole, or the other as it was, or known as neither."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mlpcli.api import runs
from mlpcli.api.export import export
from mlpcli.api.import_weights import import_weights
from mlpcli.api.trainer import train
from mlpcli.config.schema import Config
from mlpcli.errors import CheckpointError
from mlpcli.runs.folder import BEST, INCOMPLETE, RunFolder
from tests.cli.outcome import refusal
from tests.death import Dead, die_at
from tests.fingerprint import result
from tests.trainings import changed

Command = Callable[[Path, bool], object]  # of a folder, and whether to overwrite


@pytest.fixture
def old(settings: Config, tmp_path: Path) -> Path:
    """A finished run."""
    list(train(settings, tmp_path / "old", preflight=False))
    return tmp_path / "old"


@pytest.fixture(params=["train", "import"])
def command(request: pytest.FixtureRequest, settings: Config, old: Path, tmp_path: Path) -> Command:
    """A command that puts another run into a folder."""
    new = changed(settings, "optimizer.lr=0.01", "train.epochs=1", f"seed={settings.seed + 1}")
    weights = tmp_path / "net.safetensors"
    export(old, weights, form="safetensors")

    def command(folder: Path, overwrite: bool) -> object:
        if request.param == "train":
            return list(train(new, folder, overwrite=overwrite, preflight=False))
        overrides = [f"data.name={settings.data.name}"]
        return import_weights(weights, folder, overrides=overrides, overwrite=overwrite)

    return command


@pytest.mark.slow
def test_a_death_at_any_write_leaves_one_run_or_is_told(
    command: Command, old: Path, tmp_path: Path
) -> None:
    folder, before = tmp_path / "run", result(old)
    command(tmp_path / "new", False)
    best = (tmp_path / "new" / BEST).read_bytes()
    incomplete = 0
    for n in range(1, 1000):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(old, folder)
        with pytest.MonkeyPatch.context() as patch:
            die_at(n, patch)
            try:
                command(folder, True)
                break
            except Dead:
                pass
        told = f"died at operation {n}"
        run = RunFolder(folder)
        if run.is_incomplete():
            incomplete += 1
            command(folder, False)  # the same command, which need not be told to overwrite
        else:
            if run.load_config() == RunFolder(old).load_config():
                assert result(folder) == before, told
            else:
                assert run.load_record().seed == run.load_config().seed, told
                for which in ("best", "last"):
                    if run.weights(which).exists():
                        config = run.load_weights(which).metadata.config
                        assert config == run.load_config(), told
            command(folder, True)
        assert not run.is_incomplete(), told
        assert (folder / BEST).read_bytes() == best, told
        assert not list(folder.glob("*.tmp")), told

    assert incomplete > 10


def test_an_incomplete_folder_is_used_by_no_command(old: Path) -> None:
    (old / INCOMPLETE).touch()

    for words in ("eval {}", "train --resume {}", "export {}", "report {}", "reproduce {}"):
        told = refusal(*words.format(old).split())
        assert "is incomplete: the command that was writing a run here" in told, words
    (entry,) = runs.find(old.parent)
    assert entry.status == "incomplete"
    with pytest.raises(CheckpointError, match="is incomplete"):
        RunFolder(old).load_record()

    RunFolder(old).remove()
    assert not old.exists()
