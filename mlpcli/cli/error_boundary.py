"""The error boundary: the one place where an exception becomes a line and an exit status."""

import errno
import re
import signal
import sys
from itertools import pairwise
from typing import Any, NoReturn

import typer

from mlpcli import signals
from mlpcli.cli import completion, habits, hints
from mlpcli.cli.help import Group
from mlpcli.cli.output import echo
from mlpcli.crash import DEBUG
from mlpcli.errors import MlpError
from mlpcli.terminal import one_line, silence

# the parser's errors; Typer has no public name for it
UsageError: Any = typer.BadParameter.__bases__[0]
BROKEN_PIPE_STATUS = 141  # the shells' exit status for it


class Boundary(Group):
    """Turns an MlpError into `error: ...` on standard error and its exit status."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the program, or answer a shell."""
        completion.prepare()
        return super().main(*args, **options)

    def make_context(self, info_name: Any, args: Any, parent: Any = None, **extra: Any) -> Any:
        """Read the options before the command's name, which can be wrong too."""
        try:
            if not extra.get("resilient_parsing"):  # as when a shell asks what a word may become
                _refuse_empty(args)
                args = habits.translate(self, args)
            if DEBUG in args:  # where people write it: behind the command
                args = [DEBUG, *[word for word in args if word != DEBUG]]
            return super().make_context(info_name, args, parent, **extra)
        except UsageError as err:
            _misused(err, info_name)
        except OSError as err:  # the help could not be printed
            _unwritten(err)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; being part of the app, this holds under CliRunner too."""
        try:
            with signals.raised():
                return super().invoke(ctx)
        except MlpError as err:
            for message in _messages(err):
                _print(message)
            raise typer.Exit(err.exit_code) from err
        except UsageError as err:
            path = getattr(err.ctx, "command_path", f"{ctx.command_path} {ctx.invoked_subcommand}")
            _misused(err, path)
        except KeyboardInterrupt as err:
            _print("interrupted")
            raise typer.Exit(128 + (err.args[0] if err.args else signal.SIGINT)) from err
        except OSError as err:
            _unwritten(err)


def _messages(err: MlpError) -> list[str]:
    """Each error in an MlpError, with the lines that belong to it; a name never breaks a line."""
    lines = map(one_line, err.args)
    text = "\n".join(line if line.startswith(" ") else f"{err.label}: {line}" for line in lines)
    return re.split(r"\n(?! )", text)


def _refuse_empty(args: list[str]) -> None:
    """An empty word, which would name the current folder, comes from a variable that is not set."""
    for before, word in pairwise(["", *args]):
        if not word or (word.startswith("--") and word.endswith("=")):
            option = word or before
            place = f"{option.rstrip('=')}: " if option.startswith("-") else ""
            raise UsageError(f"{place}expected a value, got an empty one")


def _misused(err: Any, command: str) -> NoReturn:
    """Report what the parser did not understand, with the nearest right word or where help is."""
    message = str(err.format_message())
    if err.ctx and message == err.ctx.get_help():  # a group without a command shows its help
        _print(message)
        raise typer.Exit(2) from err
    near = hints.nearest_word(err)
    if hasattr(err, "possibilities"):
        message = f"no such option {err.option_name!r}"
    else:
        message = message.partition(". Did you mean ")[0]
        message = message.replace("Value error, ", "")
        message = re.sub("Input should be (?=greater|less)", "must be ", message)
        message = message.replace("Input should be", "expected")
        message = message.partition(", unable to parse")[0]  # the parser says the same twice
    hint = f"did you mean {near!r}?" if near else f"see `{command} --help`"
    _print(one_line(f"error: {message[:1].lower()}{message[1:].rstrip('.')}; {hint}"))
    raise typer.Exit(2) from err


def _unwritten(err: OSError) -> NoReturn:
    """Report what the system refused, unless the reader of a pipe has gone."""
    if err.errno == errno.EPIPE:
        silence(sys.stdout, sys.stderr)  # so that their last flush succeeds
        raise typer.Exit(BROKEN_PIPE_STATUS) from err
    _print(one_line(f"error: {err.filename or 'output'}: {err.strerror or err}"))
    try:
        if sys.stdout is not None:  # it may be closed
            sys.stdout.flush()
    except OSError:
        silence(sys.stdout)  # the interpreter's last flush would fail, and turn the status to 120
    raise typer.Exit(2) from err


def _print(line: str) -> None:
    try:
        echo(line, err=True)
    except OSError:  # standard error may have gone too; the status remains
        silence(sys.stderr)
