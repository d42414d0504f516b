"""The figure of a sweep: its configs as parallel coordinates, and what each parameter explains."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from mlpcli.api.sweep_importance import importance, ranked_rows
from mlpcli.api.sweep_results import Results
from mlpcli.errors import CheckpointError
from mlpcli.show import figure
from mlpcli.show.format import METRICS, counted, json_object, percent

LOG_RATIO = 20  # of a number's largest and smallest value, from which its axis is logarithmic
COLUMN, HEIGHT = 1.7, 4.2  # inches: the width of an axis, the height of the figure
MAX_LABELS = 8  # of an axis with names
LABEL = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1}  # behind its text


def write(found: Results, path: Path) -> None:
    """Draw the configs that have finished into a file; raises CheckpointError and OutputError."""
    rows = ranked_rows(found)
    if len(rows) < 2:
        raise CheckpointError(
            f"{found.sweep}: {counted(len(rows), 'config')} finished; a figure needs two"
        )
    from matplotlib import cm, rc_context

    from mlpcli.show.plots import PAPER, look

    keys = list(rows[0].parameters)
    shares = importance(found)
    axes = [_positions([row.parameters[key] for row in rows]) for key in keys]
    means = [row.mean or 0.0 for row in rows]
    axes.append(_positions(means, log=False))
    with rc_context(look(PAPER)):
        drawn = figure.figure(figsize=(COLUMN * len(axes) + 1.6, HEIGHT), facecolor="white")
        plot = drawn.add_subplot()
        shades = cm.ScalarMappable(None, "viridis_r").to_rgba(np.array(means))
        for i in reversed(range(len(rows))):  # the best on top
            heights = [positions[i] for positions, _ in axes]
            color, width = shades[i], 2.6 if i == 0 else 1.2
            plot.plot(range(len(axes)), heights, color=color, linewidth=width, alpha=0.85)
        for x, (_, labels) in enumerate(axes):
            plot.axvline(x, color=PAPER.muted, linewidth=1)
            for height, text in labels:
                place = (x + 0.03, height)
                plot.annotate(text, place, fontsize=9, va="center", color=PAPER.ink, bbox=LABEL)
        names = [f"{key}\n{_explained(shares[key])}" for key in keys]
        plot.set_xticks(range(len(axes)), [*names, METRICS[found.metric]])
        plot.tick_params(axis="x", labelsize=9)
        plot.set_xlim(-0.15, len(axes) - 0.4)
        plot.set_yticks([])
        plot.grid(visible=False)
        for spine in plot.spines.values():
            spine.set_visible(False)
        title = f"{found.sweep}: {counted(len(rows), 'config')}, the best in bold"
        plot.set_title(title, fontsize=11, color=PAPER.ink)
        drawn.tight_layout()
        figure.save(drawn, path)


def as_text(found: Results, path: Path) -> str:
    """Where the figure is, and what each parameter explains."""
    lines = [f"figure: {path}"]
    lines += [f"{key}: {_explained(share)}" for key, share in importance(found).items()]
    return "\n".join(lines)


def as_json(found: Results, path: Path) -> str:
    """The same as one JSON object."""
    return json_object({"sweep": found.sweep, "figure": str(path), "importance": importance(found)})


def _explained(share: float | None) -> str:
    return "share unknown" if share is None else f"explains {percent(share, 0)}"


def _positions(
    values: list[Any], *, log: bool = True
) -> tuple[list[float], list[tuple[float, str]]]:
    """Heights in [0, 1] of values on an axis, and its labels with theirs."""
    numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    if not numeric:
        names = sorted(set(map(_name, values)))
        step = 1 / max(1, len(names) - 1)
        heights = {name: i * step for i, name in enumerate(names)}
        every = math.ceil(len(names) / MAX_LABELS)
        labels = [(heights[name], name) for name in names[::every]]
        return [heights[_name(value)] for value in values], labels
    low, high = min(values), max(values)
    logarithmic = log and low > 0 and high / low >= LOG_RATIO
    scaled = [math.log(v) if logarithmic else v for v in values]
    bottom, span = min(scaled), max(scaled) - min(scaled) or 1.0
    heights_ = [(v - bottom) / span for v in scaled]
    few = sorted(set(zip(heights_, values, strict=True)))
    shown = few if len(few) <= MAX_LABELS else [few[0], few[len(few) // 2], few[-1]]
    return heights_, [(height, percent(v) if not log else f"{v:g}") for height, v in shown]


def _name(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
