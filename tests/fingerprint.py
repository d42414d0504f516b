"""What a run leaves that depends on no clock: equal for runs that gave the same bits."""

import hashlib
import json
from pathlib import Path
from typing import Any

from mlpcli.runs.folder import BEST, CONFIG, LAST, METRICS, RunFolder

TIMED = {"seconds", "images_per_second"}


def result(folder: Path) -> dict[str, Any]:
    """Sums of its weights and settings, its metrics, its best and its status."""
    sums = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in (BEST, LAST, CONFIG)
    }
    lines = [json.loads(line) for line in (folder / METRICS).read_text().splitlines()]
    run = RunFolder(folder).load_record()
    return {
        **sums,
        "metrics": [_untimed(line) for line in lines],
        "best": _untimed(run["best"]),
        "status": run["status"],
        "epochs": run["epochs"],
    }


def _untimed(metrics: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in metrics.items() if key not in TIMED}
