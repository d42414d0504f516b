"""`mlp train`: one run or one for each of several seeds or folds, new or resumed."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from mlpcli.api import multi_run, tags
from mlpcli.api.multi_run import SeriesResult, TrainResult
from mlpcli.api.resume import earlier_epochs, resume
from mlpcli.api.trainer import AlreadyFinished, Event, Stage, train
from mlpcli.config.keys import Overrides
from mlpcli.config.load import load_config
from mlpcli.config.schema import Config
from mlpcli.errors import CheckpointError, ConfigError
from mlpcli.runs.folder import RunFolder
from mlpcli.runs.tags import require_note
from mlpcli.training.progress import Metrics
from mlpcli.training.threads import cores


class Plan(NamedTuple):
    """A training that was asked for, its options checked."""

    config: Config
    folder: Path
    series: tuple[str, int] | None  # "seed" or "fold" and how many; None for a single run
    threads: int
    resume: bool
    force: bool
    overwrite: bool


class StartedRun(NamedTuple):
    """One run of a plan; it trains as its events are taken."""

    folder: Path
    member: str | None  # such as "seed 3"; None for a single run
    events: Generator[Event]
    earlier: Sequence[Metrics] = ()  # epochs that an earlier process did


def plan(
    config: str | None,
    changes: Overrides,
    *,
    out: Path | None = None,
    name: str | None = None,
    seeds: int | None = None,
    folds: int | None = None,
    threads: int | None = None,
    resume: Path | None = None,
    auto_resume: bool = False,
    force: bool = False,
    overwrite: bool = False,
) -> Plan:
    """The training that the options of `mlp train` ask for.

    config, changes: as `load_config` takes them; a resumed run has its own config.
    auto_resume: resume what is in the folder, or train a new run where there is none.
    Raises ConfigError where options do not fit together.
    """
    if seeds and folds:
        raise ConfigError("--folds: cannot be combined with --seeds; choose one")
    series = ("seed", seeds) if seeds else ("fold", folds) if folds else None
    if auto_resume:
        if resume or overwrite or not (out or name):
            raise ConfigError(
                "--auto-resume: needs the run's folder, --out or --name, and neither --resume nor "
                "--overwrite"
            )
        folder = run_folder(out, name, "")
        if _holds_run(RunFolder(folder), series):
            out, name, resume = None, None, folder
    if resume and (out or name or overwrite):
        raise ConfigError(
            "--resume: the run stays in its folder; leave out --out, --name and --overwrite"
        )
    if series and overwrite:
        raise ConfigError(
            f"--overwrite: is for one run; with --{series[0]}s, choose another folder"
        )
    if force and not (resume or auto_resume):
        raise ConfigError("--force: works only with --resume or --auto-resume")
    if resume:
        run = _resumed_run(RunFolder(resume), series)
        config = config or str(run.config)
        if threads is None and run.has_record():  # its results depend on them
            threads = run.load_record().environment.threads
    settings = load_config(config, changes)
    folder = resume or run_folder(out, name, Path(config).stem if config else settings.data.name)
    return Plan(settings, folder, series, threads or cores(), bool(resume), force, overwrite)


def start(
    plan: Plan, *, offline: bool = False, preflight: bool = True, note: str | None = None
) -> Iterator[StartedRun]:
    """Each run of a plan; its events must be taken before the next one is asked for.

    note: text to keep with each of the runs. Raises what training or resuming a run does.
    """
    if note:
        require_note(note)
    for run in _start(plan, offline=offline, preflight=preflight):
        yield run._replace(events=_noted(run, note)) if note else run


def _start(plan: Plan, *, offline: bool, preflight: bool) -> Iterator[StartedRun]:
    config, folder, series, threads, resumed, force, overwrite = plan
    if series:
        done = True
        for kind, number, place, events in multi_run.train(
            config,
            folder,
            *series,
            resume=resumed,
            force=force,
            offline=offline,
            preflight=preflight,
            threads=threads,
        ):
            done = False
            yield StartedRun(place, f"{kind} {number}", events)
        if done:
            more = "; --seeds N adds more" if series[0] == "seed" else ""
            text = f"{folder}: all {series[1]} {series[0]}s are already finished{more}"
            yield StartedRun(folder, None, (each for each in [AlreadyFinished(text)]))
    elif resumed:
        events = resume(config, folder, force=force, offline=offline, threads=threads)
        yield StartedRun(folder, None, events, earlier_epochs(folder))
    else:
        events = train(
            config,
            folder,
            overwrite=overwrite,
            offline=offline,
            preflight=preflight,
            threads=threads,
        )
        yield StartedRun(folder, None, events)


def _noted(run: StartedRun, text: str) -> Generator[Event]:
    """The events of a run; it gets a note at the first event that finds it in its folder."""
    noted = False
    with closing(run.events) as events:
        for event in events:
            # before the data are loaded, an earlier run may lie there
            begun = not isinstance(event, Stage)
            if begun and not noted and RunFolder(run.folder).has_record():
                tags.note([run.folder], text)
                noted = True
            yield event


def result(plan: Plan) -> TrainResult | SeriesResult:
    """The outcome of a plan's runs, when all of them have finished."""
    if plan.series:
        return multi_run.results(plan.folder)
    run = RunFolder(plan.folder)
    if not run.has_record():
        raise CheckpointError(f"{plan.folder}: was moved or removed when the training had finished")
    return TrainResult.of(run, run.load_record())


def run_folder(out: Path | None, name: str | None, default: str) -> Path:
    """The folder that --out or --name names or, without either, default and the time, in runs/."""
    if out and name:
        raise ConfigError("--out and --name: both name the run's folder; give one of them")
    if out:
        return out
    if name is None:
        return Path("runs") / f"{Path(default).name}-{datetime.now():%Y%m%d-%H%M%S}"
    if Path(name).name != name or name in ("", ".."):
        raise ConfigError(f"--name: expected a folder's name, got {name!r}; for a path use --out")
    return Path("runs") / name


def _holds_run(folder: RunFolder, series: tuple[str, int] | None) -> bool:
    """Whether there is something to resume: a run or one of a series."""
    return bool(folder.series()) if series else folder.holds_run()


def _resumed_run(folder: RunFolder, series: tuple[str, int] | None) -> RunFolder:
    """The run whose settings a resumed training has: of a series, those of the first."""
    runs, kind = folder.series(), folder.series_kind()
    if runs and not (series and series[0] == kind):
        raise ConfigError(
            f"{folder}: contains runs of several {kind}s; give their number with --{kind}s"
        )
    if series and not runs:
        name = series[0]
        raise CheckpointError(
            f"{folder}: no runs of several {name}s; `mlp train --{name}s` makes them"
        )
    run = runs[0] if series else folder
    run.require()
    return run
