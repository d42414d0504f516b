from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.faults.table import Fault, Impossible, alone, shown, tried


def test_a_row_counts_what_held_and_names_what_was_lost() -> None:
    def trial(rng: np.random.Generator, place: Path) -> None:
        assert place.is_dir()
        if place.name == "2":
            raise AssertionError("the third file")

    row = tried(Fault("a", alone(trial), few=1, many=4), 4)

    assert (row.held, row.lost) == (3, ["the third file"])
    assert shown(row, 5).startswith("a            4        3        1 ")
    assert shown(row, 5).endswith("\n  lost: the third file\n")


def test_a_fault_that_cannot_be_made_here_is_skipped() -> None:
    def trials(n: int, rng: np.random.Generator, place: Path) -> Iterator[str]:
        yield ""
        raise Impossible("no such disk")

    row = tried(Fault("a", trials, few=1, many=1), 1)

    assert (row.held, row.lost, row.skipped) == (1, [], "no such disk")
