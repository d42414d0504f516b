"""Where a full run writes: results.json, two pictures, and the tables of docs/performance.md."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine, picture
from benchmarks.table import Row, as_markdown, as_object

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results.json"
PICTURES = ROOT / "docs" / "pictures"
PAGE = ROOT / "docs" / "performance.md"


def write(isa: str, facts: dict[str, Any], rows: Sequence[Row]) -> None:
    """Write all of them; isa: "native" or "avx2"; facts: date, machine and versions."""
    every = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    every[isa] = {**facts, "rows": [as_object(row) for row in rows]}
    RESULTS.write_text(json.dumps(every, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if isa == "native":
        picture.draw_epochs(every[isa], PICTURES / "epochs.svg")
        picture.draw_goals(every[isa], PICTURES / "goals.svg")
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(with_table(page, isa, facts, rows), encoding="utf-8")


def with_table(page: str, isa: str, facts: dict[str, Any], rows: Sequence[Row]) -> str:
    """The page with this table in place of the previous one of the same instruction set."""
    return replaced(page, isa, f"{_heading(facts)}\n\n{as_markdown(rows)}")


def replaced(page: str, name: str, text: str) -> str:
    """The page with this text between the marks of that name."""
    start, end = f"<!-- measured: {name} -->\n", f"<!-- /measured: {name} -->"
    pattern = re.compile(f"{re.escape(start)}.*{re.escape(end)}", re.DOTALL)
    return pattern.sub(lambda _: f"{start}\n{text}\n\n{end}", page)


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
    return (
        f"`{facts['command']}` on {facts['date'][:10]}: {where['cpu']}, {where['cores']} cores, "
        f"Python {where['python']}, NumPy {where['numpy']} with {', '.join(where['blas'])}, "
        f"{peers}. Data: {facts['data']}. {machine.as_text(facts)}"
    )
