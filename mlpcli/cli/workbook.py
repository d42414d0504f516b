"""`mlp gradcheck --workbook`: does every statement of the derivation hold on the real network?"""

from mlpcli.cli.output import echo
from mlpcli.errors import CheckFailed


def workbook(*, json: bool) -> None:
    """Try each statement on the full network with one image; raises CheckFailed."""
    from mlpcli.checks.scene import first_image
    from mlpcli.checks.workbook import walk
    from mlpcli.runs import config as configs
    from mlpcli.runs import points
    from mlpcli.show import workbook as text
    from mlpcli.show.gradcheck import heading

    point = next(points.points(configs.derived(None)))
    results = walk(point.problem)
    if json:
        echo(text.as_object(results))
    else:
        echo(heading(first_image(point.problem), point.data))
        echo(text.statements(results))
        echo(f"\n{text.summary(results)}")
    if not all(result.ok for result in results):
        raise CheckFailed(text.summary(results))
