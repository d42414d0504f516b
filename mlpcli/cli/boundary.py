"""The error boundary: the one place where an exception becomes a line and an exit status."""

import errno
import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from mlpcli.errors import MlpError

# the parser's errors; Typer has no public name for it
UsageError: Any = typer.BadParameter.__bases__[0]
HUNG_UP = 141  # the shells' status for a command whose reader has gone


class Boundary(TyperGroup):
    """Turns an MlpError into `error: ...` on standard error and its exit status."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; being part of the app, this holds under CliRunner too."""
        try:
            return super().invoke(ctx)
        except MlpError as err:
            for line in str(err).split("\n"):
                typer.echo(line if line.startswith(" ") else f"{err.label}: {line}", err=True)
            raise typer.Exit(err.exit_code) from err
        except UsageError as err:
            told = err.format_message()
            if not told:  # a group without a command has shown its help
                raise
            at = getattr(err.ctx, "command_path", "mlp")
            typer.echo(f"error: {told.rstrip('.')}; see `{at} --help`", err=True)
            raise typer.Exit(2) from err
        except KeyboardInterrupt as err:
            typer.echo("interrupted", err=True)
            raise typer.Exit(130) from err
        except OSError as err:
            if err.errno == errno.EPIPE:
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the last flush
                raise typer.Exit(HUNG_UP) from err
            typer.echo(f"error: {err.filename or 'output'}: {err.strerror or err}", err=True)
            raise typer.Exit(2) from err
