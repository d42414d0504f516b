"""`mlp`, which is `python -m mlpcli`."""

import os
import sys

from mlpcli import crash, signals


def main() -> None:
    """Run a command; from the first moment on, a signal ends it with one line."""
    signals.exit_immediately()
    # pydantic would look through every installed package for plugins, which takes 30 ms or more
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        _reserve_standard_fds()
        from mlpcli.cli import app  # takes a moment

        app(prog_name="mlp")
    except SystemExit as end:
        if end.code in signals.STATUSES:  # reported already; a second signal adds no line
            signals.exit_immediately(message=b"")
        raise
    except (ImportError, OSError) as err:  # the error boundary could not be loaded
        if sys.stderr is not None:  # it may be closed
            sys.stderr.write(f"error: a module cannot be loaded: {err}\n")
        sys.exit(2)
    except Exception as err:
        sys.exit(crash.report(err))


def _reserve_standard_fds() -> None:
    """Open the descriptors of closed standard streams, so that no file takes their numbers."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)


if __name__ == "__main__":
    main()
