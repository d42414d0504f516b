"""A file counts as a run's by its content, and so does one of an earlier version."""

import shutil
from pathlib import Path

import pytest

from mlpcli.api.trainer import train
from mlpcli.config.schema import Config
from mlpcli.runs.folder import RUN_FILES, RunFolder
from mlpcli.runs.ownership import is_ours

GOLDEN = Path(__file__).parents[1] / "golden" / "run-0.1.0"
FOREIGN = {
    "config.yaml": b"# what I keep here\ndb: prod\n",
    "metrics.jsonl": b'{"epoch": 1}\n',
    "run.json": b'{"schema": 1, "jobs": []}\n',
    "best.safetensors": b"\x08\0\0\0\0\0\0\0{}      ",
    "last.safetensors": b"",
    "report.html": b"<!doctype html><title>thesis</title>",
    ".lock": b"mine\n",
}


@pytest.fixture
def run(settings: Config, tmp_path: Path) -> Path:
    """A folder with a finished run and its event files."""
    config = settings.replace(log=settings.log.replace(tensorboard=True))
    list(train(config, tmp_path / "run", preflight=False))
    return tmp_path / "run"


def test_every_file_of_a_run_is_ours(run: Path) -> None:
    files = [path for path in run.rglob("*") if path.is_file()]

    assert len(files) > len(RUN_FILES)
    assert all(map(is_ours, files))


@pytest.mark.parametrize("name", RUN_FILES)
def test_so_is_every_file_of_an_earlier_version(name: str) -> None:
    assert is_ours(GOLDEN / name)


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_file_of_the_same_name_is_not(run: Path, name: str) -> None:
    (run / name).write_bytes(FOREIGN[name])

    assert not is_ours(run / name)


def test_a_link_is_not_even_to_a_file_of_a_run(run: Path) -> None:
    moved = shutil.move(run / "run.json", run / "elsewhere")
    (run / "run.json").symlink_to(moved)

    assert not is_ours(run / "run.json")


def test_a_config_that_a_person_has_commented_is_not(run: Path) -> None:
    config = RunFolder(run).config
    config.write_text(f"# my best settings so far\n{config.read_text()}")

    assert not is_ours(config)


@pytest.mark.parametrize("size", [0, 1, 20, 100])
def test_a_torn_line_of_metrics_is_ours(run: Path, size: int) -> None:
    metrics = run / "metrics.jsonl"
    metrics.write_bytes(metrics.read_bytes()[:size])

    assert is_ours(metrics)
