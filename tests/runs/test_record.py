import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlpcli.errors import CheckpointError
from mlpcli.runs.folder import METRICS, RECORD, RunFolder
from tests.trainings import edit_json

Change = Callable[[dict[str, Any]], object]


def test_a_record_keeps_unknown_keys(run: Path) -> None:
    values = json.loads((run / RECORD).read_text()) | {"note": ["of a later version"]}
    values["data"] |= {"license": "CC0"}
    (run / RECORD).write_text(json.dumps(values))

    RunFolder(run).save_record(RunFolder(run).load_record())

    assert json.loads((run / RECORD).read_text()) == values


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
        (lambda values: values.update(best=None), "a finished run has a best and a last epoch"),
        (lambda values: values.update(last=None), "a finished run has a best and a last epoch"),
    ],
)
def test_a_record_with_a_wrong_value_is_refused(run: Path, change: Change, message: str) -> None:
    edit_json(run / RECORD, change)

    with pytest.raises(CheckpointError, match=rf"run\.json: not the record of a run: {message}"):
        RunFolder(run).load_record()


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{", b"[" * 9000, b"\xff", b'"\\ud800"', b"9" * 5000]
)
def test_a_file_that_is_no_record_is_refused(run: Path, text: bytes) -> None:
    (run / RECORD).write_bytes(text)

    with pytest.raises(CheckpointError, match=r"run\.json: not the record of a run: "):
        RunFolder(run).load_record()


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
def test_a_line_that_is_no_metrics_is_refused(run: Path, change: Change) -> None:
    edit_json(run / METRICS, change)

    with pytest.raises(CheckpointError, match=r"metrics\.jsonl:1: not the metrics of an epoch"):
        RunFolder(run).load_metrics()
