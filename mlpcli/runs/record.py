"""A run's folder: what lies in it, and the record of how it came about.

config.yaml         every setting, defaults included
metrics.jsonl       one line an epoch, appended and flushed
best.safetensors    weights of the epoch with the highest validation accuracy
last.safetensors    weights as they were last
run.json            status, seed, data, environment, timings
events/             TensorBoard event files, where `log.tensorboard` asks for them

Runs of several seeds lie in one folder, each in its own: seed-0, seed-1 and so on.
"""

import json
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlpcli.data.dataset import Split
from mlpcli.errors import CheckpointError
from mlpcli.runs import checked
from mlpcli.runs import config as configs
from mlpcli.runs.checkpoint import sync, write
from mlpcli.runs.environment import Environment, environment
from mlpcli.runs.fit import Metrics, Progress, parameters, sizes
from mlpcli.runs.settings import Config

SCHEMA = 1
CONFIG, METRICS, RECORD = "config.yaml", "metrics.jsonl", "run.json"
BEST, LAST = "best.safetensors", "last.safetensors"
REPORT = "report.html"  # of this run, where `mlp report` puts it
OURS = (CONFIG, METRICS, RECORD, BEST, LAST)
EVENTS = "events"

Record = dict[str, Any]  # the content of run.json, whose keys `begin` lists


def claim(folder: Path, *, overwrite: bool) -> None:
    """Raise CheckpointError unless a run may be written here; changes nothing."""
    if folder.exists() and not folder.is_dir():
        raise CheckpointError(f"{folder}: is a file; name a folder for the run")
    if members(folder):
        raise CheckpointError(
            f"{folder}: holds runs of several seeds; choose another --out, or go on with them by "
            "--resume and --seeds"
        )
    if not overwrite and any((folder / name).exists() for name in OURS):
        raise CheckpointError(f"{folder}: holds a run already; choose another --out or --overwrite")


def make(folder: Path) -> None:
    """Make the folder, to last; raises CheckpointError when that fails."""
    try:
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        for each in missing:
            sync(each.parent)
    except OSError as err:
        raise CheckpointError(f"{folder}: cannot write the run here: {err.strerror}") from err


def require(folder: Path) -> None:
    """Raise CheckpointError unless a run lies in folder."""
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: no such run folder; `mlp train` makes one")
    if seeds := members(folder):
        raise CheckpointError(
            f"{folder}: holds runs of several seeds; name one of them, such as {seeds[0]}"
        )
    if not (folder / CONFIG).is_file():
        raise CheckpointError(f"{folder}: no {CONFIG} here; is this a run folder?")


def member(folder: Path, seed: int) -> Path:
    """Where in the folder of several seeds the run of one lies."""
    return folder / f"seed-{seed}"


def members(folder: Path) -> list[Path]:
    """The folders of the runs of several seeds, the lowest first; none in that of a single run."""
    found = (path.parent.name.removeprefix("seed-") for path in folder.glob(f"seed-*/{CONFIG}"))
    seeds = sorted(int(seed) for seed in found if seed.isdecimal() and str(int(seed)) == seed)
    return [member(folder, seed) for seed in seeds]


def create(folder: Path, config: Config) -> None:
    """Put the settings into a folder that is held, in place of any earlier run's files."""
    sweep(folder)
    try:
        for name in (*OURS, REPORT):
            if name != CONFIG:  # replaced in one piece: from here on, the run can be resumed
                (folder / name).unlink(missing_ok=True)
        forget_events(folder)
    except OSError as err:
        raise CheckpointError(f"{folder}: cannot write the run here: {err.strerror}") from err
    write(folder / CONFIG, configs.dump(config).encode())
    write(folder / METRICS, b"")


def sweep(folder: Path) -> None:
    """Remove what a killed process left half-written."""
    for name in OURS:
        for left in folder.glob(f".{name}.*.tmp"):
            left.unlink(missing_ok=True)


def forget_events(folder: Path) -> None:
    """Remove the event files, and their folder when nothing else lies in it."""
    for path in (folder / EVENTS).glob("events.out.tfevents.*"):
        path.unlink(missing_ok=True)
    with suppress(OSError):  # there is no such folder, or something else in it
        (folder / EVENTS).rmdir()


def begin(config: Config, split: Split, *, training: int, validation: int, threads: int) -> Record:
    """The record of a run that starts now; training and validation count images."""
    return {
        "schema": SCHEMA,
        "status": "running",
        "seed": config.seed,
        "parameters": parameters(sizes(config, classes=len(split.classes))),
        "data": {
            "name": split.name,
            "classes": list(split.classes),
            "training_images": training,
            "validation_images": validation,
            "sha256": split.files,
        },
        "decided_by": "validation split, taken from the training images",
        "reproducible": config.train.time_budget is None,  # else the bits depend on the clock
        "ended_by": None,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": 0.0,
        "epochs": 0,
        "best": None,
        "last": None,
        "warnings": [],
        "environment": environment(threads),
    }


def environments(record: Record) -> list[Environment]:
    """Where the run was trained, part after part."""
    return [record["environment"], *(each["environment"] for each in record.get("resumed", []))]


def threads(folder: Path) -> int | None:
    """How many threads the run in a folder began with; None where it does not say."""
    if not (folder / RECORD).exists():
        return None
    return int(read(folder)["environment"]["threads"])


def again(record: Record, metrics: list[Metrics], progress: Progress, *, threads: int) -> Record:
    """The record of a run that goes on from progress; metrics are those of its epochs."""
    best = metrics[progress.best_epoch - 1]._asdict() if progress.best_epoch else None
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {
        **{key: value for key, value in record.items() if key != "error"},
        "status": "running",
        "ended_by": None,
        "epochs": progress.epoch,
        "best": best,
        "last": metrics[-1]._asdict() if metrics else None,
        "resumed": [
            *record.get("resumed", []),
            {
                "epoch": progress.epoch,
                "step": progress.step,
                "started": now,
                "environment": environment(threads),
            },
        ],
    }


def append(folder: Path, metrics: Metrics) -> None:
    """Add an epoch's line to metrics.jsonl and flush it to the disk."""
    line = json.dumps({"schema": SCHEMA, **metrics._asdict()}) + "\n"
    try:
        with (folder / METRICS).open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as err:
        raise CheckpointError(f"{folder / METRICS}: cannot write: {err.strerror}") from err


def metrics(folder: Path) -> list[Metrics]:
    """The epochs in metrics.jsonl, in order; a line that was not written to its end is left out.

    Raises CheckpointError when the file is missing or damaged.
    """
    return checked.metrics(folder / METRICS)


def cut(folder: Path, epochs: int) -> list[Metrics]:
    """Cut metrics.jsonl back to so many epochs, and return them."""
    sweep(folder)
    known = metrics(folder)
    if len(known) < epochs:
        raise CheckpointError(
            f"{folder / METRICS}: expected {epochs} epochs, got {len(known)}; were lines removed?"
        )
    kept = known[:epochs]
    lines = [json.dumps({"schema": SCHEMA, **each._asdict()}) + "\n" for each in kept]
    write(folder / METRICS, "".join(lines).encode())
    return kept


def save(folder: Path, record: Record) -> None:
    """Write run.json in one piece."""
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    write(folder / RECORD, text.encode(errors="replace"))  # a path in an error may be no text


def read(folder: Path) -> Record:
    """The content of run.json; raises CheckpointError when it is missing or damaged."""
    return checked.record(folder / RECORD)


def trained(folder: Path, *, lacks: str) -> Record:
    """As `read`; raises CheckpointError for an imported run, saying what it therefore lacks."""
    found = read(folder)
    if found["status"] == "imported":
        raise CheckpointError(f"{folder}: was imported, so {lacks}")
    return found
