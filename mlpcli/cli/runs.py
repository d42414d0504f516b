"""`mlp runs`: list runs, show the details of one, tag, note or remove them."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from mlpcli.cli.completion import columns as columns_
from mlpcli.cli.completion import runs as names
from mlpcli.cli.help import Group
from mlpcli.cli.options import JsonOpt, MarkdownOpt, RunArg, RunsArg, chosen_run, flag
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
        str | None,
        Option(
            metavar="KEY",
            help="Sort by this column, or -KEY, highest first (default: started).",
            autocompletion=columns_,
        ),
    ] = None,
    best: Annotated[bool, flag("--best", "Highest accuracy, or train.metric, first.")] = False,
    limit: Annotated[
        int | None,
        Option(
            "--limit",
            "-n",
            metavar="N",
            min=1,
            help="Only the first N; without an order, the latest (default: all).",
        ),
    ] = None,
    columns: Annotated[
        str | None,
        Option(
            metavar="A,B,...",
            help="Facts or settings, such as lr; or all (default: those that differ).",
            autocompletion=columns_,
        ),
    ] = None,
    members: Annotated[
        bool, flag("--members", "List each seed's or fold's run on its own line.")
    ] = False,
    json: JsonOpt = False,
    markdown: MarkdownOpt = False,
    csv: Annotated[bool, flag("--csv", "Print CSV, one run per line.")] = False,
) -> None:
    """List runs; show, tag or remove them.

    Examples:

    \b
      mlp runs --best
      mlp runs --where data=mnist --where optimizer=adamw --where tag=good
      mlp runs --columns run,accuracy,lr,hidden --limit 10
      mlp runs --sort -seconds --csv > runs.csv
      mlp runs show first
    """
    if ctx.invoked_subcommand:
        _refuse_options(ctx)
        return
    from mlpcli.api.runs import list_runs
    from mlpcli.show.run_table import as_blocks, as_text
    from mlpcli.show.runs import as_csv, as_json

    if csv and (json or markdown):
        raise ConfigError(f"{'--json' if json else '--markdown'} and --csv: give one of them")
    if json and columns:
        raise ConfigError("--json and --columns: JSON has all columns; leave out --columns")
    if best and sort:
        raise ConfigError("--best and --sort: give one of them")
    listing = list_runs(
        folder,
        conditions=where or [],
        key=sort,
        best=best,
        limit=limit,
        columns=columns.split(",") if columns else None,
        members=members or json or csv,
    )
    form, text = {"json": json, "markdown": markdown}, as_csv if csv else as_text
    print_result(listing, text, as_json, blocks=as_blocks, wrap=not csv, **form)


app.command("list", hidden=True)(list_)


def _refuse_options(ctx: typer.Context) -> None:
    """Raise ConfigError for an option of the list before a subcommand, which would ignore it."""
    for param in ctx.command.params:
        source = ctx.get_parameter_source(str(param.name))
        if source and source.name == "COMMANDLINE":
            raise ConfigError(
                f"{param.opts[0]}: is an option of the list; leave it out, or give it behind "
                f"{ctx.invoked_subcommand!r}"
            )


@app.command()
def show(run: RunArg = None, json: JsonOpt = False) -> None:
    """Show the details of a run.

    They include the settings that differ from the defaults.

    For a folder of several seeds or folds, it shows each run and their mean.

    Examples:

    \b
      mlp runs show first
      mlp runs show first --json
    """
    from mlpcli.api.runs import details
    from mlpcli.show.runs import details_as_json, details_as_text

    print_result(details(chosen_run(run)), details_as_text, details_as_json, json=json)


@app.command()
def rm(runs: RunsArg, json: JsonOpt = False) -> None:
    """Remove runs.

    Deletes their files, and each folder if nothing else is in it.

    Removes all of the named runs or, if one cannot be removed, none. A folder of several seeds or
    folds loses all its runs.

    Examples:

    \b
      mlp runs rm first second
      mlp runs rm five
    """
    from mlpcli.api.find_run import find
    from mlpcli.api.runs import remove
    from mlpcli.show.runs import removed_as_json, removed_as_text

    removed: dict[str, int] = {}
    try:
        for run, count in remove([find(run) for run in runs]):
            removed[run] = count
    finally:  # an error does not undo what came before it
        if removed:
            print_result(removed, removed_as_text, removed_as_json, json=json)


@app.command()
def tag(
    words: Annotated[
        list[str],
        Argument(
            metavar="RUN... WORD",
            help="Runs, by folder or by name in runs/, then the tag.",
            autocompletion=names,
        ),
    ],
    remove: Annotated[bool, flag("--remove", "Remove the tag.")] = False,
    json: JsonOpt = False,
) -> None:
    """Give runs a tag, a word to find them by.

    Examples:

    \b
      mlp runs tag first second good
      mlp runs tag first good --remove
      mlp runs --where tag=good
    """
    from mlpcli.api import tags as api
    from mlpcli.show.tags import as_json, as_text

    *runs, word = words
    if not runs:
        raise ConfigError(f"{word}: give runs and then a tag, as in `mlp runs tag first good`")
    change = api.untag if remove else api.tag
    print_result(change(map(chosen_run, runs), word), as_text, as_json, json=json)


@app.command()
def note(
    run: Annotated[str, Argument(metavar="RUN", help="The run.", autocompletion=names)],
    text: Annotated[str | None, Argument(metavar="TEXT", help="The note.")] = None,
    remove: Annotated[bool, flag("--remove", "Remove the note.")] = False,
    json: JsonOpt = False,
) -> None:
    """Keep a note with a run.

    It replaces an earlier one.

    Examples:

    \b
      mlp runs note first "as in the paper, but without dropout"
      mlp runs note first --remove
    """
    from mlpcli.api import tags as api
    from mlpcli.show.tags import as_json, as_text

    if (text is None) != remove:
        raise ConfigError("runs note: give a text, or --remove")
    print_result(api.note([chosen_run(run)], text or ""), as_text, as_json, json=json)
