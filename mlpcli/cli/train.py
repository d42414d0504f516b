"""`mlp train`: train a run from a config, showing its progress."""

from functools import partial
from pathlib import Path
from typing import Annotated

from typer import Option

from mlpcli.cli.completion import runs
from mlpcli.cli.options import (
    ConfigOpt,
    DataOpt,
    JsonOpt,
    OfflineOpt,
    OverwriteOpt,
    QuietOpt,
    SetOpt,
    flag,
    out_option,
    parse_duration,
    with_data,
)
from mlpcli.cli.output import print_result


def train(
    config: ConfigOpt = None,
    set_: SetOpt = None,
    data: DataOpt = None,
    out: Annotated[Path | None, out_option("DIR", "Folder of the run.")] = None,
    name: Annotated[str | None, Option(metavar="N", help="Short for --out runs/N.")] = None,
    epochs: Annotated[
        int | None, Option(metavar="N", help="Short for --set train.epochs=N.")
    ] = None,
    time_budget: Annotated[
        float | None,
        Option(
            parser=parse_duration,
            metavar="TIME",
            help="Stop after this time, such as 20s, 2m or 1h; the learning rate follows.",
        ),
    ] = None,
    target: Annotated[
        float | None,
        Option(
            metavar="FRACTION",
            help="Stop at this validation accuracy, such as 0.98, or other train.metric.",
        ),
    ] = None,
    seed: Annotated[int | None, Option(metavar="N", help="Short for --set seed=N.")] = None,
    seeds: Annotated[
        int | None,
        Option(
            metavar="N",
            min=2,
            max=1000,
            help="Train N seeds, starting from the config's, each in its own folder.",
        ),
    ] = None,
    folds: Annotated[
        int | None,
        Option(
            metavar="K",
            min=2,
            max=100,
            help="Train K times, each time validating on another K-th of the images.",
        ),
    ] = None,
    overwrite: OverwriteOpt = False,
    resume: Annotated[
        Path | None, Option(metavar="RUN", help="Resume a run.", autocompletion=runs)
    ] = None,
    auto_resume: Annotated[
        bool, flag("--auto-resume", "Resume the run in --out, or start it if there is none.")
    ] = False,
    force: Annotated[
        bool, flag("--force", "Resume even if settings or data have changed.")
    ] = False,
    preflight: Annotated[bool, Option(help="Run sanity checks before training.")] = True,
    threads: Annotated[
        int | None, Option(metavar="N", min=1, help="How many cores share the work (default: all).")
    ] = None,
    offline: OfflineOpt = False,
    json: JsonOpt = False,
    quiet: QuietOpt = False,
) -> None:
    """Train a network and keep everything about it in a run folder.

    Without a config it trains on the embedded digits, which need no download.

    A run that was stopped continues with --resume and ends with the same weights. With
    --auto-resume, the same command starts a run, resumes it, and leaves it when it is finished.

    Examples:

    \b
      mlp train
      mlp train --config mnist --name first --epochs 5
      mlp train --data path/to/digits --epochs 20
      mlp train --config mnist --set optimizer.name=adam --set optimizer.lr=1e-3
      mlp train --config mnist --time-budget 20s --target 0.98
      mlp train --config mnist --seeds 5 --name five
      mlp train --resume runs/first --epochs 10
      mlp train --config mnist --name job --auto-resume
    """
    from mlpcli.api import train as api
    from mlpcli.show import console
    from mlpcli.show.train import as_json, as_text

    settings = {
        "train.epochs": epochs,
        "train.time_budget": time_budget,
        "train.target": target,
        "seed": seed,
    }
    changes = with_data(set_, data)
    changes += [f"{key}={n}" for key, n in settings.items() if n is not None]
    plan = api.plan(
        config,
        changes,
        out=out,
        name=name,
        seeds=seeds,
        folds=folds,
        threads=threads,
        resume=resume,
        auto_resume=auto_resume,
        force=force,
        overwrite=overwrite,
    )
    console.warn_of_threads(plan.threads)
    trained = False
    for run in api.start(plan, offline=offline, preflight=preflight):
        if run.member is not None and not quiet:
            console.note(f"{run.member}: {run.folder}")
        trained |= console.watch(
            run.events,
            epochs=plan.config.train.epochs,
            metric=plan.config.train.metric,
            quiet=quiet,
            before=run.earlier,
        )
    if trained and not (quiet or json):
        console.curves(plan.folder)
    print_result(
        api.result(plan),
        partial(as_text, trained=trained),
        partial(as_json, trained=trained),
        json=json,
    )
