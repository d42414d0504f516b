"""The table of `mlp runs`: as many columns as the terminal has room for, the telling ones first."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.cells import cell_len

from mlpcli.api.run_columns import Line, differing, short_name, text
from mlpcli.api.runs import Listing
from mlpcli.show.format import Block, aligned, counted, percent
from mlpcli.terminal import is_unicode, terminal_width

FIXED = ("run", "data", "status", "accuracy", "loss", "epochs", "seconds", "seed")
FRACTIONS = ("accuracy", "balanced_accuracy", "macro_f1")
FOLDER = Path("runs")  # below which a run is found by its name
ASCII = {"±": "+-", "…": "~"}
MAX_TEXT = 24  # columns of a note, of tags and of a setting on a terminal
MIN_RUN = 12  # columns of a run's name
MAX_NAMED = 8  # columns that are left out, by name


def as_text(listing: Listing) -> str:
    """The runs, one per line, below a header; on a terminal the columns that fit and tell most."""
    if not listing.lines:
        return "no runs"
    width = terminal_width(sys.stdout)
    if listing.columns:
        return "\n".join(aligned(_rows(listing.lines, listing.columns), width))
    columns = _columns(listing)
    if width is None:
        return "\n".join(aligned(_rows(listing.lines, columns), width))
    return _fitted(listing, columns, width)


def as_blocks(listing: Listing) -> list[Block]:
    """The runs as a table with all its columns."""
    if not listing.lines:
        return ["no runs"]
    columns = listing.columns or _columns(listing)
    return [f"runs in {listing.folder}", _rows(listing.lines, columns)]


def _columns(listing: Listing) -> list[str]:
    """The columns of the table where none were asked for, in their order."""
    entries = listing.entries
    metrics = {entry.metric for entry in entries if entry.metric}
    others = [metric for metric in FRACTIONS[1:] if metric in metrics]
    mixed = ["metric"] if others and len(metrics) > 1 else []
    fixed_ = list(FIXED)
    fixed_[fixed_.index("loss") : fixed_.index("loss")] = [*others, *mixed]
    said = [name for name in ("tags", "note") if any(entry.value(name) for entry in entries)]
    return [*fixed_, *differing(entries), *said]


def _ranked(lines: Sequence[Line], columns: Sequence[str]) -> list[str]:
    """The columns, those first that tell most of these runs."""
    different = {name: len({repr(line.value(name)) for line in lines}) for name in columns}
    ranks = dict.fromkeys(("run", "accuracy"), 0)
    ranks |= {"seed": 1 if any(line.kind for line in lines) else 3, "status": 1, "tags": 2}
    deciding = {entry.metric for line in lines for entry in line.entries if entry.metric}
    ranks |= dict.fromkeys(FRACTIONS[1:], 1 if len(deciding) == 1 else 3)
    ranks |= {"data": 3, "epochs": 4, "seconds": 4, "metric": 4, "note": 5, "loss": 6}

    def rank(column: str) -> tuple[int, int]:
        if different[column] == 1 and column in FIXED[1:] and ranks[column] > 0:
            grouped = column == "seed" and ranks["seed"] == 1
            return (1 if grouped else 7, 0)
        return (ranks.get(column, 3), 0 if column in ranks else -different[column])

    return sorted(columns, key=rank)


def _fitted(listing: Listing, columns: list[str], width: int) -> str:
    """The table with as many of the columns as fit, and which ones it lacks."""
    rows = [_short(row, listing.folder) for row in _rows(listing.lines, columns)]
    cells = dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True))
    sizes = {column: max(map(cell_len, each)) for column, each in cells.items()}
    sizes["run"] = min(sizes["run"], max(MIN_RUN, width // 2))
    shown, room = set[str](), width + 2
    for column in _ranked(listing.lines, columns):
        if sizes[column] + 2 <= room:
            room -= sizes[column] + 2
            shown.add(column)
    cells["run"] = [_middle(cell, sizes["run"] + room) for cell in cells["run"]]
    kept = map(list, zip(*(cells[column] for column in columns if column in shown), strict=True))
    lines = aligned(list(kept), width)
    if hidden := [short_name(column) for column in columns if column not in shown]:
        more = f" and {len(hidden) - MAX_NAMED} more" if hidden[MAX_NAMED:] else ""
        lines.append(f"not shown: {', '.join(hidden[:MAX_NAMED])}{more}; --columns all shows them")
    return "\n".join(lines)


def _rows(lines: Sequence[Line], columns: Sequence[str]) -> list[list[str]]:
    return [
        list(map(short_name, columns)),
        *([_cell(line, column) for column in columns] for line in lines),
    ]


def _cell(line: Line, column: str) -> str:
    if column == "seed" and line.kind:
        return counted(len(line.entries), line.kind)
    value = line.status if column == "status" else line.value(column)
    if value is None or value == ():
        return "-"
    if column in FRACTIONS:
        sd = line.sd(column)
        return percent(value) if sd is None else f"{percent(value)[:-1]}{_sign('±')}{percent(sd)}"
    if column == "tags":
        return " ".join(value)
    forms: dict[str, Callable[[Any], str]] = {
        "loss": "{:.4f}".format,
        "seconds": "{:.1f}".format,
        "parameters": "{:,}".format,
        "started": _to_the_minute,
    }
    return forms.get(column, text)(value)


def _to_the_minute(started: str) -> str:
    return started[:16].replace("T", " ")


def _short(row: list[str], folder: Path) -> list[str]:
    """The cells of a row as a terminal shows them: a run by its name, others cut."""
    run, *others = row
    if folder == FOLDER:
        run = run.removeprefix(f"{FOLDER}/")
    return [
        run,
        *(each if cell_len(each) <= MAX_TEXT else _middle(each, MAX_TEXT) for each in others),
    ]


def _middle(cell: str, width: int) -> str:
    """The text, of which the middle gives way where it is wider."""
    if cell_len(cell) <= width:
        return cell
    head, tail = cell[: width // 2], cell[-(width // 2) :]
    while cell_len(head) + 1 + cell_len(tail) > width:
        head, tail = (head[:-1], tail) if cell_len(head) > cell_len(tail) else (head, tail[1:])
    return f"{head}{_sign('…')}{tail}"


def _sign(sign: str) -> str:
    """A character, or what stands for it where the output's encoding lacks it."""
    return sign if is_unicode(sys.stdout) else ASCII[sign]
