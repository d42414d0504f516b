"""The table of a measured sweep: a row for each engine, and the goals."""

import statistics
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.installed import added
from benchmarks.process import Ended

LOOP, ONE, TWO = "`mlp train` in a loop", "`mlp sweep --workers 1`", "`mlp sweep --workers 2`"
PEERS = {"joblib": "joblib", "Optuna": "optuna", "Ray Tune": "ray[tune]"}  # what each needs
FASTER = 1.6  # times as fast as one after another, at least
LEVEL = 1.03  # times the seconds of another engine that count as level with it
OVERHEAD = 10.0  # milliseconds of processor time a trial, at most
MB = 1e6


class Side(NamedTuple):
    """What one side took."""

    runs: list[Ended]
    equal: int | None  # trials whose weights are those of one after another
    peak: int  # bytes, of all its processes


def as_markdown(sides: dict[str, Side]) -> str:
    """A row for each side; peers that are missing are named below."""
    head = ("24 trials by", "seconds", "speed", "memory, MB", "installation, MB", "same weights")
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    lines += [" | ".join(_cells(name, sides)) for name in sides]
    missing = [
        f"\n{name} was not measured: it is not installed, or failed."
        for name in PEERS
        if name not in sides
    ]
    return "\n".join([*(f"| {line} |" for line in lines), *missing])


def goals(sides: dict[str, Side], spent: float) -> str:
    """Each goal, its value and whether it is met."""
    one, two = _median(sides[ONE]), _median(sides[TWO])
    ratios = {name: _median(sides[name]) / two for name in PEERS if name in sides}
    rows = [
        (f"work one after another: {one:.1f} s, at least 60", one >= 60),
        (f"two workers: {one / two:.2f} times as fast, at least {FASTER}", one / two >= FASTER),
        (
            f"processor time beside the trainings: {spent:.1f} ms a trial, at most {OVERHEAD:.0f}",
            spent <= OVERHEAD,
        ),
        ("weights equal on every side", all(side.equal in (None, 24) for side in sides.values())),
        *(
            (f"seconds of {n} to ours: {ratio:.2f}, at least {1 / LEVEL:.2f}", ratio >= 1 / LEVEL)
            for n, ratio in ratios.items()
        ),
    ]
    return "\n".join(f"- {text}: {'yes' if met else 'no'}" for text, met in rows)


def _cells(name: str, sides: dict[str, Side]) -> Iterator[str]:
    """A row: seconds with their range, speed against one after another, memory, installation."""
    side, size = sides[name], added(PEERS[name]) if name in PEERS else None
    each = sorted(ended.seconds for ended in side.runs)
    spread = f" ({each[0]:.1f} to {each[-1]:.1f})" if len(each) > 1 else ""
    yield f"{name} {size.version}" if size else name
    yield f"{_median(side):.1f}{spread}"
    yield f"{_median(sides[ONE]) / _median(side):.2f}"
    yield f"{side.peak / MB:.0f}" if side.peak else ""
    yield f"{size.bytes / MB:.0f}, {size.packages} packages" if size else "0"
    yield "" if side.equal is None else f"{side.equal} of 24"


def _median(side: Side) -> float:
    return statistics.median(ended.seconds for ended in side.runs)
