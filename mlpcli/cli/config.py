"""`mlp config`: list, show and check the settings of a run."""

from functools import partial

import typer

from mlpcli.cli.help import Group
from mlpcli.cli.options import ConfigArg, JsonOpt
from mlpcli.cli.output import echo, print_result
from mlpcli.errors import ConfigError

app = typer.Typer(
    name="config",
    cls=Group,
    no_args_is_help=True,
    help="List, show and check the settings of a run.",
)


@app.command("list")
def list_(json: JsonOpt = False) -> None:
    """List the shipped configs, one per line.

    Examples:

    \b
      mlp config list
    """
    from mlpcli.config.shipped import shipped

    if json:
        from mlpcli.show.config import list_as_json  # takes a moment

        echo(list_as_json(shipped()))
        return
    for name in shipped():
        echo(name)


@app.command()
def show(name: ConfigArg, json: JsonOpt = False) -> None:
    """Print a config with every default filled in, as a run would use it.

    Examples:

    \b
      mlp config show mnist
      mlp config show mnist > mine.yaml
    """
    from mlpcli.config.load import load_config
    from mlpcli.show.config import settings_as_json, settings_as_text

    as_json = partial(settings_as_json, name=name)
    print_result(load_config(name), settings_as_text, as_json, json=json, wrap=False)


@app.command()
def check(file: ConfigArg, json: JsonOpt = False) -> None:
    """Say that a config is valid, or everything that is wrong with it (exit status 2).

    Examples:

    \b
      mlp config check mine.yaml
    """
    from mlpcli.config.load import load_config
    from mlpcli.show.config import check_as_json

    try:
        load_config(file)
    except ConfigError as err:
        if json:
            echo(check_as_json(err.args, file))
        raise
    echo(check_as_json((), file) if json else f"{file}: valid")


@app.command()
def schema() -> None:
    """Print the JSON Schema of a config file, for editors that complete keys.

    Examples:

    \b
      mlp config schema > config.schema.json
    """
    from mlpcli.config.load import json_schema

    echo(json_schema(), nl=False)
