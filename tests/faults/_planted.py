"""A process that dies over the third file, to see that it is counted."""

import os
import signal
import sys


def main() -> None:
    """Print an empty text for each file but the third."""
    inputs, done = map(int, sys.argv[2:])
    for i in range(done, inputs):
        if i == 2:
            sys.stderr.write("the third\n")
            sys.stderr.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        sys.stdout.write('""\n')
        sys.stdout.flush()


if __name__ == "__main__":
    main()
