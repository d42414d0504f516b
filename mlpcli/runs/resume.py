"""Going on with a run that stopped, to the very end it would have had."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

from mlpcli.data.dataset import Split
from mlpcli.errors import CheckpointError
from mlpcli.runs import checkpoint, record
from mlpcli.runs import config as configs
from mlpcli.runs.checkpoint import Checkpoint
from mlpcli.runs.environment import differing, environment
from mlpcli.runs.events import logged
from mlpcli.runs.fit import Metrics, State, rows
from mlpcli.runs.lock import held
from mlpcli.runs.settings import Config
from mlpcli.runs.train import Event, Notice, Run, begin, follow, load, polite

FREE = {  # settings that may change on the way
    "train.epochs",
    "train.time_budget",
    "train.target",
    "checkpoint.every_seconds",
    "log.tensorboard",
}
FIXED = {"network.hidden", "optimizer.name", "train.ema"}  # settings that no --force can change


@logged
def resume(
    config: Config,
    folder: Path,
    *,
    force: bool = False,
    offline: bool = False,
    threads: int = 1,
) -> Generator[Event]:
    """Train on from the last checkpoint in folder; yields and raises as `train` does.

    config: the run's own, where `train.epochs` may be larger and a time budget or target another.
    Other differences, also of the data, are refused without force.
    """
    record.require(folder)
    with held(folder):
        path = folder / record.LAST
        kept = checkpoint.load(path) if path.exists() else None
        if kept and not kept.memory:
            raise CheckpointError(f"{path}: holds no state to go on from, only weights; train anew")
        before = kept.facts.config if kept else configs.load(str(folder / record.CONFIG))
        changed = differences(before, config)
        split = load(config, "train", offline=offline)
        if kept and kept.facts.data != split.files:
            changed["data"] = "the training files are others than those of the run"
        _refuse(folder, changed, force=force)
        for key, (then, now) in _elsewhere(folder, threads=threads).items() if kept else ():
            yield Notice(f"{key}: {then!r} in the run, {now!r} now; this may change its bits")
        with polite(folder) as wish:
            if kept is None:  # it died before its first checkpoint
                yield from follow(begin(config, folder, split, threads=threads), wish)
                return
            run = _mended(folder, kept, config, split, threads=threads)
            if forced := {key: text for key, text in changed.items() if key not in FREE}:
                run.record["forced"] = [*run.record.get("forced", []), forced]
            record.save(folder, run.record)
            state = State(kept.facts.progress, kept.facts.updates, kept.params, kept.memory)
            yield from follow(run, wish, since=state)


def earlier(folder: Path) -> list[Metrics]:
    """The epochs done so far, to show; none when they cannot be read, which `resume` will tell."""
    try:
        return record.metrics(folder)
    except CheckpointError:
        return []


def differences(before: Config, now: Config) -> dict[str, str]:
    """Each setting that is not as it was, by its dotted key, in words."""
    old, new = configs.flat(before), configs.flat(now)
    return {
        key: f"{old.get(key, 'nothing')!r} in the run, {new.get(key, 'nothing')!r} now"
        for key in [*old, *(new.keys() - old.keys())]
        if old.get(key) != new.get(key)
    }


def _refuse(folder: Path, changed: dict[str, str], *, force: bool) -> None:
    """Raise CheckpointError for differences that would make it another training."""
    told = {key: text for key, text in changed.items() if key not in FREE}
    if force:
        told = {key: text for key, text in told.items() if key in FIXED}
    if told:
        hint = "these cannot change" if force else "--force goes on all the same"
        lines = [f"  {key}: {text}" for key, text in told.items()]
        raise CheckpointError("\n".join([f"{folder}: the settings differ; {hint}", *lines]))


def _elsewhere(folder: Path, *, threads: int) -> dict[str, tuple[Any, Any]]:
    """What is other than it was for the run and can change its bits."""
    if not (folder / record.RECORD).exists():
        return {}
    return differing(record.environments(record.read(folder)), environment(threads))


def _mended(folder: Path, kept: Checkpoint, config: Config, split: Split, *, threads: int) -> Run:
    """The run as its last checkpoint knows it, whichever write it died before."""
    facts = kept.facts
    done = facts.progress
    if config.train.epochs < done.epoch:
        raise CheckpointError(
            f"{folder}: train.epochs must be at least {done.epoch}, which are done, "
            f"got {config.train.epochs}"
        )
    lengths = facts.lengths
    if lengths[-1][1] != config.train.epochs:
        lengths = (*lengths, (facts.updates, config.train.epochs))
    metrics = record.cut(folder, done.epoch)
    if 0 < done.best_epoch == done.epoch and not done.step:
        checkpoint.save(folder / record.BEST, kept._replace(memory=()))
    checkpoint.write(folder / record.CONFIG, configs.dump(config).encode())
    before = _record(folder, config, split, threads=threads)
    run = record.again(before, metrics, done, threads=threads)
    run["reproducible"] = run.get("reproducible", True) and config.train.time_budget is None
    return Run(folder, config, split, threads, lengths, run)


def _record(folder: Path, config: Config, split: Split, *, threads: int) -> record.Record:
    """The run's record, or a new one where the run died before it was written."""
    if (folder / record.RECORD).exists():
        return record.read(folder)
    training, validation = map(len, rows(config, split))
    return record.begin(config, split, training=training, validation=validation, threads=threads)
