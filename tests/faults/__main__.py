"""`python -m tests.faults`: every fault, tried and counted; `make faults` is its full form."""

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tests import ignored_signals
from tests.faults.table import Fault, Row, discovered, line, shown, tried

MODULE = (sys.executable, "-m", "tests.faults")


def main() -> int:
    """Print the table; 1 when anything was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("word", nargs="*", help="faults with one of these in their name; else all")
    parser.add_argument("--full", action="store_true", help="as often as `make faults`")
    parser.add_argument("--trials", type=int, metavar="N", help="so often, whichever the fault")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N", help="at a time")
    parser.add_argument("--row", action="store_true", help=argparse.SUPPRESS)  # one fault, as JSON
    asked = parser.parse_args()
    ignored_signals.restore()
    chosen = [f for f in discovered() if not asked.word or any(w in f.name for w in asked.word)]
    if not chosen:
        parser.error("no fault has such a name")
    if asked.row:
        fault = next(fault for fault in chosen if [fault.name] == asked.word)
        sys.stdout.write(json.dumps(tried(fault, asked.trials, seed=asked.seed)) + "\n")
        return 0
    counts = [asked.trials or (f.many if asked.full else f.few) for f in chosen]
    lost = 0
    width = max(len(fault.name) for fault in chosen)
    sys.stdout.write(line(width, "fault", "trials", "held", "lost", "seconds"))
    with ThreadPoolExecutor(asked.jobs) as pool:
        for row in pool.map(partial(_row, seed=asked.seed), chosen, counts):
            sys.stdout.write(shown(row, width))
            sys.stdout.flush()
            lost += len(row.lost)
    sys.stdout.write(f"{lost} lost\n")
    return 1 if lost else 0


def _row(fault: Fault, n: int, *, seed: int) -> Row:
    """The row of n trials in a process of their own, so that others can run beside them."""
    words = ["--row", fault.name, "--trials", f"{n}", "--seed", f"{seed}"]
    done = subprocess.run([*MODULE, *words], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        return Row(fault.name, 0, [f"the trials ended with {done.returncode}"], 0.0)
    return Row(*json.loads(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    sys.exit(main())
