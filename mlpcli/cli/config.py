"""`mlp config`: list, show and check the settings of a run."""

from functools import partial

import typer

from mlpcli.cli.help import Group
from mlpcli.cli.options import ConfigArg, JsonOpt, OptionalConfigArg
from mlpcli.cli.output import echo, print_result
from mlpcli.errors import ConfigError

app = typer.Typer(
    name="config", cls=Group, no_args_is_help=True, help="List, show and check configs."
)


@app.command("list")
def list_(json: JsonOpt = False) -> None:
    """List the shipped configs.

    Test accuracy and training time are from docs/results.md.

    Examples:

    \b
      mlp config list
    """
    from mlpcli.config.shipped import descriptions
    from mlpcli.show.config import list_as_json, list_as_text

    print_result(descriptions(), list_as_text, list_as_json, json=json)


@app.command()
def show(name: OptionalConfigArg = None, json: JsonOpt = False) -> None:
    """Print a config with every default.

    Without a name, it prints every setting with its default.

    Examples:

    \b
      mlp config show
      mlp config show mnist
      mlp config show mnist > mine.yaml
    """
    from mlpcli.config.load import load_config
    from mlpcli.show.config import settings_as_json, settings_as_text

    as_json = partial(settings_as_json, name=name)
    print_result(load_config(name), settings_as_text, as_json, json=json, wrap=False)


@app.command()
def check(file: ConfigArg, json: JsonOpt = False) -> None:
    """List everything wrong with a config.

    Exits with 2 if there is any mistake.

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
    """Print the JSON Schema of a config file.

    Editors use it to complete and check keys.

    Examples:

    \b
      mlp config schema > config.schema.json
    """
    from mlpcli.config.load import json_schema

    echo(json_schema(), nl=False)
