"""Rows of measurements: their value, whether the goal is met, and the printed table."""

import statistics
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

Kind = Literal["faster", "longer", "most", "better"]


class Goal(NamedTuple):
    """What a row is held to.

    faster: theirs / ours at least value; longer: ours / theirs at most value; most: ours at most
    value; better: ours - theirs at least value.
    """

    kind: Kind
    value: float


class Row(NamedTuple):
    """One comparison, or one quantity of mlpcli alone."""

    what: str
    ours: Sequence[float]  # every measurement, in unit
    peer: str = ""  # whom it is compared with
    theirs: Sequence[float] = ()  # in the same rounds; empty where the peer is missing
    unit: str = "s"
    goal: Goal | None = None
    kind: Kind = "faster"  # what is stated where there is no goal
    note: str = ""


def value(row: Row) -> float | None:
    """The value of a row, from medians; None if the peer is missing.

    >>> value(Row("epoch", (1.0, 2.0, 9.0), "PyTorch", (4.0, 5.0, 6.0)))
    2.5
    """
    kind = row.goal.kind if row.goal else row.kind
    ours = statistics.median(row.ours)
    if kind == "most":
        return ours
    if not row.theirs:
        return None
    if kind == "better":
        return statistics.mean(row.ours) - statistics.mean(row.theirs)
    theirs = statistics.median(row.theirs)
    return theirs / ours if kind == "faster" else ours / theirs


def spread(row: Row) -> tuple[float, float] | None:
    """The least and the greatest ratio of a round; None where no ratio is stated."""
    kind = row.goal.kind if row.goal else row.kind
    if kind not in ("faster", "longer") or len(row.ours) != len(row.theirs) or len(row.ours) < 2:
        return None
    ratios = [
        b / a if kind == "faster" else a / b for a, b in zip(row.ours, row.theirs, strict=True)
    ]
    return min(ratios), max(ratios)


def met(row: Row) -> bool | None:
    """Whether the goal is met; None if there is no goal, or no peer.

    >>> met(Row("help", (0.09,), "import", (0.08,), goal=Goal("longer", 1.5)))
    True
    """
    found = value(row)
    if row.goal is None or found is None:
        return None
    if row.goal.kind in ("faster", "better"):
        return found >= row.goal.value
    return found <= row.goal.value


def standard_error(a: Sequence[float], b: Sequence[float]) -> float:
    """Of the difference of the means of two independent samples, each of at least two."""
    return float((statistics.variance(a) / len(a) + statistics.variance(b) / len(b)) ** 0.5)


def as_object(row: Row) -> dict[str, Any]:
    """A row for results.json."""
    return {
        **row._asdict(),
        "goal": row.goal._asdict() if row.goal else None,
        "value": value(row),
        "spread": spread(row),
        "met": met(row),
    }


def as_markdown(rows: Sequence[Row]) -> str:
    """The rows as a table of Markdown, its columns aligned for a terminal; notes below."""
    head = ("measurement", "mlpcli", "compared with", "other", "ratio", "goal", "met")
    cells = [head, *map(_cells, rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(head))]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |"
        for line in cells
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    notes = [f"\n{row.what}: {row.note}" for row in rows if row.note]
    return "\n".join([lines[0], rule, *lines[1:], *notes])


def _cells(row: Row) -> tuple[str, ...]:
    kind = row.goal.kind if row.goal else row.kind
    found = value(row)
    sign = {"faster": "≥ ", "better": "≥ ", "longer": "≤ ", "most": "≤ "}[kind]
    unit = _unit(row.unit) if kind in ("most", "better") else ""
    ratio = "" if kind == "most" or found is None else f"{_number(found)}{unit}"
    if ratio and (limits := spread(row)):
        ratio += f" ({_number(limits[0])} to {_number(limits[1])})"
    return (
        row.what,
        _measured(row.ours, row.unit, kind),
        row.peer,
        _measured(row.theirs, row.unit, kind) if row.theirs else "missing" if row.peer else "",
        ratio,
        f"{sign}{_number(row.goal.value)}{unit}" if row.goal else "",
        {True: "yes", False: "no", None: ""}[met(row)],
    )


def _measured(values: Sequence[float], unit: str, kind: Kind) -> str:
    middle = statistics.mean if kind == "better" else statistics.median
    return f"{_number(middle(values))}{_unit(unit)}"


def _unit(unit: str) -> str:
    return unit if unit == "%" else f" {unit}"


def _number(value: float) -> str:
    """Three significant digits, without trailing zeros.

    >>> [_number(v) for v in (1511.68, 98.423, 2.5, 0.0361, -0.02, 1.0)]
    ['1,512', '98.4', '2.5', '0.0361', '-0.02', '1']
    """
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
