"""The statements of all workbooks, and their check on one network.

Workbook 01 stands in `output_layer.py`, 02 in `hidden_layers.py` and `learning.py`, 03 in
`differences.py` and `trust.py`, and 04 in `through_batch.py`.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from mlpcli.checks.problem import Problem
from mlpcli.checks.workbook import batch_values, hidden_values, measurements, trust_values
from mlpcli.checks.workbook.differences import MEASURING
from mlpcli.checks.workbook.hidden_layers import HIDDEN_LAYERS
from mlpcli.checks.workbook.learning import LEARNING
from mlpcli.checks.workbook.output_layer import OUTPUT_LAYER
from mlpcli.checks.workbook.statement import Result, Statement, compare
from mlpcli.checks.workbook.through_batch import THROUGH_BATCH
from mlpcli.checks.workbook.trust import TRUST


class Workbook(NamedTuple):
    """Questions on one subject, answered by statements."""

    number: int
    title: str
    measure: Callable[[Problem], Any]  # what the sides of its statements are computed from
    statements: tuple[Statement, ...]


WORKBOOKS = (
    Workbook(
        1,
        "Backprop to Output Layer",
        lambda problem: measurements.measure(measurements.first_image(problem)),
        OUTPUT_LAYER,
    ),
    Workbook(2, "Backprop to the hidden layers", hidden_values.measure, HIDDEN_LAYERS + LEARNING),
    Workbook(3, "Trusting a gradient", trust_values.measure, MEASURING + TRUST),
    Workbook(4, "Through the batch", batch_values.measure, THROUGH_BATCH),
)
STATEMENTS = tuple(statement for workbook in WORKBOOKS for statement in workbook.statements)


def check_statements(problem: Problem, chosen: Sequence[Statement] = STATEMENTS) -> list[Result]:
    """The chosen statements on a problem of three relu layers with a batch of images.

    Where a statement speaks of one image, it is the first.
    """
    results = []
    for workbook in WORKBOOKS:
        if asked := [statement for statement in chosen if statement.workbook == workbook.number]:
            values = workbook.measure(problem)
            results += [compare(statement, *statement.sides(values)) for statement in asked]
    return results
