"""`mlp sweep`: a plan of trials, trained by workers until each has its result on the disk."""

import math
import signal
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import fmean
from typing import Any, Literal, NamedTuple

from mlpcli.api.sweep_plan import THREADS, Trial, changed, data_checksums, plan
from mlpcli.api.sweep_trial import Keep, Outcome, Task
from mlpcli.api.sweep_workers import Workers
from mlpcli.config.load import flat_settings
from mlpcli.config.schema import Metric
from mlpcli.config.sweep_file import Definition, Halving, restored, stored
from mlpcli.errors import CheckpointError, ConfigError, Interrupted, MlpError
from mlpcli.runs.folder import RunFolder
from mlpcli.runs.record import RunRecord
from mlpcli.runs.sweep_folder import SweepFolder
from mlpcli.version import __version__

RESUME_HINT = "what was done is saved; the same command resumes it"
MAX_DEATHS = 5  # of a trial's workers, after which it is given up


class Planned(NamedTuple):
    """A sweep that is about to run, or has run."""

    folder: SweepFolder
    definition: Definition  # the last one, where --extend added some
    trials: list[Trial]

    @property
    def metric(self) -> Metric:
        """Whose highest value on the validation images is the best."""
        return self.definition.base.train.metric

    @property
    def halving(self) -> Halving | None:
        """Whether only the best trials are trained to the end."""
        return self.definition.sweep.early_terminate


class Event(NamedTuple):
    """A trial that has ended, or a beginning."""

    trial: Trial | None
    status: Literal["kept", "done", "failed", "again", "begun"]
    reason: str = ""
    score: float | None = None  # best so far of its metric
    waiting: int = 0  # trials left in this round, those under way included


def prepare(
    definition: Definition, folder: Path, *, extend: bool = False, offline: bool = False
) -> Planned:
    """The plan of a sweep for a folder, which may have a part of it; writes nothing.

    Raises CheckpointError, with each difference, where another sweep lies there, unless it is to be
    extended by this one.
    """
    place = SweepFolder(folder)
    place.claim()
    trials = plan(definition, data_checksums(offline=offline))
    _require_same_epochs(definition, trials)
    if not place.holds_sweep():
        return Planned(place, definition, trials)
    before = load(folder)
    if extend:
        known = {trial.address for trial in before.trials}
        more = [trial for trial in trials if trial.address not in known]
        return Planned(place, definition, [*before.trials, *more])
    lines = list(_differences(before.definition, definition))
    if not lines and [t.address for t in before.trials] != [t.address for t in trials]:
        known = {trial.address for trial in trials}
        if not known.issubset(trial.address for trial in before.trials):
            version = place.load_plan().get("version")
            lines = [f"  mlp: {version!r} in the folder, {__version__!r} now"]
            lines = lines if version != __version__ else ["  data: its files have changed"]
    if lines:
        raise CheckpointError(
            f"{folder}: the sweep there differs; --extend adds the new trials to it", *lines
        )
    return before


def load(folder: Path) -> Planned:
    """The sweep in a folder; raises CheckpointError."""
    place = SweepFolder(folder)
    values = place.load_plan()
    try:
        definitions = [restored(each) for each in values["definitions"]]
        trials = [
            Trial(
                each["address"],
                each["parameters"],
                changed(definitions[each["definition"]].base, each["parameters"]).replace(
                    seed=each["seed"]
                ),
            )
            for each in values["trials"]
        ]
        return Planned(place, definitions[-1], trials)
    except (ConfigError, LookupError, TypeError, ValueError) as err:
        raise CheckpointError(f"{folder}: its sweep.json is damaged: {err}") from err


def run(
    planned: Planned, workers: Workers, *, keep: Keep = "all", offline: bool = False
) -> Iterator[Event]:
    """Train what is not finished; yields what happens. The folder must be held.

    However it ends, no worker is left running.
    """
    _save(planned)
    with _stopping(workers):
        for until, trials in _rounds(planned):
            yield from _round(planned, workers, trials, until, keep, offline=offline)


def train_all(
    planned: Planned, workers: Workers, trials: Sequence[Trial], *, offline: bool = False
) -> Iterator[Event]:
    """Train other trials to their end in the folder of a sweep, as `run` does."""
    with _stopping(workers):
        yield from _round(planned, workers, trials, None, "all", offline=offline)


@contextmanager
def _stopping(workers: Workers) -> Iterator[None]:
    """Leave no worker running at the end; raises Interrupted where a signal asked to stop."""
    try:
        yield
    except KeyboardInterrupt as err:
        raise Interrupted(RESUME_HINT, err.args[0] if err.args else signal.SIGINT) from err
    except Interrupted as err:
        raise Interrupted(RESUME_HINT, err.exit_code - 128) from err
    finally:
        workers.cancel()


def is_done(folder: RunFolder, until: int | None) -> bool:
    """Whether a trial's run has finished or, where it is to pause, has come so far.

    Raises CheckpointError where its record is damaged.
    """
    if not folder.has_record() or folder.is_incomplete():
        return False
    record = folder.load_record()
    if record.status == "finished" or until is None:
        return record.status == "finished"
    with suppress(CheckpointError):
        return len(folder.load_metrics()) >= until and record.epochs >= until
    return False


def score(folder: RunFolder, metric: Metric, until: int | None = None) -> float | None:
    """The best value of the metric in a run's first epochs; None where there is none."""
    try:
        values = [each.validation(metric) for each in folder.load_metrics()[:until]]
    except CheckpointError:
        return None
    return max((value for value in values if not math.isnan(value)), default=None)


def survivors(trials: Sequence[Trial], scores: dict[str, float | None], eta: int) -> list[Trial]:
    """The trials of the best of so many configs, by the mean over their seeds.

    Of equal ones, the first in the plan; a config with a trial that failed is none of them.
    """
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        groups.setdefault(trial.group, []).append(trial)
    means: dict[str, float] = {}
    for name, members in groups.items():
        values = [scores.get(member.address) for member in members]
        if all(value is not None for value in values):
            means[name] = fmean(value for value in values if value is not None)
    best = sorted(means, key=lambda name: -means[name])[: math.ceil(len(groups) / eta)]
    return [trial for trial in trials if trial.group in best]


def rungs(halving: Halving, epochs: int) -> list[int]:
    """The epochs after which only the best go on.

    >>> rungs(Halving(type="halving", min_iter=1, eta=3), 20)
    [1, 3, 9]
    """
    found, at = list[int](), halving.min_iter
    while at < epochs:
        found.append(at)
        at *= halving.eta
    return found


def _rounds(planned: Planned) -> Iterator[tuple[int | None, list[Trial]]]:
    """The trials of each rung, and the epochs after which they pause; last, those that finish."""
    trials = planned.trials
    if planned.halving:
        for until in rungs(planned.halving, trials[0].config.train.epochs):
            yield until, trials
            scores = {
                trial.address: score(planned.folder.trial(trial.address), planned.metric, until)
                for trial in trials
                if is_done(planned.folder.trial(trial.address), until)
            }
            trials = survivors(trials, scores, planned.halving.eta)
    yield None, trials


def _round(
    planned: Planned,
    workers: Workers,
    trials: Sequence[Trial],
    until: int | None,
    keep: Keep,
    *,
    offline: bool,
) -> Iterator[Event]:
    lost = planned.folder.load_lost()
    waiting: dict[str, Trial] = {}
    for trial in trials:
        folder = planned.folder.trial(trial.address)
        if _done_or_reset(folder, until):
            yield _event(planned, trial, "kept", until)
        else:
            waiting[trial.address] = trial
    yield Event(None, "begun", waiting=len(waiting))
    deaths: Counter[str] = Counter()

    def submit(trial: Trial) -> None:
        folder = planned.folder.trial(trial.address)
        settings = trial.config.model_dump(mode="json")
        workers.submit(
            Task(trial.address, str(folder.path.resolve()), settings, until, keep, offline)
        )

    for trial in waiting.values():
        submit(trial)
    while waiting:
        reported = workers.next()
        trial = waiting[reported.address]
        outcome = _confirmed(planned.folder.trial(trial.address), reported, until)
        if outcome.status == "died":
            deaths[trial.address] += 1
            if deaths[trial.address] < MAX_DEATHS:
                submit(trial)
                yield Event(trial, "again", outcome.reason, None, len(waiting))
                continue
            reason = f"given up after {MAX_DEATHS} deaths: {outcome.reason}"
            outcome = outcome._replace(reason=reason)
        del waiting[trial.address]
        if outcome.status == "done":
            if lost.pop(trial.address, None) is not None:
                planned.folder.save_lost(lost)
            yield _event(planned, trial, "done", until, len(waiting))
            continue
        lost[trial.address] = outcome.reason
        planned.folder.save_lost(lost)
        yield Event(trial, "failed", outcome.reason, None, len(waiting))


def _confirmed(folder: RunFolder, outcome: Outcome, until: int | None) -> Outcome:
    """The outcome; done only if the run's record says so too."""
    if outcome.status != "done":
        return outcome
    with suppress(MlpError):
        if is_done(folder, until):
            return outcome
    return outcome._replace(status="died", reason="its record does not say that it has come so far")


def _done_or_reset(folder: RunFolder, until: int | None) -> bool:
    """As `is_done`; a damaged record does not count, and is written again by a resumed run."""
    try:
        return is_done(folder, until)
    except CheckpointError:
        with suppress(OSError):
            (folder.path / "run.json").unlink()
        return False


def _event(
    planned: Planned,
    trial: Trial,
    status: Literal["kept", "done"],
    until: int | None,
    waiting: int = 0,
) -> Event:
    value = score(planned.folder.trial(trial.address), planned.metric, until)
    return Event(trial, status, "", value, waiting)


def _save(planned: Planned) -> None:
    """Write the plan, unless it is there; what an earlier definition has planned keeps its base."""
    place, definition = planned.folder, stored(planned.definition)
    values: dict[str, Any] = place.load_plan() if place.holds_sweep() else {}
    definitions = values.get("definitions", [])
    known = {each["address"]: each for each in values.get("trials", [])}
    if definition not in definitions[-1:]:
        definitions = [*definitions, definition]
    new = {"address": "", "definition": len(definitions) - 1}
    trials = [
        known.get(trial.address)
        or {
            **new,
            "address": trial.address,
            "seed": trial.config.seed,
            "parameters": trial.parameters,
        }
        for trial in planned.trials
    ]
    content = {"version": __version__, "threads": THREADS, "definitions": definitions}
    if values.get("trials") != trials or values.get("definitions") != definitions:
        place.save_plan({**content, "trials": trials})


def _differences(before: Definition, now: Definition) -> Iterator[str]:
    """A line for each part of the definition that has changed."""
    old, new = _flat(before), _flat(now)
    for key in [*old, *(new.keys() - old.keys())]:
        if old.get(key) != new.get(key):
            then, today = old.get(key, "nothing"), new.get(key, "nothing")
            yield f"  {key}: {then!r} in the folder, {today!r} now"


def _flat(definition: Definition) -> dict[str, Any]:
    values = stored(definition)["sweep"]
    parameters = values.pop("parameters")
    values.pop("config", None)  # its settings are what counts
    flat = {f"parameters.{key}": value for key, value in parameters.items()}
    return values | flat | flat_settings(definition.base)


def _require_same_epochs(definition: Definition, trials: Iterable[Trial]) -> None:
    """Halving compares trials after the same epochs of schedules of the same length."""
    lengths = {trial.config.train.epochs for trial in trials}
    if definition.sweep.early_terminate and len(lengths) > 1:
        raise ConfigError(
            "early_terminate: halving needs the same train.epochs in all trials, got "
            f"{', '.join(map(str, sorted(lengths)))}"
        )


def record_of(folder: RunFolder) -> RunRecord | None:
    """A run's record; None where there is none that can be read."""
    try:
        return folder.load_record() if folder.has_record() else None
    except CheckpointError:
        return None
