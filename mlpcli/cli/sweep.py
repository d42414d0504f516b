"""`mlp gradcheck --sweep`: how the error of a finite difference depends on its step."""

from pathlib import Path

from mlpcli.cli.output import echo
from mlpcli.errors import CheckFailed


def sweep(*, json: bool, png: Path | None) -> None:
    """Print errors and slopes, and draw them into a file; raises CheckFailed on a wrong slope."""
    import numpy as np

    from mlpcli.checks import sweep as checks
    from mlpcli.runs import config as configs
    from mlpcli.runs import points
    from mlpcli.show import sweep as text
    from mlpcli.show.gradcheck import heading

    point = next(points.points(configs.derived(None)))
    curves = checks.sweep(point.problem, rng=np.random.default_rng(0))
    if png:
        text.png(png, curves)
    if json:
        echo(text.as_object(curves))
    else:
        echo(heading(point.problem, point.data).removesuffix(", float64"))
        echo(text.as_text(curves))
        echo(f"\n{text.summary(curves)}")
    if not all(curve.ok for curve in curves):
        raise CheckFailed(text.summary(curves))
