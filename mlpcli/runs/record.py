"""The record of a run, run.json: its origin and its progress.

It is checked when it is read, since it may have been edited. What a later version adds is kept.
"""

import json
from datetime import UTC, datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mlpcli.config.schema import Config, Metric
from mlpcli.nn.mlp import parameter_count
from mlpcli.runs.environment import Environment, environment
from mlpcli.training.build import layer_sizes
from mlpcli.training.loader import TrainingData
from mlpcli.training.progress import Metrics, Progress

SCHEMA: Literal[1] = 1  # of run.json and of the lines of metrics.jsonl


class Part(BaseModel):
    """A part of the record: its known fields are checked, others are kept."""

    model_config = ConfigDict(
        strict=True, extra="allow", allow_inf_nan=False, frozen=True, populate_by_name=True
    )


class DataRecord(Part):
    """What the run is trained on."""

    name: str
    classes: tuple[str, ...]
    training_images: int
    validation_images: int
    sha256: dict[str, str]  # by the name of each file of the training images


class ResumeRecord(Part):
    """Where and when the run was resumed, and from which step."""

    epoch: int | None = None  # epochs done
    step: int | None = None  # steps of the next epoch done
    started: str | None = None  # ISO 8601, UTC
    environment: Environment


class RunRecord(Part):
    """The content of run.json; a field that was never set is not written."""

    schema_: Literal[1] = Field(validation_alias="schema", serialization_alias="schema")
    status: Literal["running", "finished", "interrupted", "paused", "failed", "imported"]
    seed: int
    parameters: int  # weights and biases
    data: DataRecord
    decided_by: str = ""  # how the best weights were chosen
    metric: Metric = "accuracy"  # whose highest value is the best
    reproducible: bool = True  # False where a time budget makes the result depend on the clock
    ended_by: str | None = None  # as `stop_reason` names it
    started: str  # ISO 8601, UTC
    seconds: float
    epochs: int  # done
    best: Metrics | None  # None before an epoch has ended
    last: Metrics | None
    warnings: tuple[str, ...]
    environment: Environment  # where it began
    resumed: tuple[ResumeRecord, ...] = ()
    error: str | None = None  # why it failed
    forced: tuple[dict[str, str], ...] = ()  # what --force changed, by its dotted key
    imported: dict[str, str] | None = None  # the file that was imported, and its SHA-256

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.status == "finished" and not (self.best and self.last):
            raise ValueError("a finished run has a best and a last epoch")
        return self

    @property
    def environments(self) -> list[Environment]:
        """Where the run was trained, part after part."""
        return [self.environment, *(part.environment for part in self.resumed)]

    def replace(self, **changes: Any) -> Self:
        """The record with these values in place of its own, checked as if they were read."""
        return self.model_validate({**self._values(), **changes})

    def resume(self, metrics: list[Metrics], progress: Progress, *, threads: int) -> Self:
        """The record of the run as it resumes from progress; metrics are those of its epochs."""
        epoch, step, *_ = progress
        here = environment(threads)
        part = ResumeRecord(epoch=epoch, step=step, started=_now(), environment=here)
        values = self._values() | {
            "status": "running",
            "ended_by": None,
            "epochs": epoch,
            "best": metrics[progress.best_epoch - 1] if progress.best_epoch else None,
            "last": metrics[-1] if metrics else None,
            "resumed": (*self.resumed, part),
        }
        values.pop("error", None)
        return self.model_validate(values)

    def as_dict(self) -> dict[str, Any]:
        """The record as JSON has it."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def to_json(self) -> bytes:
        """The content of run.json."""
        text = json.dumps(self.as_dict(), indent=2, ensure_ascii=False) + "\n"
        return text.encode(errors="replace")  # a path in an error may be no text

    def _values(self) -> dict[str, Any]:
        return {key: value for key, value in self if key in self.model_fields_set}


def new_record(config: Config, data: TrainingData, *, threads: int) -> RunRecord:
    """The record of a run that starts now."""
    split = data.split
    return RunRecord(
        schema_=SCHEMA,
        status="running",
        seed=config.seed,
        parameters=parameter_count(layer_sizes(config, classes=len(split.classes))),
        data=DataRecord(
            name=split.name,
            classes=split.classes,
            training_images=len(data.train_rows),
            validation_images=len(data.validation_rows),
            sha256=split.files,
        ),
        decided_by=_decided_by(data),
        metric=config.train.metric,
        reproducible=config.train.time_budget is None,
        ended_by=None,
        started=_now(),
        seconds=0.0,
        epochs=0,
        best=None,
        last=None,
        warnings=(),
        environment=environment(threads),
    )


def _decided_by(data: TrainingData) -> str:
    """How the best weights are chosen."""
    if not len(data.validation_rows):
        return "the last epoch, since there are no validation images"
    source = "apart from" if data.split.held_out else "taken from"
    return f"validation split, {source} the training images"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
