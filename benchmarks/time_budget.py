"""How well `--time-budget` holds while other processes keep the processors busy.

python -m benchmarks.time_budget [--tries 20] [--busy 2] [--data synth mnist] [--set KEY=VALUE]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.worker import say

BUDGETS = (2.0, 5.0, 20.0)  # seconds


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that do nothing but use a processor."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def train(data: str, budget: float, changes: list[str]) -> tuple[float, float]:
    """Seconds of a training, as it says, and of its process."""
    options = ["--time-budget", f"{budget}s", "--epochs", "100000", "--json", "--quiet"]
    options += [word for change in changes for word in ("--set", change)]
    config = "quickstart" if data == "synth" else data
    with tempfile.TemporaryDirectory() as folder:
        words = ["train", "--config", config, "--out", f"{folder}/run", *options]
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "mlpcli", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        wall = time.perf_counter() - started
    return json.loads(done.stdout)["seconds"], wall


def main() -> None:
    """Print a row for each data set and budget."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tries", type=int, default=20)
    parser.add_argument("--busy", type=int, default=2)
    parser.add_argument("--data", nargs="+", default=["synth", "mnist"])
    parser.add_argument("--budget", nargs="+", type=float, default=BUDGETS)
    parser.add_argument("--set", nargs="+", default=[], dest="changes")
    args = parser.parse_args()
    say("| data | budget | shortest | mean | longest | off by over 0.3 s and 5% | process, mean |")
    say("| --- | --- | --- | --- | --- | --- | --- |")
    with busy(args.busy):
        for data in args.data:
            for budget in args.budget:
                pairs = [train(data, budget, args.changes) for _ in range(args.tries)]
                took = [seconds for seconds, _ in pairs]
                wrong = sum(abs(each - budget) > max(0.3, 0.05 * budget) for each in took)
                mean, whole = sum(took) / len(took), sum(wall for _, wall in pairs) / len(pairs)
                row = [data, f"{budget:g} s", *(f"{t:.2f} s" for t in (min(took), mean, max(took)))]
                say("| " + " | ".join([*row, f"{wrong} of {len(took)}", f"{whole:.1f} s"]) + " |")
    say(f"load average over 1, 5 and 15 minutes: {os.getloadavg()}")


if __name__ == "__main__":
    main()
