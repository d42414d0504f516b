"""`mlp train`: a run from a config, shown while it goes."""

from pathlib import Path
from typing import Annotated

import typer

from mlpcli.cli import complete
from mlpcli.cli.options import ConfigOpt, JsonOpt, OfflineOpt, QuietOpt, SetOpt, seconds
from mlpcli.cli.output import echo
from mlpcli.errors import ConfigError


def train(
    config: ConfigOpt = None,
    set_: SetOpt = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="Folder of the run.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="N", help="Short for --out runs/N.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", metavar="N", help="Short for --set train.epochs=N.")
    ] = None,
    time_budget: Annotated[
        float | None,
        typer.Option(
            parser=seconds,
            metavar="TIME",
            help="End in this time, such as 20s, 2m or 1h; the learning rate follows.",
        ),
    ] = None,
    target: Annotated[
        float | None,
        typer.Option(metavar="FRACTION", help="End at this validation accuracy, such as 0.98."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", help="Short for --set seed=N.")
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=2,
            max=1000,
            help="Train with N seeds, from the config's on, each in a folder of its own.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a run that lies in the folder.")
    ] = False,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume",
            metavar="RUN",
            help="Go on with a run that stopped.",
            autocompletion=complete.runs,
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Go on although settings or data have changed.")
    ] = False,
    preflight: Annotated[
        bool, typer.Option("--preflight/--no-preflight", help="Look first for what is in vain.")
    ] = True,
    threads: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Threads of the training; all cores without it."),
    ] = None,
    offline: OfflineOpt = False,
    json: JsonOpt = False,
    quiet: QuietOpt = False,
) -> None:
    """Train a network and keep everything about it in a run folder.

    Without a config it learns the embedded digits, which need no download.

    A run that stopped goes on with --resume, and ends with the same weights.

    Examples:

      mlp train

      mlp train --config mnist --name first --epochs 5

      mlp train --config mnist --set optimizer.name=adam --set optimizer.lr=1e-3

      mlp train --config mnist --time-budget 20s --target 0.98

      mlp train --config mnist --seeds 5 --name five

      mlp train --resume runs/first --epochs 10
    """
    from mlpcli.runs import config as configs
    from mlpcli.runs import record, several
    from mlpcli.runs import resume as resumed
    from mlpcli.runs import threads as machine
    from mlpcli.runs.train import train as begin
    from mlpcli.show import console, text
    from mlpcli.show import several as show

    if resume and (out or name or overwrite):
        raise ConfigError(
            "--resume: the run stays in its folder; leave out --out, --name and --overwrite"
        )
    if seeds and overwrite:
        raise ConfigError("--overwrite: is for one run; with --seeds, choose another folder")
    if force and not resume:
        raise ConfigError("--force: goes with --resume alone")
    short = {
        "train.epochs": epochs,
        "train.time_budget": time_budget,
        "train.target": target,
        "seed": seed,
    }
    overrides = [*(set_ or []), *(f"{key}={n}" for key, n in short.items() if n is not None)]
    if resume:
        if not seeds and record.members(resume):
            raise ConfigError(f"{resume}: holds runs of several seeds; say how many with --seeds")
        run = several.first(resume) if seeds else resume
        record.require(run)
        config = config or str(run / record.CONFIG)
        threads = threads or record.threads(run)  # on which its bits depend
    threads = threads or machine.cores()
    if warning := machine.oversubscribed(threads):
        console.warn(warning)
    settings = configs.load(config, overrides)
    folder = resume or _folder(out, name, Path(config).stem if config else settings.data.name)
    if seeds:
        for each in several.train(
            settings,
            folder,
            seeds=seeds,
            resume=resume is not None,
            force=force,
            offline=offline,
            look=preflight,
            threads=threads,
        ):
            if not quiet:
                console.note(f"seed {each.seed}: {each.folder}")
            console.watch(each.events, epochs=settings.train.epochs, quiet=quiet)
        echo(show.trained(folder, several.records(folder), json=json))
        return
    events = (
        resumed.resume(settings, folder, force=force, offline=offline, threads=threads)
        if resume
        else begin(
            settings,
            folder,
            overwrite=overwrite,
            offline=offline,
            look=preflight,
            threads=threads,
        )
    )
    before = resumed.earlier(resume) if resume else []
    console.watch(events, epochs=settings.train.epochs, quiet=quiet, before=before)
    echo(text.trained(folder, record.read(folder), json=json))


def _folder(out: Path | None, name: str | None, default: str) -> Path:
    if out and name:
        raise ConfigError("--out and --name: both name the run's folder; give one of them")
    if out:
        return out
    if name is not None:
        if Path(name).name != name or name in ("", ".."):
            raise ConfigError(
                f"--name: expected a folder's name, got {name!r}; for a path use --out"
            )
        return Path("runs") / name
    from datetime import datetime

    return Path("runs") / f"{Path(default).name}-{datetime.now():%Y%m%d-%H%M%S}"
