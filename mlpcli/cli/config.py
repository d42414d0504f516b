"""`mlp config`: list, show and check the settings of a run."""

import typer

from mlpcli.cli.help import Group
from mlpcli.cli.options import ConfigArg
from mlpcli.cli.output import echo

app = typer.Typer(
    name="config",
    cls=Group,
    no_args_is_help=True,
    help="List, show and check the settings of a run.",
)


@app.command("list")
def list_() -> None:
    """List the shipped configs, one per line.

    Examples:

    \b
      mlp config list
    """
    from mlpcli.config.shipped import shipped

    for name in shipped():
        echo(name)


@app.command()
def show(name: ConfigArg) -> None:
    """Print a config with every default filled in, as a run would use it.

    Examples:

    \b
      mlp config show mnist
      mlp config show mnist > mine.yaml
    """
    from mlpcli.config.load import dump_config, load_config

    echo(dump_config(load_config(name)), nl=False)


@app.command()
def check(file: ConfigArg) -> None:
    """Say that a config is valid, or everything that is wrong with it (exit status 2).

    Examples:

    \b
      mlp config check mine.yaml
    """
    from mlpcli.config.load import load_config

    load_config(file)
    echo(f"{file}: valid")


@app.command()
def schema() -> None:
    """Print the JSON Schema of a config file, for editors that complete keys.

    Examples:

    \b
      mlp config schema > config.schema.json
    """
    from mlpcli.config.load import json_schema

    echo(json_schema(), nl=False)
