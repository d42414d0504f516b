"""`mlp runs`: which runs there are, what is known of one, and their removal."""

from pathlib import Path
from typing import Annotated

import typer

from mlpcli.cli.help import Group
from mlpcli.cli.options import JsonOpt, RunArg, RunsArg
from mlpcli.cli.output import echo
from mlpcli.errors import ConfigError

app = typer.Typer(name="runs", cls=Group)


@app.callback(invoke_without_command=True)
def list_(
    ctx: typer.Context,
    folder: Annotated[
        Path, typer.Option("--in", metavar="FOLDER", help="Where to look, as deep as it goes.")
    ] = Path("runs"),
    where: Annotated[
        list[str] | None,
        typer.Option("--where", metavar="KEY=VALUE", help="Only such runs; repeatable."),
    ] = None,
    sort: Annotated[
        str, typer.Option("--sort", metavar="KEY", help="Order of the runs.")
    ] = "started",
    best: Annotated[
        bool, typer.Option("--best", help="Highest validation accuracy first.")
    ] = False,
    json: JsonOpt = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV, one run a line.")] = False,
) -> None:
    """List runs, from their own files; show or remove one.

    Examples:

      mlp runs --best

      mlp runs --where data=mnist --where optimizer.name=adamw

      mlp runs --sort seconds --csv > runs.csv

      mlp runs show runs/first
    """
    if ctx.invoked_subcommand:
        return
    from mlpcli.runs import catalogue
    from mlpcli.show import runs as text

    if json and csv:
        raise ConfigError("--json and --csv: give one of them")
    found = catalogue.where(catalogue.find(folder), where or [])
    found = catalogue.sort(found, "accuracy" if best else sort, descending=best)
    form = text.as_object if json else text.as_csv if csv else text.as_table
    echo(form(found))


@app.command()
def show(run: RunArg, json: JsonOpt = False) -> None:
    """Show what is known of a run, and in which settings it differs from the defaults.

    Examples:

      mlp runs show runs/first

      mlp runs show runs/first --json
    """
    from mlpcli.runs import catalogue, record
    from mlpcli.show import runs as text

    record.require(run)
    facts = record.read(run)
    echo(text.shown(str(run), facts, catalogue.changed(run), json=json))


@app.command()
def rm(
    runs: RunsArg,
) -> None:
    """Remove runs: their own files, and the folder when nothing else lies in it.

    Examples:

      mlp runs rm runs/first runs/second
    """
    from mlpcli.runs import catalogue

    for run in runs:
        catalogue.remove(run)
        echo(f"{run}: removed")
