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
    MarkdownOpt,
    OfflineOpt,
    OverwriteOpt,
    QuietOpt,
    SetOpt,
    chosen_run,
    flag,
    out_option,
    parse_count,
    parse_duration,
)
from mlpcli.cli.output import print_next, print_result
from mlpcli.cli.settings import SettingsArg, read_settings, setting_option


def train(
    words: SettingsArg = None,
    data: DataOpt = None,
    lr: Annotated[str | None, setting_option("optimizer.lr", "RATE")] = None,
    batch_size: Annotated[str | None, setting_option("train.batch_size", "N")] = None,
    hidden: Annotated[str | None, setting_option("network.hidden", "N,N,...")] = None,
    optimizer: Annotated[str | None, setting_option("optimizer.name", "NAME")] = None,
    epochs: Annotated[str | None, setting_option("train.epochs", "N")] = None,
    seed: Annotated[str | None, setting_option("seed", "N")] = None,
    dropout: Annotated[str | None, setting_option("network.dropout", "FRACTION")] = None,
    config: ConfigOpt = None,
    set_: SetOpt = None,
    out: Annotated[
        Path | None, out_option("DIR", "Folder of the run (default: runs/CONFIG-TIME).")
    ] = None,
    name: Annotated[str | None, Option(metavar="N", help="Short for --out runs/N.")] = None,
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
    seeds: Annotated[
        int | None,
        Option(
            parser=parse_count,
            metavar="N",
            help="Train N seeds, starting from the config's, each in its own folder.",
        ),
    ] = None,
    folds: Annotated[
        int | None,
        Option(
            parser=parse_count,
            metavar="K",
            help="Cross-validate: K runs, each validated on another K-th of the images.",
        ),
    ] = None,
    note: Annotated[
        str | None, Option(metavar="TEXT", help="Keep a note with the run; `mlp runs` shows it.")
    ] = None,
    overwrite: OverwriteOpt = False,
    resume: Annotated[
        str | None, Option(metavar="RUN", help="Resume a run.", autocompletion=runs)
    ] = None,
    auto_resume: Annotated[
        bool, flag("--auto-resume", "Resume the run in --out, or start it if there is none.")
    ] = False,
    force: Annotated[
        bool, flag("--force", "Resume even if settings or data have changed.")
    ] = False,
    preflight: Annotated[bool, Option(help="Run sanity checks before training.")] = True,
    threads: Annotated[
        int | None,
        Option(metavar="N", min=1, max=1024, help="Cores that share the work (default: all)."),
    ] = None,
    offline: OfflineOpt = False,
    json: JsonOpt = False,
    markdown: MarkdownOpt = False,
    quiet: QuietOpt = False,
) -> None:
    """Train a network into a run folder.

    The folder keeps everything about the run. Without a config it trains on the embedded
    digits, which need no download. A setting that is not given is the config's;
    `mlp config show` lists every KEY with its default.

    A run that was stopped continues with --resume and ends with the same weights. With
    --auto-resume, the same command starts a run, resumes it, or leaves a finished one unchanged.

    Examples:

    \b
      mlp train
      mlp train mnist --name first --epochs 5
      mlp train path/to/digits --hidden 256,128 --lr 0.05
      mlp train mnist --optimizer adam optimizer.beta1=0.8
      mlp train mnist --time-budget 20s --target 0.98
      mlp train mnist --seeds 5 --name five
      mlp train --resume first --epochs 10
      mlp train mnist --name job --auto-resume
    """
    from mlpcli.api import train as api
    from mlpcli.api.find_run import short_name
    from mlpcli.show import console
    from mlpcli.show.train import as_blocks, as_json, config_line

    options = {
        "data.name": data,
        "optimizer.lr": lr,
        "train.batch_size": batch_size,
        "network.hidden": hidden,
        "optimizer.name": optimizer,
        "train.epochs": epochs,
        "seed": seed,
        "network.dropout": dropout,
        "train.time_budget": time_budget,
        "train.target": target,
    }
    given = read_settings(words, config, set_, options, run_option="--resume")
    plan = api.plan(
        *given,
        out=out,
        name=name,
        seeds=seeds,
        folds=folds,
        threads=threads,
        resume=chosen_run(resume) if resume else None,
        auto_resume=auto_resume,
        force=force,
        overwrite=overwrite,
    )
    if given.config and not quiet:
        console.note(config_line(given.config, plan.config))
    console.warn_of_threads(plan.threads)
    trained = False
    for run in api.start(plan, offline=offline, preflight=preflight, note=note):
        if run.member is not None and not quiet:
            console.note(f"{run.member}: {run.folder}")
        trained |= console.watch(
            run.events,
            epochs=plan.config.train.epochs,
            metric=plan.config.train.metric,
            quiet=quiet,
            before=run.earlier,
        )
    if trained and not (quiet or json or markdown):
        console.curves(plan.folder)
    print_result(
        api.result(plan),
        partial(as_blocks, trained=trained),
        partial(as_json, trained=trained),
        json=json,
        markdown=markdown,
    )
    if not (quiet or json or markdown):
        shortest = short_name(plan.folder)
        print_next(*(["eval", shortest] if plan.series else ["report", shortest, "--open"]))
