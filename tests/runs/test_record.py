import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlpcli.api.trainer import train
from mlpcli.config.schema import Config
from mlpcli.errors import CheckpointError
from mlpcli.runs import record
from mlpcli.runs.folder import METRICS, RECORD, RunFolder

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def folder(settings: Config, tmp_path: Path) -> Path:
    """The folder of a run that finished."""
    folder = tmp_path / "run"
    list(train(settings, folder, preflight=False))
    return folder


def test_a_record_comes_back_with_what_is_not_known_of_it(folder: Path) -> None:
    kept = RunFolder(folder).load_record() | {"note": ["of a later version"]}
    record.save(folder, kept)

    assert RunFolder(folder).load_record() == kept


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda facts: facts.update(schema=2), "'schema': Input should be 1"),
        (lambda facts: facts.update(status="asleep"), "'status': Input should be 'running'"),
        (lambda facts: facts.pop("seconds"), "'seconds': Field required"),
        (lambda facts: facts.update(epochs="3"), "'epochs': Input should be a valid integer"),
        (lambda facts: facts["data"].pop("sha256"), r"'data\.sha256': Field required"),
        (lambda facts: facts["best"].update(epoch=[1]), r"'best\.epoch': Input should be"),
        (lambda facts: facts.update(seconds=float("inf")), "'seconds': .* finite number"),
        (lambda facts: facts.update(seconds=10**400), "'seconds': "),
    ],
)
def test_a_record_that_says_something_odd_is_refused(
    folder: Path, change: Change, message: str
) -> None:
    facts = RunFolder(folder).load_record()
    change(facts)
    (folder / RECORD).write_text(json.dumps(facts))

    with pytest.raises(CheckpointError, match=rf"run\.json: not the record of a run: {message}"):
        RunFolder(folder).load_record()


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{", b"[" * 9000, b"\xff", b'"\\ud800"', b"9" * 5000]
)
def test_a_record_that_is_none_is_refused(folder: Path, text: bytes) -> None:
    (folder / RECORD).write_bytes(text)

    with pytest.raises(CheckpointError, match=r"run\.json: not the record of a run: "):
        RunFolder(folder).load_record()


@pytest.mark.parametrize(
    "change",
    [
        lambda facts: facts.pop("lr"),
        lambda facts: facts.update(lr=None),
        lambda facts: facts.update(train_loss="low"),
        lambda facts: facts.update(train_loss=float("nan")),
        lambda facts: facts.update(epoch=1.5),
    ],
)
def test_a_line_that_is_no_metrics_is_refused(folder: Path, change: Change) -> None:
    path = folder / METRICS
    first, *rest = path.read_text().splitlines()
    facts = json.loads(first)
    change(facts)
    path.write_text("\n".join([json.dumps(facts), *rest]) + "\n")

    with pytest.raises(CheckpointError, match=r"metrics\.jsonl:1: not the metrics of an epoch"):
        RunFolder(folder).load_metrics()
