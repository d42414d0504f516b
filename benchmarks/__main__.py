"""`python -m benchmarks`: measures all rows and prints the table; progress goes to standard error.

A full run also writes its results to files (results.py); a quick or partial one does not.
"""

import argparse
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from benchmarks import commands, epochs, images, machine, results, scale, training, worker
from benchmarks.table import Row, as_markdown
from benchmarks.worker import Worker

SECTIONS = ("epochs", "training", "commands", "scale")
AVX2_SECTIONS = ("epochs", "training")  # those that depend on the instruction set


class Plan(NamedTuple):
    """How long to measure."""

    epochs: epochs.Plan
    rounds: int  # of whole commands
    starts: int  # rounds of start-up
    images: int  # of the largest data


FULL = Plan(epochs.Plan(tries=1, rounds=7, seeds=3, epochs=3), 5, 20, 1_000_000)
AVX2 = FULL._replace(epochs=FULL.epochs._replace(seeds=0))
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
    parser.add_argument(
        "--isa",
        choices=("native", "avx2"),
        default="native",
        help="avx2 keeps every library from newer instructions",
    )
    options = parser.parse_args()
    if options.isa == "avx2":
        worker.limits.update(worker.AVX2)
    before, facts = machine.now(), {"gflops": machine.speed()}
    full = AVX2 if options.isa == "avx2" else FULL
    sections = AVX2_SECTIONS if options.isa == "avx2" else SECTIONS
    plan = QUICK if options.quick else full
    chosen = [options.only] if options.only else sections
    rows = [row for section in chosen for row in measure(section, plan, facts)]
    facts |= _facts(options.isa, before)
    sys.stdout.write(f"{as_markdown(rows)}\n\n{machine.as_text(facts)}\n")
    if not (options.quick or options.only):
        results.write(options.isa, facts, rows)


def _facts(isa: str, before: machine.Moment) -> dict[str, Any]:
    """When and where the rows were measured."""
    with Worker("ours") as ours:
        environment = ours.ask("environment").result
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": "make bench",
        "limits": worker.limits,
        "environment": environment,
        "data": images.load("train").name,
        **machine.facts(before, machine.now()),
    }


def measure(section: str, plan: Plan, facts: dict[str, Any]) -> Iterator[Row]:
    """The rows of a section; further facts about them go into facts."""
    if section == "epochs":
        measured = epochs.measure(plan.epochs)
        facts |= measured.facts
        yield from measured.rows
    elif section == "training":
        yield from training.measure(plan.rounds)
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
