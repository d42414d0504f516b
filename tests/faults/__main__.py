"""`python -m tests.faults`: every fault, tried and counted; `make faults` is its full form."""

import argparse
import sys

from tests.faults.table import discovered, line, shown, tried


def main() -> int:
    """Print the table; 1 when anything was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("word", nargs="*", help="faults with one of these in their name; else all")
    parser.add_argument("--full", action="store_true", help="as often as `make faults`")
    parser.add_argument("--trials", type=int, metavar="N", help="so often, whichever the fault")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    asked = parser.parse_args()
    chosen = [f for f in discovered() if not asked.word or any(w in f.name for w in asked.word)]
    if not chosen:
        parser.error("no fault has such a name")
    counts = [asked.trials or (f.many if asked.full else f.few) for f in chosen]
    lost = 0
    width = max(len(fault.name) for fault in chosen)
    sys.stdout.write(line(width, "fault", "trials", "held", "lost", "seconds"))
    for fault, n in zip(chosen, counts, strict=True):
        row = tried(fault, n, seed=asked.seed)
        sys.stdout.write(shown(row, width))
        sys.stdout.flush()
        lost += len(row.lost)
    sys.stdout.write(f"{lost} lost\n")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
