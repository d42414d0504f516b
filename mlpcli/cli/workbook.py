"""`mlp gradcheck --workbook`: does every statement of the derivation hold on the real network?"""

import typer

from mlpcli.errors import CheckFailed


def workbook(*, json: bool) -> None:
    """Try each statement on the full network with one image; raises CheckFailed."""
    from mlpcli.checks.workbook import first_image, walk
    from mlpcli.runs import config as configs
    from mlpcli.runs import points
    from mlpcli.show import workbook as text
    from mlpcli.show.gradcheck import heading

    point = next(points.points(configs.load("mnist", [])))
    results = walk(point.problem)
    if json:
        typer.echo(text.as_object(results))
    else:
        typer.echo(heading(first_image(point.problem), point.data))
        typer.echo(text.statements(results))
        typer.echo(f"\n{text.summary(results)}")
    if not all(result.ok for result in results):
        raise CheckFailed(text.summary(results))
