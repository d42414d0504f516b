"""`mlp workbook`: does every statement of the derivation hold on the real network?"""

from typing import NamedTuple

from mlpcli.api.gradcheck import Point, workbook_point
from mlpcli.checks.workbook.statement import Result
from mlpcli.checks.workbook.statements import check_statements


class Verification(NamedTuple):
    """The result of every statement of the workbook."""

    point: Point  # the network; of its images, the first is used
    results: list[Result]

    @property
    def ok(self) -> bool:
        """Whether all statements hold."""
        return all(result.ok for result in self.results)


def verify() -> Verification:
    """Check each statement on the full network with one image."""
    point = workbook_point()
    return Verification(point, check_statements(point.problem))
