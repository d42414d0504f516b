import math

import pytest

from benchmarks.table import Goal, Kind, Row, as_markdown, as_object, met, standard_error, value


@pytest.mark.parametrize(
    ("kind", "expected"), [("faster", 2.5), ("longer", 0.4), ("most", 2.0), ("better", -1.0)]
)
def test_a_row_comes_to_what_its_goal_asks_for(kind: Kind, expected: float) -> None:
    row = Row("epoch", (9.0, 1.0, 2.0), "peer", (4.0, 5.0, 6.0), goal=Goal(kind, 1.0))

    assert value(row) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("kind", "bound", "missed"),
    [("faster", 2.0, 2.1), ("longer", 0.5, 0.4), ("most", 3.0, 2.9), ("better", -3.0, -2.9)],
)
def test_a_goal_is_met_up_to_its_bound(kind: Kind, bound: float, missed: float) -> None:
    row = Row("epoch", (3.0,), "peer", (6.0,))

    assert met(row._replace(goal=Goal(kind, bound))) is True
    assert met(row._replace(goal=Goal(kind, missed))) is False


def test_a_missing_peer_leaves_the_verdict_open() -> None:
    row = Row("epoch", (1.0,), "PyTorch", goal=Goal("faster", 2.5))

    assert (value(row), met(row)) == (None, None)
    assert "| missing |" in as_markdown([row])


def test_a_ratio_is_shown_with_the_range_over_the_rounds() -> None:
    row = Row("epoch", (1.0, 2.0, 1.0), "JAX", (1.5, 3.5, 2.0))

    assert "| 2 (1.5 to 2) |" in as_markdown([row])
    assert as_object(row)["spread"] == (1.5, 2.0)


def test_a_row_without_a_goal_has_a_ratio_and_no_verdict() -> None:
    row = Row("epoch", (1.0,), "JAX", (1.5,))

    assert (value(row), met(row)) == (1.5, None)


def test_the_table_is_aligned_and_ends_with_the_notes() -> None:
    rows = [
        Row("`mlp --help`", (0.09,), "imports", (0.08,), goal=Goal("longer", 1.5)),
        Row("peak memory", (148.2,), unit="MB", goal=Goal("most", 250), note="of the process"),
    ]

    assert as_markdown(rows) == (
        "| measurement  | mlpcli | compared with | other  | ratio | goal     | met |\n"
        "|--------------|--------|---------------|--------|-------|----------|-----|\n"
        "| `mlp --help` | 0.09 s | imports       | 0.08 s | 1.12  | ≤ 1.5    | yes |\n"
        "| peak memory  | 148 MB |               |        |       | ≤ 250 MB | yes |\n"
        "\npeak memory: of the process"
    )


def test_an_object_holds_every_measurement_and_the_verdict() -> None:
    told = as_object(Row("epoch", (1.0, 3.0), "JAX", (2.0, 6.0), goal=Goal("faster", 2.5)))

    assert told["ours"] == (1.0, 3.0)
    assert told["goal"] == {"kind": "faster", "value": 2.5}
    assert (told["value"], told["met"]) == (2.0, False)


def test_the_standard_error_is_that_of_a_difference_of_means() -> None:
    assert standard_error((1.0, 3.0), (2.0, 2.0, 5.0)) == pytest.approx(math.sqrt(2 / 2 + 3 / 3))
