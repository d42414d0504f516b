"""The last handler: an exception that nobody foresaw becomes one line and an exit status.

It imports what it needs only then, since every command loads it.
"""

import os
import sys
from contextlib import suppress

from mlpcli.annotation import annotation
from mlpcli.terminal import one_line
from mlpcli.version import __version__

DEBUG = "--debug"  # prints the details in place of writing a file; anywhere on the command line
NO_MEMORY, INTERNAL_ERROR = 2, 70  # exit statuses; 70 is EX_SOFTWARE of sysexits.h


def report(err: Exception) -> int:
    """Tell of an exception on standard error; returns the exit status."""
    message, _, _ = str(err).partition("\n")
    if isinstance(err, MemoryError):
        what = f"not enough memory: {message}" if message else "not enough memory"
        line = f"error: {what}; smaller layers or batches, less data or fewer --threads need less"
        _print(line, _of_command(err) if DEBUG in sys.argv else "")
        return NO_MEMORY
    line = f"internal error: {type(err).__name__}: {message}".removesuffix(": ")
    text = _of_command(err)
    if DEBUG in sys.argv:
        _print(line, text)
    else:
        _print(f"{line}; {_saved(text)}")
    return INTERNAL_ERROR


def details(err: Exception, doing: str) -> str:
    """What a report of the mistake needs: what was being done, the versions, the traceback."""
    import platform
    import traceback

    numpy = sys.modules.get("numpy")
    versions = [f"mlp {__version__}", f"Python {platform.python_version()}", platform.platform()]
    versions += [f"NumPy {numpy.__version__}"] if numpy else []
    return f"{doing}\n{', '.join(versions)}\n\n{''.join(traceback.format_exception(err))}"


def _of_command(err: Exception) -> str:
    import shlex

    return details(err, shlex.join(["mlp", *sys.argv[1:]]))


def _saved(text: str) -> str:
    """Write the details into a new file; returns where they are."""
    import tempfile

    try:
        handle, path = tempfile.mkstemp(prefix="mlp-error-", suffix=".txt", text=True)
        with open(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as err:
        return f"{DEBUG} prints the details, which cannot be written: {err.strerror}"
    return f"the details are in {path}"


def _print(line: str, more: str = "") -> None:
    line = one_line(line)
    marked = [line, mark] if (mark := annotation(line)) else [line]
    text = "\n".join([*marked, more])
    with suppress(OSError):  # standard error may be closed
        os.write(2, text.encode("utf-8", "backslashreplace"))
