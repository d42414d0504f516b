"""The pictures of the results: seconds per epoch by library, and the share of each goal reached."""

import statistics
from pathlib import Path
from typing import Any

OURS, THEIRS, SHORT = "#2f6f9f", "#c9ced3", "#c0603a"
MOST = 2.5
LIBRARIES = ("mlpcli", "PyTorch", "JAX", "scikit-learn")
RULES = {"sgd": "SGD with momentum", "adam": "Adam"}


def draw_epochs(results: dict[str, Any], path: Path) -> None:
    """Draw the seconds of an epoch from results.json into a file: a panel for each optimizer."""
    figure = _figure((9, 3.4))
    panels = figure.subplots(1, len(RULES), sharex=True)
    for axes, rule in zip(panels, RULES, strict=True):
        _epochs(axes, results["rows"], rule)
    where = results["environment"]
    figure.suptitle(
        f"Seconds for one epoch of 60,000 images: median, and each measurement as a line\n"
        f"{where['cpu']}, {where['threads']} threads, {results['date'][:10]}",
        fontsize=9,
    )
    _save(figure, path)


def draw_goals(results: dict[str, Any], path: Path) -> None:
    """Draw the share of each goal that is reached, from results.json into a file."""
    figure = _figure((9, 5.5))
    _goals(figure.subplots(), results["rows"])
    _save(figure, path)


def _figure(size: tuple[float, float]) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout="constrained", facecolor="white")


def _save(figure: Any, path: Path) -> None:
    """Save without the date, and with text as text, which is small."""
    from matplotlib import rc_context

    with rc_context({"svg.fonttype": "none", "svg.hashsalt": path.stem}):
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _epochs(axes: Any, rows: list[dict[str, Any]], rule: str) -> None:
    """Bars of median seconds, the shortest first, with every measurement as a line."""
    of = [row for row in rows if row["what"] == f"one epoch, {rule}"]
    sides = [("mlpcli", of[0]["ours"]), *((r["peer"].split(" (")[0], r["theirs"]) for r in of)]
    libraries = [(n, seconds) for n, seconds in sides if seconds and n.split()[0] in LIBRARIES]
    libraries.sort(key=lambda side: statistics.median(side[1]))
    for y, (name, seconds) in enumerate(libraries):
        median, ours = statistics.median(seconds), name == "mlpcli"
        axes.barh(y, median, color=OURS if ours else THEIRS)
        axes.plot(seconds, [y - 0.25] * len(seconds), "|", color="black", alpha=0.4, markersize=5)
        color, weight = ("white", "bold") if ours else ("black", "normal")
        axes.text(0.08, y + 0.1, f"{median:.2f} s", va="center", color=color, weight=weight)
    axes.set_yticks(range(len(libraries)), [name for name, _ in libraries])
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(RULES[rule], fontsize=10)


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
