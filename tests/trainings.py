"""Trainings of the tests: settings with changes, runs of several seeds, edited run files."""

import json
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from typing import Any

from mlpcli.api import multi_run
from mlpcli.api.trainer import Event, Stage
from mlpcli.config.load import load_config
from mlpcli.config.schema import Config
from mlpcli.runs.folder import METRICS
from mlpcli.runs.provenance import overrides


def changed(settings: Config, *changes: str) -> Config:
    """The settings with changes as `--set` reads them."""
    return load_config(None, [*overrides(settings), *changes])


def unstaged(training: Generator[Event]) -> Generator[Event]:
    """What a training yields, without the stages."""
    with closing(training):
        yield from (event for event in training if not isinstance(event, Stage))


def train_seeds(settings: Config, folder: Path, seeds: int = 2, threads: int = 1) -> Path:
    """The folder, with finished runs of several seeds."""
    runs = multi_run.train(settings, folder, "seed", seeds, preflight=False, threads=threads)
    for run in runs:
        list(run.events)
    return folder


def edit_json(path: Path, change: Callable[[dict[str, Any]], object], line: int = 0) -> None:
    """Change the values of a file's JSON, or of one line in metrics.jsonl."""
    lines = path.read_text().splitlines() if path.name == METRICS else [path.read_text()]
    values = json.loads(lines[line])
    change(values)
    lines[line] = json.dumps(values)
    path.write_text("\n".join(lines) + "\n")
