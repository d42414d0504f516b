"""The error of finite differences against their step: table, plot of characters, JSON, PNG."""

from pathlib import Path

import numpy as np

from mlpcli.checks.sweep import DIRECTIONS, PER_DECADE, STEPS, Curve, Slope
from mlpcli.show.figure import figure, save
from mlpcli.show.text import as_json, table

MARKS = "ox."  # of the curves, in their order
HEIGHT, WIDTH = 20, 61  # of the plot, in characters
LOWEST = -12  # decade of the error at the foot of the plot


def as_text(curves: list[Curve]) -> str:
    """One row for each decade of h, the slopes, and the plot."""
    head = ["h", *(curve.name for curve in curves)]
    rows = [
        [f"{STEPS[i]:.0e}", *(f"{curve.error[i]:.1e}" for curve in curves)]
        for i in range(0, len(STEPS), PER_DECADE)
    ]
    lines = [f"error of a finite difference along {DIRECTIONS} random directions (median)", ""]
    return "\n".join([*lines, *table([head, *rows]), "", *_slopes(curves), "", *_plot(curves)])


def as_object(curves: list[Curve]) -> str:
    """Every step and error, and the slopes, as one JSON object."""
    return as_json(
        {
            "ok": all(curve.ok for curve in curves),
            "h": STEPS.tolist(),
            "curves": [
                {
                    "name": curve.name,
                    "error": curve.error.tolist(),
                    "best_h": float(STEPS[curve.best]),
                    "rounding": _slope(curve.rounding),
                    "truncation": _slope(curve.truncation),
                    "ok": curve.ok,
                }
                for curve in curves
            ],
        }
    )


def summary(curves: list[Curve]) -> str:
    """Whether the slopes are those of theory, and which are not."""
    wrong = [curve.name for curve in curves if not curve.ok]
    if wrong:
        return f"the slopes are not those of theory: {'; '.join(wrong)}"
    return "every slope is that of theory"


def png(path: Path, curves: list[Curve]) -> None:
    """Draw the curves into a file; raises ConfigError without matplotlib or where none can be."""
    drawn = figure("--png", layout="constrained")
    axes = drawn.subplots()
    for curve in curves:
        sides = f"{curve.rounding.measured:+.2f}, {curve.truncation.measured:+.2f}"
        axes.loglog(STEPS, curve.error, marker=".", label=f"{curve.name}: slopes {sides}")
    axes.set(xlabel="step h", ylabel="relative error", title="Error of a finite difference")
    axes.grid(alpha=0.3)
    drawn.legend(loc="outside lower center")
    save(drawn, path)


def _slopes(curves: list[Curve]) -> list[str]:
    head = ["", "best h", "lowest error", "rounding side", "theory", "truncation side", "theory"]
    rows = [
        [
            curve.name,
            f"{STEPS[curve.best]:.1e}",
            f"{curve.error[curve.best]:.1e}",
            *(
                text
                for side in (curve.rounding, curve.truncation)
                for text in (f"{side.measured:+.2f}", f"{side.expected:+.0f}")
            ),
        ]
        for curve in curves
    ]
    return ["slopes by least squares, in log-log", *table([head, *rows])]


def _plot(curves: list[Curve]) -> list[str]:
    """Logarithmic axes: h from 1e-12 to 1, error from 10^LOWEST to 1; later curves lie on top."""
    grid = [[" "] * WIDTH for _ in range(HEIGHT + 1)]
    columns = np.rint((1 + np.log10(STEPS) / 12) * (WIDTH - 1)).astype(int)
    for curve, mark in zip(curves, MARKS, strict=True):
        height = np.log10(np.clip(curve.error, 10.0**LOWEST, 1)) / LOWEST  # 0 at the top
        for column, row in zip(columns, np.rint(height * HEIGHT).astype(int), strict=True):
            grid[row][column] = mark
    every = HEIGHT // 4
    labels = [f"1e{LOWEST * i // HEIGHT:+03d}" if i % every == 0 else "" for i in range(HEIGHT + 1)]
    lines = [
        f"{label:>6} |{''.join(row)}".rstrip() for label, row in zip(labels, grid, strict=True)
    ]
    marks = "   ".join(f"{mark} {curve.name}" for curve, mark in zip(curves, MARKS, strict=True))
    ticks = "".join(f"{f'1e{decade:+03d}':<{WIDTH // 4}}" for decade in (-12, -9, -6, -3, 0))
    return [*lines, f"{'':6} +{'-' * WIDTH}", f"{'':6}  {ticks.rstrip()}  h", f"{'':8}{marks}"]


def _slope(side: Slope) -> dict[str, float | int | None]:
    measured = side.measured if np.isfinite(side.measured) else None
    return {"measured": measured, "expected": side.expected, "points": side.points}
