"""What a run leaves that depends on no clock: equal for bit-identical runs."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from mlpcli.runs.folder import BEST, CONFIG, LAST, METRICS, RunFolder

TIMED = {"seconds", "images_per_second", "validation_seconds"}


def result(folder: Path) -> dict[str, Any]:
    """Checksums of its weights and settings, its metrics, its best and its status."""
    lines = [json.loads(line) for line in (folder / METRICS).read_text().splitlines()]
    record = RunFolder(folder).load_record()
    assert record.best is not None
    return {
        **{name: sha256((folder / name).read_bytes()).hexdigest() for name in (BEST, LAST, CONFIG)},
        "metrics": [_untimed(line) for line in lines],
        "best": _untimed(record.best.model_dump()),
        "status": record.status,
        "epochs": record.epochs,
    }


def _untimed(metrics: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in metrics.items() if key not in TIMED}
