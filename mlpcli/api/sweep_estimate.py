"""What a sweep would take, before it is started."""

import math
from statistics import fmean
from typing import NamedTuple

from mlpcli.api.summary import summarize
from mlpcli.api.sweep import Planned
from mlpcli.api.sweep_halving import rungs
from mlpcli.api.sweep_progress import is_done, record_of
from mlpcli.api.sweep_trial import Keep
from mlpcli.training.build import state_names


class Estimate(NamedTuple):
    """The size of a sweep."""

    sweep: str  # its folder
    configs: int
    trials: int
    finished: int  # of the trials
    epochs: int  # at most, of the trials that are left
    seconds: float | None  # on the workers, from the finished trials; None before there is one
    workers: int
    disk: int  # bytes of weights, at most


def estimate(planned: Planned, *, workers: int, keep: Keep = "all") -> Estimate:
    """Trials, epochs, time and disk; nothing is started."""
    folders = {t.address: planned.folder.trial(t.address) for t in planned.trials}
    finished = {
        address: record
        for address, folder in folders.items()
        if (record := record_of(folder)) and is_done(folder, None)
    }
    left = [trial for trial in planned.trials if trial.address not in finished]
    epochs = sum(trial.config.train.epochs for trial in left)
    if planned.halving and left:
        epochs = _halving_epochs(planned)
    paces = [record.seconds / record.epochs for record in finished.values() if record.epochs]
    seconds = fmean(paces) * epochs / max(1, min(workers, len(left))) if paces else None
    sizes: dict[str, int] = {}
    for trial in planned.trials:
        if trial.group not in sizes:
            vectors = {"all": 2 + len(state_names(trial.config)), "best": 1, "none": 0}[keep]
            sizes[trial.group] = vectors * summarize(trial.config).weights
    return Estimate(
        sweep=str(planned.folder),
        configs=len({trial.group for trial in planned.trials}),
        trials=len(planned.trials),
        finished=len(finished),
        epochs=epochs,
        seconds=seconds,
        workers=workers,
        disk=sum(sizes[trial.group] for trial in planned.trials),
    )


def _halving_epochs(planned: Planned) -> int:
    """Epochs of a sweep whose bad configs are stopped."""
    assert planned.halving
    length = planned.trials[0].config.train.epochs
    configs = len({trial.group for trial in planned.trials})
    seeds = len(planned.trials) / max(1, configs)
    total, before = 0.0, 0
    for at in [*rungs(planned.halving, length), length]:
        total += configs * seeds * (at - before)
        before, configs = at, math.ceil(configs / planned.halving.eta)
    return round(total)
