"""The workbook's statements as text and JSON."""

import math
import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import numpy as np

from mlpcli.api.workbook import Verification
from mlpcli.checks.workbook.measurements import first_image
from mlpcli.checks.workbook.statement import Result
from mlpcli.checks.workbook.statements import WORKBOOKS
from mlpcli.nn import Array
from mlpcli.show.format import Block, aligned, json_object, pick
from mlpcli.show.gradcheck import heading
from mlpcli.show.junit import Case
from mlpcli.show.markdown import check_blocks
from mlpcli.terminal import terminal_width


def as_text(result: Verification) -> str:
    """A table for each section: id, verdict, error, one entry of both sides, statement."""
    lines = [heading(first_image(result.point.problem), result.point.data)]
    titles = {workbook.number: workbook.title for workbook in WORKBOOKS}
    for number, of_workbook in groupby(
        result.results, key=lambda result: result.statement.workbook
    ):
        lines += ["", f"Workbook {number:02}: {titles[number]}"]
        for section, tested in groupby(of_workbook, key=lambda result: result.statement.section):
            lines += ["", section, *_table(tested)]
    return "\n".join([*lines, "", summary(result)])


def _table(tested: Iterable[Result]) -> Iterator[str]:
    rows, texts = [["", "", "error", "measured", "stated"]], ["statement"]
    for r in tested:
        verdict = "holds" if r.ok else "WRONG"
        rows.append([r.statement.id, verdict, f"{r.error:.1e}", *_short(r)])
        texts.append(r.statement.text)
    for row, text in zip(aligned(rows, None), texts, strict=True):
        fits = len(row) + 2 + len(text) <= (terminal_width(sys.stdout) or math.inf)
        yield f"{row}  {text}" if fits else f"{row}\n     {text}"


def summary(result: Verification) -> str:
    """How many statements hold, and which do not."""
    n = len(result.results)
    wrong = [r.statement.id for r in result.results if not r.ok]
    text = f"{n - len(wrong)} of {n} statements of the workbooks hold"
    return f"{text}; wrong: {', '.join(wrong)}" if wrong else text


def cases(result: Verification) -> list[Case]:
    """A case for each statement."""
    return [
        Case(
            r.statement.section,
            f"{r.statement.number}: {r.statement.text}",
            "" if r.ok else "error {:.1e}, measured {}, stated {}".format(r.error, *_short(r)),
        )
        for r in result.results
    ]


def as_blocks(result: Verification) -> list[Block]:
    """The verdict on each statement."""
    title = heading(first_image(result.point.problem), result.point.data)
    return check_blocks(title, summary(result), cases(result))


def as_json(result: Verification) -> str:
    """Every statement, as one JSON object."""
    return json_object({"ok": result.ok, "statements": [_values(r) for r in result.results]})


def _values(r: Result) -> dict[str, Any]:
    left, right = (_entry(side, r.at) for side in (r.left, r.right))
    return {
        **pick(r.statement, "id", "workbook", "section", "number"),
        "statement": r.statement.text,
        "shape": r.left.shape,
        "index": r.at,
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
    """One entry of a side; all of a shape; the shape of a side that does not fit the other."""
    if np.issubdtype(side.dtype, np.integer):
        return [int(n) for n in side]
    return float(side[at]) + 0.0 if len(at) == side.ndim else list(side.shape)  # + 0.0: no -0
