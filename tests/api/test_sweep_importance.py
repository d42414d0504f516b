"""What each parameter of a sweep explains."""

from typing import Any

import pytest

from mlpcli.api.sweep_importance import importance
from mlpcli.api.sweep_results import Results, Row


def found(*rows: tuple[Any, float]) -> Results:
    """The results of configs with these parameters and means."""
    ordered = sorted(rows, key=lambda row: -row[1])
    configs = tuple(
        Row(rank, parameters, {0: mean}, ("a",), "finished", "", mean, None, 1.0)
        for rank, (parameters, mean) in enumerate(ordered, 1)
    )
    return Results("s", "accuracy", configs, None, "", 0, None, None, None)


def test_the_parameter_that_decides_explains_all_and_the_other_nothing() -> None:
    grid = [({"lr": lr, "width": width}, lr) for lr in (0.1, 0.3) for width in ([8], [16])]

    assert importance(found(*grid)) == pytest.approx({"lr": 1.0, "width": 0.0})


def test_many_numbers_are_compared_by_their_ranks() -> None:
    rows = [({"lr": 10.0**-i}, 0.9 - 0.1 * i) for i in range(8)]

    assert importance(found(*rows)) == pytest.approx({"lr": 1.0})


def test_nothing_is_said_where_every_value_stands_once_or_all_are_equal() -> None:
    assert importance(found(({"lr": 1}, 0.1), ({"lr": 2}, 0.2), ({"lr": 3}, 0.3))) == {"lr": None}
    assert importance(found(({"lr": 1}, 0.1), ({"lr": 1}, 0.1), ({"lr": 2}, 0.1))) == {"lr": None}
