"""The plots of a report and of figures, drawn by matplotlib: curves and reliability diagrams."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from mlpcli.show import figure, svg
from mlpcli.show.format import short
from mlpcli.show.svg import INK, MUTED, RULE, color
from mlpcli.training.calibration import Bin
from mlpcli.training.intervals import wilson

WIDTH, HEIGHT = 300, 210  # CSS pixels, near the size on the page: text keeps its size
MARKERS = "os^Dv*PX"  # of the series: two lines never differ by color alone
SYMBOLS = "●■▲◆▼★✚✖"  # the same in text
DASHES = (0, (3, 1.6))
FIGURE_SIZE = (9.0, 3.6)  # inches, of a figure in a file


class Palette(NamedTuple):
    """The colors of a plot."""

    ink: str
    muted: str
    rule: str
    series: Sequence[str]


PAGE = Palette(INK, MUTED, RULE, [color(i) for i in range(svg.SERIES)])  # as the page has them
PAPER = Palette(  # of the page in light mode
    "#1b1d21",
    "#5b606a",
    "#dfe0e3",
    ("#2a5fc9", "#b9500a", "#1a7f4b", "#8a3fc0", "#0f7684", "#bf2e6b", "#756500", "#666a72"),
)


def look(palette: Palette) -> Any:
    """The settings of matplotlib for plots in these colors."""
    groups: tuple[tuple[str, dict[str, Any]], ...] = (  # group and keys, as matplotlib.rc has them
        ("font", {"size": 11}),
        ("text", {"color": palette.ink}),
        ("axes", {"edgecolor": palette.rule, "labelcolor": palette.muted, "linewidth": 1}),
        ("axes", {"axisbelow": True, "facecolor": "none", "grid": True, "grid.axis": "y"}),
        ("axes.spines", {"top": False, "right": False, "left": False}),
        ("grid", {"color": palette.rule, "linewidth": 1}),
        ("figure", {"facecolor": "none"}),
        ("xtick", {"color": palette.rule, "labelcolor": palette.muted}),
        ("ytick", {"color": palette.rule, "labelcolor": palette.muted, "major.size": 0}),
        ("lines", {"linewidth": 1.8, "markersize": 5}),
        # text as text; the same bytes each time
        ("svg", {"fonttype": "none", "hashsalt": "mlpcli"}),
    )
    return {f"{group}.{key}": value for group, keys in groups for key, value in keys.items()}


class Line(NamedTuple):
    """One quantity over the epochs."""

    epochs: Sequence[int]
    values: Sequence[float]
    series: int  # decides color and marker
    dashed: bool = False
    ring: int | None = None  # an epoch to point out


class Panel(NamedTuple):
    """Some lines on common axes."""

    title: str
    lines: Sequence[Line]
    log: bool = False
    percent: bool = False


def curves(
    name: str, label: str, lines: Sequence[Line], *, log: bool = False, percent: bool = False
) -> str:
    """Lines over epochs, as SVG; label is the text alternative."""
    with style.context(look(PAGE), after_reset=True):  # whatever the user's own settings are
        drawn = Figure(figsize=(WIDTH / 72, HEIGHT / 72), layout="constrained")
        _over_epochs(drawn.subplots(), Panel("", lines, log, percent), PAGE)
        return svg.element(drawn, name, label)


def save_history(path: Path, panels: Sequence[Panel], names: Sequence[str]) -> None:
    """Draw panels side by side into a file; raises OutputError.

    names: of each series, or the title of a single one.
    """
    with style.context(look(PAPER), after_reset=True):
        drawn = Figure(figsize=FIGURE_SIZE, layout="constrained", facecolor="white")
        several = drawn.subplots(1, len(panels), squeeze=False)[0]
        for axes, panel in zip(several, panels, strict=True):
            _over_epochs(axes, panel, PAPER)
            axes.set_title(panel.title, fontsize=11, loc="left", color=PAPER.ink)
        texts = [name.encode("ascii", "replace").decode() for name in names]  # as the font has them
        if len(texts) == 1:
            drawn.suptitle(texts[0], fontsize=11, parse_math=False)
        else:
            keys = [
                Line2D([], [], color=PAPER.series[i], marker=MARKERS[i], label=f" {text}")
                for i, text in enumerate(texts)
            ]
            legend = drawn.legend(handles=keys, loc="outside lower center", ncols=2, frameon=False)
            for each in legend.get_texts():
                each.set_parse_math(False)
        figure.save(drawn, path)


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


def reliability(
    name: str, label: str, bins: Sequence[Bin], *, before: Sequence[Bin] = (), series: int
) -> str:
    """Accuracy against confidence with 95% intervals, above the number of images, as SVG.

    before: the bins without calibration, if there is one.
    """
    some = [each for each in bins if each.n]
    earlier = [(each.confidence, each.correct / each.n) for each in before if each.n]
    width = 0.9 * (bins[0].high - bins[0].low)
    middle = [(each.low + each.high) / 2 for each in some]
    accuracy = [each.correct / each.n for each in some]
    confidence = [each.confidence for each in some]
    low, high = zip(*(wilson(each.correct, each.n) for each in some), strict=True)
    with style.context(look(PAGE), after_reset=True):  # whatever the user's own settings are
        drawn = Figure(figsize=(WIDTH / 72, 1.4 * HEIGHT / 72), layout="constrained")
        top, bottom = drawn.subplots(2, sharex=True, height_ratios=(3, 1))
        top.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=DASHES)
        top.bar(middle, accuracy, width, color=color(series), alpha=0.25)
        if earlier:
            top.plot(*zip(*earlier, strict=True), "o", color=MUTED, fillstyle="none", clip_on=False)
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
        return svg.element(drawn, name, label)


def _over_epochs(axes: Axes, panel: Panel, palette: Palette) -> None:
    for line in panel.lines:
        _draw(axes, line, palette.series[line.series % svg.SERIES])
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
    axes.margins(x=0.04, y=0.08)
    values = [value for line in panel.lines for value in line.values]
    if panel.log and 0 < 2 * min(values) < max(values):
        axes.set_yscale("log")
        low, high = axes.get_ylim()
        subs = (1, 2, 5) if high < 50 * low else (1,)  # for more than a tick or two
        axes.yaxis.set_major_locator(LogLocator(subs=subs))
        axes.yaxis.set_minor_locator(NullLocator())
    elif not panel.percent:
        axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(_percent if panel.percent else _plain))


def _draw(axes: Axes, line: Line, color: str) -> None:
    axes.plot(
        line.epochs,
        line.values,
        color=color,
        linestyle=DASHES if line.dashed else "solid",
        marker=MARKERS[line.series % svg.SERIES],
        markevery=max(1, len(line.epochs) // 12),
        markerfacecolor="none" if line.dashed else color,
        clip_on=False,
    )
    if line.ring is not None and line.ring in line.epochs:
        height = line.values[line.epochs.index(line.ring)]
        axes.plot(line.ring, height, "o", color=color, markersize=12, fillstyle="none")


def _percent(fraction: float, _: Any = None) -> str:
    return f"{100 * fraction:.6g}%"


def _plain(value: float, _: Any = None) -> str:
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.4g}"
