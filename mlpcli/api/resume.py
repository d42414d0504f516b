"""Resuming a run that stopped, with the result that it would have had."""

from collections.abc import Generator
from pathlib import Path

from mlpcli.api.trainer import (
    AlreadyFinished,
    Event,
    Notice,
    Run,
    begin,
    follow,
    reading_stage,
    stop_between_steps,
)
from mlpcli.config.load import flat_settings
from mlpcli.config.schema import Config
from mlpcli.errors import CheckpointError
from mlpcli.runs import environment
from mlpcli.runs.checkpoint import Checkpoint
from mlpcli.runs.folder import RunFolder
from mlpcli.runs.record import new_record
from mlpcli.runs.tensorboard import require_library
from mlpcli.training.loader import TrainingData, load_split, prepare
from mlpcli.training.loop import stop_reason
from mlpcli.training.progress import Metrics, Progress, State

FREE_SETTINGS = {"train.epochs", "train.time_budget", "train.target"}  # may change at a resume
FREE_SETTINGS |= {"train.calibration", "checkpoint.every_seconds", "log.tensorboard"}
# cannot even with --force
FIXED_SETTINGS = {"network.hidden", "optimizer.name", "train.ema", "train.metric"}
FIXED_SETTINGS |= {"network.batch_norm"}

MORE = {  # how a finished run is trained further, by its stop reason
    "epochs": "a larger --epochs adds more",
    "time_budget": "a larger --time-budget adds more",
    "target": "a higher --target adds more",
    "patience": "train.patience ended it",
}


def resume(
    config: Config,
    folder: Path,
    *,
    force: bool = False,
    offline: bool = False,
    threads: int = 1,
    until: int | None = None,
    data: TrainingData | None = None,
) -> Generator[Event]:
    """Resume from the last checkpoint in folder; yields and raises as `train` does.

    config: the run's own; `train.epochs` may be larger, and other FREE_SETTINGS may have changed.
    Other differences, also of the data, are refused without force.
    """
    require_library(config)
    place = RunFolder(folder)
    place.require()
    with place.lock() as held:
        path = place.weights("last")
        last = place.load_checkpoint("last") if path.exists() else None
        if last and not last.optimizer_state:
            raise CheckpointError(f"{path}: holds only weights, no optimizer state; train anew")
        if last is None and place.has_record() and place.load_record().status == "finished":
            raise CheckpointError(f"{path}: was removed, so the run cannot be resumed; train anew")
        before = last.metadata.config if last else place.load_config()
        changed = differences(before, config)
        yield reading_stage(config)
        split = data.split if data else load_split(config, "train", offline=offline)
        if last and last.metadata.data != split.files:
            changed["data"] = "the training files are not those of the run"
        _refuse(place, changed, force=force)
        if last and _is_done(place, config, last.metadata.progress):
            place.require_metrics(last.metadata.progress.epoch)
            yield AlreadyFinished(f"{place}: {_already(config, last.metadata.progress)}")
            return
        data = data or prepare(config, split)
        if last and place.has_record():
            yield from _environment_notices(place, threads=threads)
        with stop_between_steps(place) as request:
            if last is None:  # it died before its first checkpoint
                run = begin(config, held, data, threads=threads)
                held.restart(config, run.record)
                yield from follow(run, request, until=until)
                return
            run = _repaired(held, last, config, data, threads=threads)
            if changed:
                run.record = run.record.replace(forced=(*run.record.forced, changed))
            held.save_record(run.record)
            metadata, params, vectors, statistics = last
            state = State(metadata.progress, metadata.updates, params, vectors, statistics)
            yield from follow(run, request, since=state, until=until)


def earlier_epochs(folder: Path) -> list[Metrics]:
    """The epochs done so far, to show; none when they cannot be read, which `resume` reports."""
    try:
        return RunFolder(folder).load_metrics()
    except CheckpointError:
        return []


def differences(before: Config, now: Config) -> dict[str, str]:
    """Each setting that has changed although it may not, by its dotted key, in words."""
    old, new = flat_settings(before), flat_settings(now)
    return {
        key: f"{old.get(key, 'nothing')!r} in the run, {new.get(key, 'nothing')!r} now"
        for key in [*old, *(new.keys() - old.keys())]
        if old.get(key) != new.get(key) and key not in FREE_SETTINGS
    }


def _refuse(folder: RunFolder, changed: dict[str, str], *, force: bool) -> None:
    """Raise CheckpointError for differences that would make it another training."""
    refused = [key for key in changed if key in FIXED_SETTINGS or not force]
    if refused:
        hint = "these cannot change" if force else "--force resumes all the same"
        lines = [f"  {key}: {changed[key]}" for key in refused]
        raise CheckpointError(f"{folder}: the settings differ; {hint}", *lines)


def _is_done(folder: RunFolder, config: Config, progress: Progress) -> bool:
    """Whether the run is whole and finished with config; raises for fewer epochs than done."""
    if config.train.epochs < progress.epoch:
        raise CheckpointError(
            f"{folder}: {progress.epoch} epochs are done; train.epochs must be at least "
            f"{progress.epoch}, got {config.train.epochs}"
        )
    finished = folder.has_record() and folder.load_record().status == "finished"
    if not finished or stop_reason(config, progress) is None:
        return False
    try:
        folder.load_weights("best")
    except CheckpointError:  # resuming writes them again where they equal the last
        return False
    return True


def _already(config: Config, progress: Progress) -> str:
    reason, n = stop_reason(config, progress), progress.epoch
    return f"already finished after {n} epoch{'s' * (n != 1)}; {MORE[reason or 'epochs']}"


def _environment_notices(folder: RunFolder, *, threads: int) -> list[Notice]:
    """A notice for each difference of the environment that can change the result."""
    here = environment.environment(threads)
    changed = environment.differences(folder.load_record().environments, here)
    return [
        Notice(f"{key}: {then!r} in the run, {now!r} now; this may change the last digits")
        for key, (then, now) in changed.items()
    ]


def _repaired(
    folder: RunFolder, last: Checkpoint, config: Config, data: TrainingData, *, threads: int
) -> Run:
    """The run as its last checkpoint knows it, whichever write it died before."""
    metadata = last.metadata
    done = metadata.progress
    limits = metadata.epoch_limits
    if limits[-1][1] != config.train.epochs:
        limits = (*limits, (metadata.updates, config.train.epochs))
    metrics = folder.cut_metrics(done.epoch)
    if 0 < done.best_epoch == done.epoch and not done.step:
        folder.save_weights("best", last._replace(optimizer_state=(), statistics=()))
    folder.save_config(config)
    new = new_record(config, data, threads=threads)
    record = folder.load_record() if folder.has_record() else new
    record = record.resume(metrics, done, threads=threads)
    if config.train.time_budget is not None:
        record = record.replace(reproducible=False)
    return Run(folder, config, data, threads, limits, record)
