"""`python -m tests.faults._harm`: as `_reader`, with the files that were made to harm."""

import sys
from pathlib import Path

from tests.faults._reader import Reader
from tests.faults.harmful import harmful


def main() -> None:
    """Give them to the program: a folder, how many of them, evenly spread, how many are done."""
    place, inputs, done = sys.argv[1:]
    reader = Reader(Path(place))
    files = list(harmful(reader.right))
    for i in range(int(done), int(inputs)):
        what, name, data = files[i * len(files) // int(inputs)]
        reader.tell(name, data, what=what)


if __name__ == "__main__":
    main()
