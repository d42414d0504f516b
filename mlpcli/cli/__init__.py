"""The command line: one short module per subcommand, and the boundary that turns errors into text.

Nothing here imports NumPy, pooch, YAML or pydantic at start-up; a command imports what it needs.
"""

import sys
from io import TextIOWrapper
from typing import Annotated

import typer
from typer import Option

from mlpcli.cli import config, data, runs, sweep
from mlpcli.cli.compare import compare
from mlpcli.cli.download import download
from mlpcli.cli.error_boundary import Boundary
from mlpcli.cli.eval import eval_
from mlpcli.cli.explain import explain_
from mlpcli.cli.export import export
from mlpcli.cli.gradcheck import gradcheck
from mlpcli.cli.grade import grade
from mlpcli.cli.help import help_
from mlpcli.cli.import_weights import import_
from mlpcli.cli.output import echo
from mlpcli.cli.playground import playground
from mlpcli.cli.plot import plot
from mlpcli.cli.predict import predict_
from mlpcli.cli.report import report
from mlpcli.cli.reproduce import reproduce
from mlpcli.cli.summary import summary
from mlpcli.cli.train import train
from mlpcli.cli.workbook import workbook
from mlpcli.crash import DEBUG
from mlpcli.version import __version__

app = typer.Typer(
    cls=Boundary,
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: see help.py
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        version()
        raise typer.Exit


def version() -> None:
    """Print the version."""
    echo(f"mlp {__version__}")


@app.callback()
def main(
    _asked: Annotated[
        bool, Option("--version", "-V", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    _debug: Annotated[bool, Option(DEBUG, help="Print the details of internal errors.")] = False,
) -> None:
    """Train, evaluate and check a multilayer perceptron on MNIST-like data, using only NumPy.

    Examples:

    \b
      mlp train mnist --name first
      mlp report first --open
      mlp gradcheck
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a class name may not fit the terminal's encoding
            stream.reconfigure(errors="backslashreplace")


TRAIN, INSPECT, USE = "Train", "Inspect", "Use"  # the sections of the help
VERIFY, MANAGE = "Verify", "Manage"

app.command(rich_help_panel=TRAIN)(train)
app.add_typer(sweep.app, rich_help_panel=TRAIN)

app.command("eval", rich_help_panel=INSPECT)(eval_)
app.command(rich_help_panel=INSPECT)(compare)
app.command(rich_help_panel=INSPECT)(plot)
app.command(rich_help_panel=INSPECT)(report)
app.command(rich_help_panel=INSPECT)(summary)

app.command("predict", rich_help_panel=USE)(predict_)
app.command(rich_help_panel=USE)(playground)
app.command(rich_help_panel=USE)(export)
app.command("import", rich_help_panel=USE)(import_)

app.command(rich_help_panel=VERIFY)(gradcheck)
app.command(rich_help_panel=VERIFY)(workbook)
app.command(rich_help_panel=VERIFY)(grade)
app.command("explain", rich_help_panel=VERIFY)(explain_)
app.command(rich_help_panel=VERIFY)(reproduce)

app.add_typer(runs.app, rich_help_panel=MANAGE)
app.command(rich_help_panel=MANAGE)(download)
app.add_typer(data.app, rich_help_panel=MANAGE)
app.add_typer(config.app, rich_help_panel=MANAGE)

# what people guess; each has its own way, which the help names
app.command("help", hidden=True)(help_)
app.command(hidden=True)(version)
