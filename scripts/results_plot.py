"""The plot of docs/results.md: test accuracy against seconds of training, a point for each row.

Its colors follow the reader's light or dark setting, by a style sheet inside the picture.
"""

import io
import math
import re
import statistics
from typing import Any, NamedTuple

from mlpcli.show.format import percent

INK, MUTED, POINT, PAPER = "#00f000", "#00f001", "#00f002", "#00f003"  # each stands for a color
NAMES = {INK: "ink", MUTED: "muted", POINT: "point", PAPER: "paper"}
STYLE = """<style>
:root { --ink: #1f2328; --muted: #848d97; --point: #0969da; --paper: #ffffff }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --muted: #7d8590; --point: #58a6ff; --paper: #0d1117 }
}
text { font-family: system-ui, "Segoe UI", "DejaVu Sans", sans-serif }
</style>
"""
ROOM = 1.8  # on either side of the points, as a factor of the seconds
TICKS = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1200, 3000)  # seconds


class Point(NamedTuple):
    """A row of the results."""

    name: str
    data: str  # name of the data set
    seconds: float  # mean of one seed
    accuracy: float  # fractions
    low: float  # of the 95% interval
    high: float


def points(facts: dict[str, Any], data: dict[str, str]) -> list[Point]:
    """The measured rows; data: name of each one's data set."""
    return [
        Point(name, data[name], statistics.fmean(f["seconds"]), f["accuracy"], *f["ci95"])
        for name, f in facts.items()
    ]


def draw(shown: list[Point]) -> str:
    """The picture as SVG: a panel for each data set. The same points give the same text."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    panels = list(dict.fromkeys(point.data for point in shown))
    weights = [2 + sum(point.data == panel for point in shown) for panel in panels]
    look: Any = {"svg.fonttype": "none", "svg.hashsalt": "results", "font.size": 9}
    look |= {"text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": MUTED}
    look |= {"xtick.color": MUTED, "ytick.color": MUTED, "axes.facecolor": "none"}
    look |= {"xtick.labelcolor": INK, "ytick.labelcolor": INK}
    with rc_context(look):
        figure = Figure(figsize=(9.5, 4), layout="constrained", facecolor=PAPER)
        all_axes = figure.subplots(1, len(panels), width_ratios=weights, squeeze=False)[0]
        for axes, panel in zip(all_axes, panels, strict=True):
            _panel(axes, panel, [point for point in shown if point.data == panel])
        all_axes[0].set_ylabel("test accuracy, with its 95% interval")
        figure.supxlabel("seconds of training, of one seed", fontsize=9)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return _in_the_readers_colors(text.getvalue(), _description(shown))


def _panel(axes: Any, name: str, shown: list[Point]) -> None:
    """Points with their names, over a logarithmic axis of seconds."""
    low, high = min(p.seconds for p in shown), max(p.seconds for p in shown)
    for point in shown:
        axes.vlines(point.seconds, 100 * point.low, 100 * point.high, color=MUTED, linewidth=1.5)
        axes.plot(point.seconds, 100 * point.accuracy, "o", color=POINT, markersize=6)
        left = point.seconds > math.sqrt(low * high)  # of the point, where there is room
        axes.annotate(
            point.name,
            (point.seconds, 100 * point.accuracy),
            xytext=(-7 if left else 7, 0),
            textcoords="offset points",
            ha="right" if left else "left",
            va="center",
            fontsize=8,
        )
    axes.set_xscale("log")
    axes.set_xlim(low / ROOM, high * ROOM)
    ticks = [tick for tick in TICKS if low / ROOM <= tick <= high * ROOM]
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.minorticks_off()
    axes.margins(y=0.12)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}%")
    axes.grid(axis="y", color=MUTED, alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(name, fontsize=10, color=INK)


def _description(shown: list[Point]) -> str:
    """The picture in words."""
    return "; ".join(f"{p.name}: {percent(p.accuracy)} in {p.seconds:.1f} s" for p in shown)


def _in_the_readers_colors(svg: str, description: str) -> str:
    """The SVG with the colors of the style sheet, and the picture in words."""
    svg = re.sub("|".join(NAMES), lambda match: f"var(--{NAMES[match[0]]})", svg)
    svg = re.sub(r" *<metadata>.*?</metadata>\n", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", svg)
    head, mark, rest = svg.partition("<defs>")
    return f"{head}<desc>{description}</desc>\n {STYLE} {mark}{rest}"
