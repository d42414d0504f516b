import json

import numpy as np

from mlpcli.show.format import aligned, fitted, json_object


def test_numbers_that_json_has_not_are_null() -> None:
    odd = json_object(
        {"loss": float("nan"), "norms": np.array([1, np.inf]), "scalar": np.float32("-inf")}
    )

    assert json.loads(odd) == {"schema": 1, "loss": None, "norms": [1, None], "scalar": None}


ROWS = [["run", "data", "accuracy"], ["a", "synth", "95.75%"], ["long-name", "mnist", "98.11%"]]


def test_a_table_that_fits_is_one() -> None:
    assert aligned(ROWS, 26) == aligned(ROWS, None)
    assert aligned(ROWS, None)[1:] == ["a          synth    95.75%", "long-name  mnist    98.11%"]


def test_a_table_that_is_a_little_wider_has_narrower_gaps() -> None:
    assert aligned(ROWS, 24)[2] == "long-name mnist   98.11%"


def test_a_wider_table_follows_in_parts() -> None:
    assert aligned(ROWS, 20) == [
        "run         data",
        "a          synth",
        "long-name  mnist",
        "",
        "run        accuracy",
        "a            95.75%",
        "long-name    98.11%",
    ]


def test_a_table_whose_first_column_leaves_no_room_is_a_list() -> None:
    assert aligned(ROWS, 18)[3:] == ["long-name", "  data: mnist", "  accuracy: 98.11%"]


def test_lines_break_between_words_alone() -> None:
    text = "error: a message, with a/path/that/is/longer/than/this; try `mlp train --out a`\nok"

    assert fitted(text, None) == text
    assert fitted(text, 24).split("\n") == [
        "error: a message, with",
        "  a/path/that/is/longer/than/this;",
        "  try",
        "  `mlp train --out a`",
        "ok",
    ]


def test_a_table_of_one_column_keeps_its_head_however_narrow_the_terminal() -> None:
    assert aligned([["name"], ["a-long-name"]], 4) == ["name", "a-long-name"]
