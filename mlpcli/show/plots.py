"""The plots of a report, drawn by matplotlib: curves and reliability diagrams."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from mlpcli.api.report import Bin
from mlpcli.show import svg
from mlpcli.show.format import short
from mlpcli.show.svg import INK, MUTED, RULE, color
from mlpcli.training.intervals import wilson

WIDTH, HEIGHT = 300, 210  # CSS pixels, near the size on the page: text keeps its size
MARKERS = "os^Dv*PX"  # of the series: two lines never differ by color alone
SYMBOLS = "●■▲◆▼★✚✖"  # the same in text
DASHES = (0, (3, 1.6))
SETTINGS: tuple[tuple[str, dict[str, Any]], ...] = (  # group and keys, as matplotlib.rc takes them
    ("font", {"size": 11}),
    ("text", {"color": INK}),
    ("axes", {"edgecolor": RULE, "facecolor": "none", "labelcolor": MUTED, "linewidth": 1}),
    ("axes", {"axisbelow": True, "grid": True, "grid.axis": "y"}),
    ("axes.spines", {"top": False, "right": False, "left": False}),
    ("grid", {"color": RULE, "linewidth": 1}),
    ("figure", {"facecolor": "none"}),
    ("xtick", {"color": RULE, "labelcolor": MUTED}),
    ("ytick", {"color": RULE, "labelcolor": MUTED, "major.size": 0}),
    ("lines", {"linewidth": 1.8, "markersize": 5}),
    ("svg", {"fonttype": "none", "hashsalt": "mlpcli"}),  # text as text; the same bytes each time
)
LOOK: Any = {f"{group}.{key}": value for group, keys in SETTINGS for key, value in keys.items()}


class Line(NamedTuple):
    """One quantity over the epochs."""

    epochs: Sequence[int]
    values: Sequence[float]
    series: int  # decides color and marker
    dashed: bool = False
    ring: int | None = None  # an epoch to point out


def curves(
    name: str, label: str, lines: Sequence[Line], *, log: bool = False, percent: bool = False
) -> str:
    """Lines over epochs, as SVG; label is the text alternative."""
    with style.context(LOOK, after_reset=True):  # whatever the user's own settings are
        figure = Figure(figsize=(WIDTH / 72, HEIGHT / 72), layout="constrained")
        axes = figure.subplots()
        for line in lines:
            _draw(axes, line)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
        axes.margins(x=0.04, y=0.08)
        values = [value for line in lines for value in line.values]
        if log and 0 < 2 * min(values) < max(values):
            axes.set_yscale("log")
            low, high = axes.get_ylim()
            subs = (1, 2, 5) if high < 50 * low else (1,)  # for more than a tick or two
            axes.yaxis.set_major_locator(LogLocator(subs=subs))
            axes.yaxis.set_minor_locator(NullLocator())
        elif not percent:
            axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(FuncFormatter(_percent if percent else _plain))
        return svg.element(figure, name, label)


def in_words(title: str, names: Sequence[str], lines: Sequence[Line]) -> str:
    """The text alternative: where each line begins and ends."""
    texts = []
    for name, line in zip(names, lines, strict=True):
        begin, end = line.epochs[0], line.epochs[-1]
        if begin == end:
            texts.append(f"{name} {short(line.values[0])} in epoch {begin}")
        else:
            first, last = f"{line.values[0]:.4g}", f"{line.values[-1]:.4g}"
            texts.append(f"{name} from {first} in epoch {begin} to {last} in epoch {end}")
    return f"{title}: {'; '.join(texts)}"


def reliability(name: str, label: str, bins: Sequence[Bin], *, series: int) -> str:
    """Accuracy against confidence with 95% intervals, above the number of images, as SVG."""
    some = [each for each in bins if each.n]
    width = 0.9 * (bins[0].high - bins[0].low)
    middle = [(each.low + each.high) / 2 for each in some]
    accuracy = [each.correct / each.n for each in some]
    confidence = [each.confidence for each in some]
    low, high = zip(*(wilson(each.correct, each.n) for each in some), strict=True)
    with style.context(LOOK, after_reset=True):  # whatever the user's own settings are
        figure = Figure(figsize=(WIDTH / 72, 1.4 * HEIGHT / 72), layout="constrained")
        top, bottom = figure.subplots(2, sharex=True, height_ratios=(3, 1))
        top.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=DASHES)
        top.bar(middle, accuracy, width, color=color(series), alpha=0.25)
        top.vlines(confidence, low, high, color=color(series), linewidth=1.2)
        marker = MARKERS[series % svg.SERIES]
        top.plot(confidence, accuracy, marker, color=color(series), clip_on=False)
        top.set(ylabel="accuracy", ylim=(0, 1.03), xlim=(0, 1))
        bottom.bar(middle, [each.n for each in some], width, color=color(series), alpha=0.6)
        bottom.set_yscale("log")
        bottom.set(xlabel="confidence", ylabel="images", ylim=(0.7, None))
        bottom.yaxis.set_minor_locator(NullLocator())
        bottom.yaxis.set_major_formatter(FuncFormatter(_plain))
        for axis in (top.yaxis, bottom.xaxis):
            axis.set_major_formatter(FuncFormatter(_percent))
        return svg.element(figure, name, label)


def _draw(axes: Axes, line: Line) -> None:
    axes.plot(
        line.epochs,
        line.values,
        color=color(line.series),
        linestyle=DASHES if line.dashed else "solid",
        marker=MARKERS[line.series % svg.SERIES],
        markevery=max(1, len(line.epochs) // 12),
        markerfacecolor="none" if line.dashed else color(line.series),
        clip_on=False,
    )
    if line.ring is not None and line.ring in line.epochs:
        height = line.values[line.epochs.index(line.ring)]
        axes.plot(line.ring, height, "o", color=color(line.series), markersize=12, fillstyle="none")


def _percent(fraction: float, _: Any = None) -> str:
    return f"{100 * fraction:.6g}%"


def _plain(value: float, _: Any = None) -> str:
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.4g}"
