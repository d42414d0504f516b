import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlpcli.api.trainer import train
from mlpcli.config.schema import Config
from mlpcli.errors import CheckpointError
from mlpcli.runs.folder import METRICS, RECORD, RunFolder

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def folder(settings: Config, tmp_path: Path) -> Path:
    """The folder of a run that finished."""
    folder = tmp_path / "run"
    list(train(settings, folder, preflight=False))
    return folder


def test_a_record_keeps_unknown_keys(folder: Path) -> None:
    values = json.loads((folder / RECORD).read_text()) | {"note": ["of a later version"]}
    values["data"] |= {"license": "CC0"}
    (folder / RECORD).write_text(json.dumps(values))
    run = RunFolder(folder)

    run.save_record(run.load_record())

    assert json.loads((folder / RECORD).read_text()) == values


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: values.update(schema=2), "'schema': Input should be 1"),
        (lambda values: values.update(status="asleep"), "'status': Input should be 'running'"),
        (lambda values: values.pop("seconds"), "'seconds': Field required"),
        (lambda values: values.update(epochs="3"), "'epochs': Input should be a valid integer"),
        (lambda values: values["data"].pop("sha256"), r"'data\.sha256': Field required"),
        (lambda values: values["best"].update(epoch=[1]), r"'best\.epoch': Input should be"),
        (lambda values: values.update(seconds=float("inf")), "'seconds': .* finite number"),
        (lambda values: values.update(seconds=10**400), "'seconds': "),
    ],
)
def test_a_record_with_a_wrong_value_is_refused(folder: Path, change: Change, message: str) -> None:
    values = json.loads((folder / RECORD).read_text())
    change(values)
    (folder / RECORD).write_text(json.dumps(values))

    with pytest.raises(CheckpointError, match=rf"run\.json: not the record of a run: {message}"):
        RunFolder(folder).load_record()


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{", b"[" * 9000, b"\xff", b'"\\ud800"', b"9" * 5000]
)
def test_a_file_that_is_no_record_is_refused(folder: Path, text: bytes) -> None:
    (folder / RECORD).write_bytes(text)

    with pytest.raises(CheckpointError, match=r"run\.json: not the record of a run: "):
        RunFolder(folder).load_record()


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values.pop("lr"),
        lambda values: values.update(lr=None),
        lambda values: values.update(train_loss="low"),
        lambda values: values.update(train_loss=float("nan")),
        lambda values: values.update(epoch=1.5),
    ],
)
def test_a_line_that_is_no_metrics_is_refused(folder: Path, change: Change) -> None:
    path = folder / METRICS
    first, *rest = path.read_text().splitlines()
    values = json.loads(first)
    change(values)
    path.write_text("\n".join([json.dumps(values), *rest]) + "\n")

    with pytest.raises(CheckpointError, match=r"metrics\.jsonl:1: not the metrics of an epoch"):
        RunFolder(folder).load_metrics()
