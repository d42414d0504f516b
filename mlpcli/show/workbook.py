"""The workbook's statements as text and JSON."""

from itertools import groupby
from typing import Any

import numpy as np

from mlpcli.checks.workbook import Result
from mlpcli.nn import Array
from mlpcli.show.text import as_json, table


def statements(results: list[Result]) -> str:
    """A table for each section: number, verdict, error, one entry of both sides, statement."""
    lines = []
    for section, tried in groupby(results, key=lambda result: result.statement.section):
        rows = [["", "", "error", "measured", "stated"]]
        texts = ["statement"]
        for r in tried:
            verdict = "holds" if r.ok else "WRONG"
            rows.append([r.statement.number, verdict, f"{r.error:.1e}", *_short(r)])
            texts.append(r.statement.text)
        lines += ["", section]
        lines += [f"{row}  {text}" for row, text in zip(table(rows), texts, strict=True)]
    return "\n".join(lines)


def summary(results: list[Result]) -> str:
    """How many statements hold, and which do not."""
    held = sum(r.ok for r in results)
    wrong = [f"{r.statement.section} {r.statement.number}" for r in results if not r.ok]
    text = f"{held} of {len(results)} statements of the workbook hold"
    return f"{text}; wrong: {', '.join(wrong)}" if wrong else text


def as_object(results: list[Result]) -> str:
    """Every statement, as one JSON object."""
    return as_json(
        {
            "ok": all(r.ok for r in results),
            "statements": [_facts(r) for r in results],
        }
    )


def _facts(r: Result) -> dict[str, Any]:
    left, right = (_entry(side, r.at) for side in (r.left, r.right))
    return {
        "section": r.statement.section,
        "number": r.statement.number,
        "statement": r.statement.text,
        "shape": list(r.left.shape),
        "index": list(r.at),
        "measured": left,
        "stated": right,
        "error": r.error if np.isfinite(r.error) else None,
        "tolerance": r.statement.tolerance,
        "ok": r.ok,
    }


def _short(r: Result) -> list[str]:
    sides = [_entry(side, r.at) for side in (r.left, r.right)]
    return [str(tuple(s)) if isinstance(s, list) else f"{s:.6g}" for s in sides]


def _entry(side: Array, at: tuple[int, ...]) -> float | list[float]:
    """One entry of a side; a shape whole, and the shape of a side that does not fit the other."""
    if np.issubdtype(side.dtype, np.integer):
        return [int(n) for n in side]
    return float(side[at]) + 0.0 if len(at) == side.ndim else list(side.shape)  # + 0.0: no -0
