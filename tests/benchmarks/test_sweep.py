from pathlib import Path

import pytest

from benchmarks import sweep_peers
from benchmarks.installed import added
from benchmarks.process import Ended
from benchmarks.sweep import RATES, WIDTHS, Work, digests
from benchmarks.sweep_table import ONE, TWO, Side, as_markdown, goals

SHORT = ("data.images=300", "train.epochs=1")


def side(seconds: float, equal: int = 24) -> Side:
    return Side([Ended(seconds, 0, "", 0.0)], equal, 100_000_000)


def test_a_library_adds_what_we_do_not_need_ourselves() -> None:
    pytest_added = added("pytest")

    assert pytest_added is not None
    assert pytest_added.packages >= 1
    assert pytest_added.bytes > 100_000
    assert added("numpy")[1:] == (0, 0)  # type: ignore[index]  # it is installed
    assert added("a-library-that-nobody-has") is None


def test_there_are_24_trials_and_the_long_ones_come_first() -> None:
    trials = Work("synth", (RATES, WIDTHS), 3, SHORT).trials()

    assert [trial.config.network.hidden for trial in trials] == [(512, 256)] * 12 + [(192, 96)] * 12


def test_what_a_peer_trains_has_the_same_digest_each_time(tmp_path: Path) -> None:
    (trial, *_) = Work("synth", ("network.hidden=[4],[5]",), 1, SHORT).trials()
    task = {"address": trial.address, "config": trial.config.model_dump(mode="json")}
    for name in ("a", "b"):
        sweep_peers.loop([task], str(tmp_path / name))

    first = digests(tmp_path / "a")
    assert list(first) == [trial.address]
    assert digests(tmp_path / "b") == first


@pytest.mark.parametrize(
    ("seconds", "equal", "spent", "unmet"),
    [(37.5, 24, 10.0, 0), (37.6, 24, 10.0, 1), (37.5, 23, 10.1, 2)],
)
def test_goals_are_met_or_not(seconds: float, equal: int, spent: float, unmet: int) -> None:
    sides = {ONE: side(60.0), TWO: side(seconds, equal), "joblib": side(37.5)}

    assert goals(sides, spent).count(": no") == unmet
    assert "| 1.60 | 100 | 0 | 24 of 24 |" in as_markdown({ONE: side(60.0), TWO: side(37.5)})
