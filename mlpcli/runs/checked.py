"""What is read back of a run's record and metrics, checked, since other hands may change it."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from mlpcli.errors import CheckpointError
from mlpcli.runs.fit import Metrics

LARGEST = 50_000_000  # bytes of either file; more is none


class _Known(BaseModel):
    """Part of run.json: what is read of it is checked, the rest is kept."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)


class _Data(_Known):
    name: str
    classes: list[str]
    training_images: int
    validation_images: int
    sha256: dict[str, str]


class _Epoch(_Known):
    epoch: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float
    images_per_second: float


class _Environment(_Known):
    mlpcli: str
    python: str
    numpy: str
    threads: int = Field(ge=1)
    cpu: str


class _Part(_Known):
    environment: _Environment


class _Run(_Known):
    schema_: Literal[1] = Field(alias="schema")
    status: Literal["running", "finished", "interrupted", "failed", "imported"]
    seed: int
    parameters: int
    data: _Data
    seconds: float
    epochs: int
    best: _Epoch | None
    last: _Epoch | None
    warnings: list[str]
    environment: _Environment
    started: str
    resumed: list[_Part] = []
    reproducible: bool = True
    ended_by: str | None = None
    forced: list[dict[str, str]] = []


_METRICS = TypeAdapter(Metrics, config=ConfigDict(strict=True, allow_inf_nan=False))


def record(path: Path) -> dict[str, Any]:
    """The content of run.json; raises CheckpointError when it is missing or damaged."""
    try:
        found = from_json(_content(path))
        _Run.model_validate(found)
    except ValidationError as err:
        first = err.errors()[0]
        at = ".".join(map(str, first["loc"])) or "all of it"
        raise CheckpointError(f"{path}: not the record of a run: {at!r}: {first['msg']}") from err
    except ValueError as err:
        raise CheckpointError(f"{path}: not the record of a run: {err}") from err
    return found


def metrics(path: Path) -> list[Metrics]:
    """The epochs in metrics.jsonl, as `record.metrics` has them."""
    found: list[Metrics] = []
    for number, line in enumerate(_content(path).split(b"\n")[:-1], 1):
        try:
            facts = from_json(line)
            known = {field: facts[field] for field in Metrics._fields if field in facts}
            found.append(_METRICS.validate_python(known))
        except (ValueError, LookupError, TypeError) as err:
            raise CheckpointError(f"{path}:{number}: not the metrics of an epoch") from err
        if found[-1].epoch != number:
            raise CheckpointError(f"{path}:{number}: expected epoch {number}")
    return found


def _content(path: Path) -> bytes:
    """A file's bytes; raises CheckpointError when it is missing or absurdly large."""
    try:
        if path.stat().st_size > LARGEST:
            raise CheckpointError(f"{path}: expected at most {LARGEST:,} bytes; is it a run's?")
        return path.read_bytes()
    except FileNotFoundError as err:
        raise CheckpointError(f"{path.parent}: no {path.name} here; is this a run folder?") from err
    except OSError as err:
        raise CheckpointError(f"{path}: not readable: {err.strerror or err}") from err
