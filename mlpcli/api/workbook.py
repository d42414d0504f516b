"""`mlp workbook`: does every statement of the derivation hold on the real network?"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from mlpcli.api.gradcheck import Point, workbook_point
from mlpcli.checks.questions.question import Question
from mlpcli.checks.workbook.statement import Result, Statement
from mlpcli.checks.workbook.statements import STATEMENTS, check_statements


class Verification(NamedTuple):
    """The result of every statement of the workbook."""

    point: Point  # the network; of its images, the first is used
    results: list[Result]

    @property
    def ok(self) -> bool:
        """Whether all statements hold."""
        return all(result.ok for result in self.results)


def proving(questions: Iterable[Question]) -> list[Statement]:
    """The statements that prove the answers to these questions, in the order of the workbooks."""
    proofs = {(question.section, number) for question in questions for number in question.proof}
    return [s for s in STATEMENTS if (s.section, s.number) in proofs]


def verify(chosen: Sequence[Statement] = STATEMENTS) -> Verification:
    """Check each of the statements on the full network with one image."""
    point = workbook_point()
    return Verification(point, check_statements(point.problem, chosen))
