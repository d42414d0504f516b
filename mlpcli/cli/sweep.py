"""`mlp sweep`: train many configs, and show which is best."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer import Argument, Option

from mlpcli.cli.help import Group
from mlpcli.cli.options import (
    JsonOpt,
    MarkdownOpt,
    OfflineOpt,
    OverwriteFileOpt,
    QuietOpt,
    SetOpt,
    flag,
    out_option,
)
from mlpcli.cli.output import print_result
from mlpcli.cli.settings import SettingsArg
from mlpcli.errors import ConfigError

DirArg = Annotated[
    Path,
    Argument(metavar="DIR", help="The sweep's folder, or its name in runs/.", show_default=False),
]
WorkersOpt = Annotated[
    int | None,
    Option(metavar="N", min=1, help="Trials at a time, each on one core (default: all cores)."),
]
SchedulerOpt = Annotated[
    str | None,
    Option(metavar="ADDRESS", help="Train on the workers of this Dask scheduler; extra cluster."),
]
SchedulerFileOpt = Annotated[
    Path | None, Option(metavar="FILE", help="The same, by the file that the scheduler writes.")
]


class SweepGroup(Group):
    """Takes what is not the name of a command for the words of `run`."""

    default = "run"

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words; those of a sweep follow immediately."""
        if args and args[0] not in (*self.commands, "-h", "--help"):
            args = [self.default, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(name="sweep", cls=SweepGroup, no_args_is_help=True)


@app.callback()
def sweep() -> None:
    """Train many configs and rank them.

    Takes a sweep file, or settings with several values each. The word `run` may be left out.

    Examples:

    \b
      mlp sweep mnist lr=0.03,0.1,0.3 --seeds 3
      mlp sweep lr.yaml
      mlp sweep show runs/lr
    """


@app.command()
def run(
    words: SettingsArg = None,
    set_: SetOpt = None,
    seeds: Annotated[
        int | None,
        Option(metavar="N", min=1, max=1000, help="Train each config with N seeds (default: 1)."),
    ] = None,
    out: Annotated[
        Path | None, out_option("DIR", "Folder of the sweep (default: in runs/).")
    ] = None,
    name: Annotated[str | None, Option(metavar="N", help="Short for --out runs/N.")] = None,
    workers: WorkersOpt = None,
    scheduler: SchedulerOpt = None,
    scheduler_file: SchedulerFileOpt = None,
    keep: Annotated[
        Literal["all", "best", "none"],
        Option(help="Weights to keep of each finished trial; all can be trained further."),
    ] = "all",
    extend: Annotated[
        bool, flag("--extend", "Add the trials of a changed sweep to those in the folder.")
    ] = False,
    dry_run: Annotated[
        bool, flag("--dry-run", "Print the trials, epochs, time and disk; start nothing.")
    ] = False,
    offline: OfflineOpt = False,
    json: JsonOpt = False,
    markdown: MarkdownOpt = False,
    quiet: QuietOpt = False,
) -> None:
    """Train the trials of a sweep.

    A file names the settings to try (docs/scale.md). Without one, each setting with several values
    makes a grid. Each trial is a run in the sweep's folder.

    The same command resumes a stopped sweep and keeps the finished trials. The results are the
    same for any number of workers.

    Examples:

    \b
      mlp sweep run lr.yaml
      mlp sweep mnist optimizer.lr=0.03,0.1,0.3 network.hidden='[128,64]','[512,256]' --seeds 3
      mlp sweep lr.yaml --dry-run
      mlp sweep lr.yaml --workers 1 --name night
      mlp sweep lr.yaml --scheduler tcp://head:8786
      mlp sweep lr.yaml --scheduler-file sched.json
    """
    from mlpcli.api import sweep as api
    from mlpcli.api import sweep_run
    from mlpcli.api.sweep_estimate import estimate
    from mlpcli.api.sweep_port import Wanted, chosen, size
    from mlpcli.api.sweep_results import require_success, results
    from mlpcli.api.sweep_source import definition, folder_of
    from mlpcli.show import sweep as view

    asked = definition(words or [], set_ or [], seeds=seeds)
    folder = folder_of(asked, out, name)
    planned = api.prepare(asked.definition, folder, extend=extend, offline=offline)
    wanted = Wanted(workers, scheduler, scheduler_file)
    if dry_run:
        found = estimate(planned, workers=size(wanted, len(planned.trials)), keep=keep)
        size_as_text, size_as_json = view.estimate_as_blocks, view.estimate_as_json
        print_result(found, size_as_text, size_as_json, json=json, markdown=markdown)
        return
    with planned.folder.lock(), chosen(planned, planned.trials, wanted) as (port, count):
        events = sweep_run.run(planned, port, keep=keep, offline=offline)
        view.watch(events, workers=count, quiet=quiet)
    ranked = results(planned, offline=offline)
    as_text, as_json = view.results_as_blocks, view.results_as_json
    print_result(ranked, as_text, as_json, json=json, markdown=markdown)
    require_success(ranked)


@app.command()
def show(
    folder: DirArg,
    confirm: Annotated[
        int | None, Option(metavar="N", min=1, max=1000, help="Train the best on N fresh seeds.")
    ] = None,
    workers: WorkersOpt = None,
    scheduler: SchedulerOpt = None,
    scheduler_file: SchedulerFileOpt = None,
    offline: OfflineOpt = False,
    json: JsonOpt = False,
    markdown: MarkdownOpt = False,
    csv: Annotated[bool, flag("--csv", "Print CSV, one config per line.")] = False,
    quiet: QuietOpt = False,
) -> None:
    """Rank the configs of a sweep.

    Configs that are not significantly worse than the best are marked "cannot tell": by a paired t
    test over the seeds or, of one seed each, by McNemar's test; the p-values are corrected for all
    pairs of configs (Holm).

    Examples:

    \b
      mlp sweep show runs/lr
      mlp sweep show runs/lr --csv > lr.csv
      mlp sweep show runs/lr --confirm 5
    """
    from mlpcli.api import sweep as api
    from mlpcli.api import sweep_run
    from mlpcli.api.sweep_confirm import confirmation, fresh_trials
    from mlpcli.api.sweep_port import Wanted, chosen
    from mlpcli.api.sweep_results import results
    from mlpcli.show import sweep as view

    if csv and (json or markdown or confirm):
        raise ConfigError("--csv: cannot be combined with --json, --markdown or --confirm")
    if confirm is None:
        options = {"--workers": workers, "--scheduler": scheduler}
        for option, value in {**options, "--scheduler-file": scheduler_file}.items():
            if value is not None:
                raise ConfigError(f"{option}: works only with --confirm")
    planned = api.load(folder)
    found = results(planned, offline=offline)
    if confirm is None:
        text = view.results_as_csv if csv else view.results_as_blocks
        as_json = view.results_as_json
        print_result(found, text, as_json, json=json, markdown=markdown, wrap=not csv)
        return
    trials = fresh_trials(planned, found, confirm, offline=offline)
    wanted = Wanted(workers, scheduler, scheduler_file)
    with planned.folder.lock(), chosen(planned, trials, wanted) as (port, count):
        events = sweep_run.train_all(planned, port, trials, offline=offline)
        view.watch(events, workers=count, quiet=quiet)
    outcome = confirmation(planned, found, trials)
    outcome_as_text, outcome_as_json = view.confirmation_as_blocks, view.confirmation_as_json
    print_result(outcome, outcome_as_text, outcome_as_json, json=json, markdown=markdown)


@app.command()
def plot(
    folder: DirArg,
    out: Annotated[Path, out_option("FILE.svg|FILE.png", "The figure's file.")],
    overwrite: OverwriteFileOpt = False,
    offline: OfflineOpt = False,
    json: JsonOpt = False,
) -> None:
    """Draw the configs of a sweep into a file.

    Each line is a config, across an axis for each parameter to its accuracy. Below a parameter
    stands how much of the differences it explains alone.

    Examples:

    \b
      mlp sweep plot runs/lr --out lr.svg
    """
    from functools import partial

    from mlpcli.api import sweep as api
    from mlpcli.api.sweep_results import results
    from mlpcli.show import sweep_plot
    from mlpcli.show.plot import claim

    claim(out, overwrite=overwrite)
    found = results(api.load(folder), offline=offline)
    sweep_plot.write(found, out)
    as_text, as_json = sweep_plot.as_text, sweep_plot.as_json
    print_result(found, partial(as_text, path=out), partial(as_json, path=out), json=json)
