"""The error boundary: the one place where an exception becomes a line and an exit status."""

from typing import Any

import typer
from typer.core import TyperGroup

from mlpcli.errors import MlpError


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
        except KeyboardInterrupt as err:
            typer.echo("interrupted", err=True)
            raise typer.Exit(130) from err
