"""A statement of a workbook, its two sides and the error between them."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mlpcli.nn import Array

# error = |left - right| / max(|left|, |right|, MIN_SCALE * the largest entry); the largest of these
MIN_SCALE = 1e-3
EXACT_TOLERANCE = 1e-11  # an imaginary step or plain arithmetic: rounding, 1e-16 / MIN_SCALE
CENTRAL_TOLERANCE = 1e-6  # a central difference, which rounds and truncates

Sides = Callable[[Any], tuple[ArrayLike, ArrayLike]]  # of a workbook's measurements


class Statement(NamedTuple):
    """One statement of a workbook."""

    workbook: int
    section: str
    number: str  # "11a"; workbook 01 counts in each section, the others count through
    text: str
    sides: Sides  # (left, right), of one shape, computed independently
    tolerance: float  # the largest error with which the statement holds

    @property
    def id(self) -> str:
        """How it is named among all: "W3.11a", "concept.2a" in workbook 01, "2.21a" in 02."""
        if self.workbook > 1:
            return f"{self.workbook}.{self.number}"
        code = self.section.split()[-1]
        return f"{code if code[-1].isdigit() else code.lower()}.{self.number}"


class Result(NamedTuple):
    """The check of a statement."""

    statement: Statement
    left: Array
    right: Array
    error: float
    at: tuple[int, ...] = ()  # an entry to show: the worst, or the largest if all are right

    @property
    def ok(self) -> bool:
        """Whether the statement holds."""
        return self.error <= self.statement.tolerance


def statements(
    workbook: int,
    sections: Mapping[str, Mapping[str, Sides]],
    tolerances: Mapping[tuple[str, str], float],
) -> tuple[Statement, ...]:
    """The statements of a workbook from sides by section, then by number and text.

    tolerances: by section and number, of those that hold only nearly.
    """
    return tuple(
        Statement(
            workbook,
            section,
            number,
            text,
            sides,
            tolerances.get((section, number), EXACT_TOLERANCE),
        )
        for section, claims in sections.items()
        for claim, sides in claims.items()
        for number, text in [claim.split(" ", 1)]
    )


def compare(statement: Statement, *sides: ArrayLike) -> Result:
    """The error between the sides, of any shape: infinite if shapes differ or one is not finite."""
    left, right = map(np.asarray, sides)
    if left.shape != right.shape or not np.isfinite([left, right]).all():
        return Result(statement, left, right, np.inf)
    size = np.maximum(abs(left), abs(right))
    scale = np.maximum(size, MIN_SCALE * size.max())
    error = np.divide(abs(left - right), scale, out=np.zeros(left.shape), where=scale > 0)
    shown = size if error.max() <= statement.tolerance else error
    at = tuple(int(i) for i in np.unravel_index(shown.argmax(), shown.shape))
    return Result(statement, left, right, float(error.max()), at)
