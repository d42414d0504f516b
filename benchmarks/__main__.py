"""`python -m benchmarks`: measures all rows and prints the table; progress goes to standard error.

A full run also writes its results to files (results.py); a quick or partial one does not.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from benchmarks import commands, epochs, images, results, scale
from benchmarks.table import Row, as_markdown
from benchmarks.worker import Worker

SECTIONS = ("epochs", "commands", "scale")


class Plan(NamedTuple):
    """How long to measure."""

    epochs: epochs.Plan
    rounds: int  # of whole commands
    starts: int  # rounds of start-up
    images: int  # of the largest data


FULL = Plan(epochs.Plan(tries=2, rounds=9, seeds=3, epochs=3), 5, 20, 1_000_000)
QUICK = Plan(epochs.Plan(tries=1, rounds=3, seeds=2, epochs=1), 1, 7, 100_000)
SMALL = 10_000  # images of the smallest data
LARGE = 1_000_000  # images whose half is more than a small training needs


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument(
        "--quick", action="store_true", help="fewer rounds, smaller data, no files written"
    )
    parser.add_argument(
        "--only", choices=SECTIONS, help="measure one section only, and write no files"
    )
    options = parser.parse_args()
    before = os.getloadavg()
    facts: dict[str, Any] = {}
    plan = QUICK if options.quick else FULL
    chosen = [options.only] if options.only else SECTIONS
    rows = [row for section in chosen for row in measure(section, plan, facts)]
    sys.stdout.write(as_markdown(rows) + "\n")
    if options.quick or options.only:
        return
    with Worker("ours") as ours:
        environment = ours.ask("environment").result
    facts |= {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": "make bench",
        "environment": environment,
        "load": {"before": before, "after": os.getloadavg()},  # of the whole machine
        "data": images.load("train").name,
    }
    results.write(facts, rows)


def measure(section: str, plan: Plan, facts: dict[str, Any]) -> Iterator[Row]:
    """The rows of a section; further facts about them go into facts."""
    if section == "epochs":
        measured = epochs.measure(plan.epochs)
        facts |= measured.facts
        yield from measured.rows
    elif section == "commands":
        yield from commands.on_mnist(plan.rounds)
        yield commands.start_up(plan.starts)
        yield commands.gradient_check(plan.rounds)
    else:
        yield scale.time_per_image(SMALL, plan.images, plan.rounds)
        row, held = scale.memory(SMALL, plan.images)
        yield row
        if plan.images >= LARGE:
            yield from scale.larger_than_memory(plan.images, held)


if __name__ == "__main__":
    main()
