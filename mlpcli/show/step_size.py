"""The error of finite differences against their step: table, plot of characters, JSON, PNG."""

import sys
from pathlib import Path

import numpy as np

from mlpcli.api.gradcheck import StepSizes
from mlpcli.checks.step_size import DIRECTION_COUNT, STEPS, STEPS_PER_DECADE, Curve, Slope
from mlpcli.show.figure import figure, save
from mlpcli.show.format import Block, json_object, pick, table
from mlpcli.show.gradcheck import heading
from mlpcli.show.junit import Case
from mlpcli.show.markdown import check_blocks
from mlpcli.terminal import terminal_width

MARKERS = "ox."  # of the curves, in their order
HEIGHT = 20  # of the plot, in lines
TICK = 15  # columns between two ticks of the plot, at most
MIN_DECADE = -12  # of the error at the foot of the plot


def as_text(result: StepSizes) -> str:
    """One row for each decade of h, the slopes, the plot and the verdict."""
    curves, point = result.curves, result.point
    rows = [["h", *(curve.name for curve in curves)]]
    rows += [
        [f"{STEPS[i]:.0e}", *(f"{curve.error[i]:.1e}" for curve in curves)]
        for i in range(0, len(STEPS), STEPS_PER_DECADE)
    ]
    lines = [
        heading(point.problem, point.data).removesuffix(", float64"),
        f"error of a finite difference along {DIRECTION_COUNT} random directions (median)",
        "",
        *table(rows),
    ]
    lines += ["", *_slopes(curves), "", *_plot(curves, terminal_width(sys.stdout))]
    return "\n".join([*lines, "", summary(curves)])


def as_json(result: StepSizes) -> str:
    """Every step and error, and the slopes, as one JSON object."""
    return json_object(
        {
            "ok": result.ok,
            "h": STEPS,
            "curves": [
                {
                    **pick(curve, "name", "error"),
                    "best_h": float(STEPS[curve.best]),
                    "rounding": _slope(curve.rounding),
                    "truncation": _slope(curve.truncation),
                    "ok": curve.ok,
                }
                for curve in result.curves
            ],
        }
    )


def as_blocks(result: StepSizes) -> list[Block]:
    """The verdict on each curve."""
    title = "error of finite differences against their step"
    return check_blocks(title, summary(result.curves), cases(result))


def cases(result: StepSizes) -> list[Case]:
    """A case for each curve."""
    failure = "the slopes are not those of theory"
    return [
        Case("slopes", each.name, "" if each.ok else failure, details="\n".join(_slopes([each])))
        for each in result.curves
    ]


def summary(curves: list[Curve]) -> str:
    """Whether the slopes are those of theory, and which are not."""
    if wrong := [curve.name for curve in curves if not curve.ok]:
        return f"the slopes are not those of theory: {'; '.join(wrong)}"
    return "every slope is that of theory"


def png(path: Path, curves: list[Curve]) -> None:
    """Draw the curves into a file; raises OutputError."""
    drawn = figure(layout="constrained")
    axes = drawn.subplots()
    for curve in curves:
        sides = f"{curve.rounding.measured:+.2f}, {curve.truncation.measured:+.2f}"
        axes.loglog(STEPS, curve.error, marker=".", label=f"{curve.name}: slopes {sides}")
    axes.set(xlabel="step h", ylabel="relative error", title="Error of a finite difference")
    axes.grid(alpha=0.3)
    drawn.legend(loc="outside lower center")
    save(drawn, path)


def _slopes(curves: list[Curve]) -> list[str]:
    rows = [["", "best h", "lowest error", "rounding side", "theory", "truncation side", "theory"]]
    for curve in curves:
        best = [f"{STEPS[curve.best]:.1e}", f"{curve.error[curve.best]:.1e}"]
        sides = [
            [f"{side.measured:+.2f}", f"{side.expected:+.0f}"]
            for side in (curve.rounding, curve.truncation)
        ]
        rows.append([curve.name, *best, *sides[0], *sides[1]])
    return ["slopes by least squares, in log-log", *table(rows)]


def _plot(curves: list[Curve], room: int | None) -> list[str]:
    """Logarithmic axes: h from 1e-12 to 1, error from 10^MIN_DECADE to 1; later curves on top.

    room: columns of the terminal; the plot is narrower where it would not fit.
    """
    tick = max(5, min(TICK, ((room or 80) - 16) // 4))
    width = 4 * tick + 1
    grid = [[" "] * width for _ in range(HEIGHT + 1)]
    columns = np.rint((1 + np.log10(STEPS) / 12) * (width - 1)).astype(int)
    for curve, mark in zip(curves, MARKERS, strict=True):
        height = np.log10(np.clip(curve.error, 10.0**MIN_DECADE, 1)) / MIN_DECADE  # 0 at the top
        for column, row in zip(columns, np.rint(height * HEIGHT).astype(int), strict=True):
            grid[row][column] = mark
    lines = []
    for i, line in enumerate(grid):
        label = "" if i % (HEIGHT // 4) else f"1e{MIN_DECADE * i // HEIGHT:+03d}"
        lines.append(f"{label:>6} |{''.join(line)}".rstrip())
    marks = [f"{'':8}{mark} {each.name}" for each, mark in zip(curves, MARKERS, strict=True)]
    ticks = "".join(f"{f'1e{decade:+03d}':<{tick}}" for decade in (-12, -9, -6, -3, 0))
    return [*lines, f"{'':6} +{'-' * width}", f"{'':6}  {ticks.rstrip()}  h", *marks]


def _slope(side: Slope) -> dict[str, float | int | None]:
    return side._asdict() | ({} if np.isfinite(side.measured) else {"measured": None})
