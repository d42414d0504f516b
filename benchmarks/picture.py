"""The picture of the results: seconds per epoch by library, and the share of each goal reached."""

import statistics
from pathlib import Path
from typing import Any

OURS, THEIRS, SHORT = "#2f6f9f", "#c9ced3", "#c0603a"
MOST = 2.5


def draw(results: dict[str, Any], path: Path) -> None:
    """Draw results.json into a file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6.5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.15))
    _epochs(left, results["rows"])
    _goals(right, results["rows"])
    where = results["environment"]
    figure.suptitle(
        f"{where['cpu']}, {where['threads']} threads, NumPy {where['numpy']}, "
        f"{results['date'][:10]}",
        fontsize=9,
    )
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _epochs(axes: Any, rows: list[dict[str, Any]]) -> None:
    """Bars of median seconds, with every measurement as a dot."""
    names: list[str] = []
    rules = [rule for rule in ("sgd", "adam") if any(r["what"] == _epoch(rule) for r in rows)]
    for rule in rules:
        of = [row for row in rows if row["what"] == _epoch(rule)]
        sides = [("ours", of[0]["ours"]), *((r["peer"].split(" (")[0], r["theirs"]) for r in of)]
        for name, seconds in sides:
            if seconds:
                y = len(names)
                axes.barh(y, statistics.median(seconds), color=OURS if name == "ours" else THEIRS)
                axes.plot(seconds, [y] * len(seconds), "|", color="black", alpha=0.5)
                names.append(f"{'mlpcli' if name == 'ours' else name}, {rule}")
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel("seconds")
    axes.set_title("One epoch of 60,000 images", fontsize=10)


def _epoch(rule: str) -> str:
    return f"one epoch, {rule}"


def _goals(axes: Any, rows: list[dict[str, Any]]) -> None:
    """The share of each goal that is reached, 1 or more if it is met; a bar ends at MOST."""
    judged = [row for row in rows if row["met"] is not None and row["goal"]["kind"] != "better"]
    for y, row in enumerate(judged):
        share = row["value"] / row["goal"]["value"]
        share = share if row["goal"]["kind"] == "faster" else 1 / share
        axes.barh(y, min(share, MOST), color=OURS if row["met"] else SHORT)
        axes.text(min(share, MOST), y, f" {share:.2f}", va="center", fontsize=8)
    names = [f"{row['what']}\n{row['peer'].split(' (')[0]}".strip() for row in judged]
    names = [name.replace("`", "") for name in names]
    axes.set_yticks(range(len(judged)), names, fontsize=8)
    axes.invert_yaxis()
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xlim(0, 1.15 * MOST)
    axes.set_title("Share of the goal reached (1: met)", fontsize=10)
