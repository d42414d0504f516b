"""The command line: one short module per subcommand, and the boundary that turns errors into text.

Nothing here imports NumPy, pooch, YAML or pydantic at start-up; a command imports what it needs.
"""

import sys
from io import TextIOWrapper
from typing import Annotated

import typer
from typer import Option

from mlpcli.cli import config, data, runs
from mlpcli.cli.compare import compare
from mlpcli.cli.download import download
from mlpcli.cli.error_boundary import Boundary
from mlpcli.cli.eval import eval_
from mlpcli.cli.explain import explain_
from mlpcli.cli.export import export
from mlpcli.cli.gradcheck import gradcheck
from mlpcli.cli.grade import grade
from mlpcli.cli.import_weights import import_
from mlpcli.cli.output import echo
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
        echo(f"mlp {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    _debug: Annotated[
        bool, Option(DEBUG, help="Print the details of an internal error, rather than a file.")
    ] = False,
) -> None:
    """Train, evaluate and check a multilayer perceptron on MNIST-like data, using only NumPy."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a class name may not fit the terminal's encoding
            stream.reconfigure(errors="backslashreplace")


app.command()(download)
app.command()(train)
app.command("eval")(eval_)
app.command()(compare)
app.command()(reproduce)
app.command()(plot)
app.command()(report)
app.command("predict")(predict_)
app.command()(export)
app.command("import")(import_)
app.command()(gradcheck)
app.command()(grade)
app.command()(workbook)
app.command("explain")(explain_)
app.command()(summary)

app.add_typer(runs.app)
app.add_typer(config.app)
app.add_typer(data.app)
