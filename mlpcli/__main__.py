"""`mlp`, which is `python -m mlpcli`."""

import os
import sys

from mlpcli import signals


def main() -> None:
    """Run a command; from the first moment on, whatever ends it is told in one line."""
    signals.end_on_the_spot()
    try:
        _keep_standard_numbers()
        from mlpcli.cli import app  # takes a moment

        app(prog_name="mlp")
    except SystemExit as end:
        if end.code in signals.STATUSES:  # it has been told; a second signal is not, while we leave
            signals.end_on_the_spot(told=b"")
        raise
    except (ImportError, OSError) as err:  # the error boundary is not there, or not whole
        if sys.stderr is not None:  # it may be closed
            sys.stderr.write(f"error: a module cannot be loaded: {err}\n")
        sys.exit(2)


def _keep_standard_numbers() -> None:
    """Fill the places of closed standard streams, lest a stray message enter a file of ours."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)


if __name__ == "__main__":
    main()
