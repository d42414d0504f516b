"""Where a full run writes: results.json, a picture, and the table of docs/performance.md."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import picture
from benchmarks.table import Row, as_markdown, as_object

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results.json"
PICTURE = ROOT / "docs" / "pictures" / "performance.svg"
PAGE = ROOT / "docs" / "performance.md"
START, END = "<!-- measured -->\n", "<!-- /measured -->"


def write(facts: dict[str, Any], rows: Sequence[Row]) -> None:
    """Write all three; facts: date, machine and versions."""
    results = {**facts, "rows": [as_object(row) for row in rows]}
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    picture.draw(results, PICTURE)
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(with_table(page, facts, rows), encoding="utf-8")


def with_table(page: str, facts: dict[str, Any], rows: Sequence[Row]) -> str:
    """The page with this table in place of the previous one."""
    pattern = re.compile(f"{re.escape(START)}.*{re.escape(END)}", re.DOTALL)
    text = f"{START}\n{_heading(facts)}\n\n{as_markdown(rows)}\n\n{END}"
    return pattern.sub(lambda _: text, page)


def _heading(facts: dict[str, Any]) -> str:
    """When, where and with which versions it was measured."""
    where, versions = facts["environment"], facts["versions"]
    libraries = [
        f"{library} {number}"
        for sides in versions.values()
        for library, number in sides.items()
        if library not in ("mlpcli", "numpy")
    ]
    peers = ", ".join(dict.fromkeys(libraries))  # PyTorch has two sides
    before, after = (facts["load"][when][0] for when in ("before", "after"))
    return (
        f"`{facts['command']}` on {facts['date'][:10]}: {where['cpu']}, {where['cores']} cores, "
        f"Python {where['python']}, NumPy {where['numpy']} with {', '.join(where['blas'])} "
        f"({', '.join(where['blas_architecture'])} kernel), {peers}. Data: {facts['data']}. "
        f"Load average at the start: {before:.1f}, at the end: {after:.1f}."
    )
