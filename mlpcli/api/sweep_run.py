"""Running a sweep: workers train its trials until each has its result on the disk."""

import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Literal, NamedTuple

from mlpcli.api import sweep_progress as progress
from mlpcli.api.sweep import Planned, save
from mlpcli.api.sweep_halving import rounds
from mlpcli.api.sweep_plan import Trial, longest_first
from mlpcli.api.sweep_trial import Keep, Outcome, Task
from mlpcli.api.sweep_workers import Workers
from mlpcli.errors import ClusterError, Interrupted, MlpError
from mlpcli.runs.folder import RunFolder

RESUME_HINT = "what was done is saved; the same command resumes it"
MAX_DEATHS = 5  # of a trial's workers, after which it is given up


class Event(NamedTuple):
    """A trial that has ended, or a beginning."""

    trial: Trial | None
    status: Literal["kept", "done", "failed", "again", "begun"]
    reason: str = ""
    score: float | None = None  # best so far of its metric
    waiting: int = 0  # trials left in this round, those under way included


def run(
    planned: Planned, workers: Workers, *, keep: Keep = "all", offline: bool = False
) -> Iterator[Event]:
    """Train what is not finished; yields what happens. The folder must be held."""
    save(planned)
    scores: dict[str, float | None] = {}
    for until, trials in rounds(planned, scores):
        scores.clear()
        for event in _round(planned, workers, trials, until, keep, offline=offline):
            if event.trial and event.status in ("kept", "done"):
                scores[event.trial.address] = event.score
            yield event


def train_all(
    planned: Planned, workers: Workers, trials: Sequence[Trial], *, offline: bool = False
) -> Iterator[Event]:
    """Train other trials to their end in the folder of a sweep, as `run` does."""
    yield from _round(planned, workers, trials, None, "all", offline=offline)


@contextmanager
def stopping(workers: Workers) -> Iterator[None]:
    """Leave no worker running, however this ends; raises Interrupted where a signal ended it.

    It is to last as long as what `run` yields is used, since a signal may come there too.
    """
    try:
        yield
    except KeyboardInterrupt as err:
        raise Interrupted(RESUME_HINT, err.args[0] if err.args else signal.SIGINT) from err
    except Interrupted as err:
        raise Interrupted(RESUME_HINT, err.exit_code - 128) from err
    finally:
        workers.cancel()


def _round(
    planned: Planned,
    workers: Workers,
    trials: Sequence[Trial],
    until: int | None,
    keep: Keep,
    *,
    offline: bool,
) -> Iterator[Event]:
    """Train trials as far as one round takes them, and tell of each that has ended."""
    waiting: dict[str, Trial] = {}
    for trial in trials:
        if progress.is_done_or_reset(planned.folder.trial(trial.address), until):
            yield _success(planned, trial, "kept", until)
        else:
            waiting[trial.address] = trial
    yield Event(None, "begun", waiting=len(waiting))
    for trial in longest_first(waiting.values()):
        workers.submit(_task(planned, trial, until, keep, offline=offline))
    deaths: Counter[str] = Counter()
    lost = planned.folder.load_lost()
    while waiting:
        outcome = workers.next()
        trial = waiting[outcome.address]
        outcome = _confirmed(planned.folder.trial(trial.address), outcome, until)
        if outcome.status == "refused":
            raise ClusterError(f"{planned.folder}: a worker {outcome.reason}; {RESUME_HINT}")
        if outcome.status == "moved":
            yield Event(trial, "again", outcome.reason, None, len(waiting))
            continue
        if outcome.status == "died":
            deaths[trial.address] += 1
            if deaths[trial.address] < MAX_DEATHS:
                workers.submit(_task(planned, trial, until, keep, offline=offline))
                yield Event(trial, "again", outcome.reason, None, len(waiting))
                continue
            reason = f"given up after {MAX_DEATHS} deaths: {outcome.reason}"
            outcome = outcome._replace(reason=reason)
        del waiting[trial.address]
        _keep_reason(planned, lost, outcome)
        if outcome.status == "done":
            yield _success(planned, trial, "done", until, len(waiting))
        else:
            yield Event(trial, "failed", outcome.reason, None, len(waiting))


def _task(planned: Planned, trial: Trial, until: int | None, keep: Keep, *, offline: bool) -> Task:
    folder = planned.folder.trial(trial.address).path.resolve()
    settings = trial.config.model_dump(mode="json")
    return Task(trial.address, str(folder), settings, until, keep, offline)


def _confirmed(folder: RunFolder, outcome: Outcome, until: int | None) -> Outcome:
    """The outcome; done only if the run's record says so too."""
    if outcome.status != "done":
        return outcome
    with suppress(MlpError):
        if progress.is_done(folder, until):
            return outcome
    return outcome._replace(status="died", reason="its record does not say that it has come so far")


def _keep_reason(planned: Planned, lost: dict[str, str], outcome: Outcome) -> None:
    """Mutates the reasons why trials failed, and writes them; a trial that is done has none."""
    if outcome.status != "done":
        lost[outcome.address] = outcome.reason
    elif lost.pop(outcome.address, None) is None:
        return
    else:
        with suppress(OSError):
            planned.folder.error(outcome.address).unlink()
    planned.folder.save_lost(lost)


def _success(
    planned: Planned,
    trial: Trial,
    status: Literal["kept", "done"],
    until: int | None,
    waiting: int = 0,
) -> Event:
    value = progress.score(planned.folder.trial(trial.address), planned.metric, until)
    return Event(trial, status, "", value, waiting)
