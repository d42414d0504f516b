"""`mlp runs`: list runs, show the details of one, or remove them."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from mlpcli.cli.help import Group
from mlpcli.cli.options import JsonOpt, RunArg, RunsArg, chosen_run, flag
from mlpcli.cli.output import print_result
from mlpcli.errors import ConfigError

app = typer.Typer(name="runs", cls=Group)


@app.callback(invoke_without_command=True)
def list_(
    ctx: typer.Context,
    folder: Annotated[
        Path, Option("--in", metavar="FOLDER", help="Search this folder recursively.")
    ] = Path("runs"),
    where: Annotated[
        list[str] | None, Option(metavar="KEY=VALUE", help="Only matching runs; repeatable.")
    ] = None,
    sort: Annotated[
        str | None, Option(metavar="KEY", help="Sort by this column (default: started).")
    ] = None,
    best: Annotated[bool, flag("--best", "Highest validation accuracy first.")] = False,
    json: JsonOpt = False,
    csv: Annotated[bool, flag("--csv", "Print CSV, one run per line.")] = False,
) -> None:
    """List runs; show or remove one.

    Examples:

    \b
      mlp runs --best
      mlp runs --where data=mnist --where optimizer.name=adamw
      mlp runs --sort seconds --csv > runs.csv
      mlp runs show runs/first
    """
    if ctx.invoked_subcommand:
        return
    from mlpcli.api.runs import list_runs
    from mlpcli.show.runs import as_csv, as_json, as_text

    if json and csv:
        raise ConfigError("--json and --csv: give one of them")
    if best and sort:
        raise ConfigError("--best and --sort: give one of them")
    entries = list_runs(
        folder,
        conditions=where or [],
        key="accuracy" if best else sort or "started",
        descending=best,
    )
    print_result(entries, as_csv if csv else as_text, as_json, json=json, wrap=not csv)


@app.command()
def show(run: RunArg = None, json: JsonOpt = False) -> None:
    """Show the details of a run and the settings that differ from the defaults.

    Examples:

    \b
      mlp runs show runs/first
      mlp runs show runs/first --json
    """
    from mlpcli.api.runs import details
    from mlpcli.show.runs import details_as_json, details_as_text

    print_result(details(chosen_run(run)), details_as_text, details_as_json, json=json)


@app.command()
def rm(runs: RunsArg, json: JsonOpt = False) -> None:
    """Remove runs: their files, and each folder if nothing else is in it.

    Examples:

    \b
      mlp runs rm runs/first runs/second
    """
    from mlpcli.api.find_run import find
    from mlpcli.api.runs import remove
    from mlpcli.show.runs import removed_as_json, removed_as_text

    removed: list[str] = []
    try:
        for run in map(find, runs):
            remove(run)
            removed.append(str(run))
    finally:  # an error does not undo what came before it
        if removed:
            print_result(removed, removed_as_text, removed_as_json, json=json)
