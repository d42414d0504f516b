import sys

import pytest

from benchmarks.process import peak_memory, run, turns

MB = 1_000_000
FAMILY = f"""
import os, time
shared = b"s" * {40 * MB}
child = os.fork()
own = b"o" * {40 * MB}
time.sleep(0.3)
if child:
    os.waitpid(child, 0)
"""


def test_sides_take_turns() -> None:
    order: list[str] = []

    def side(name: str) -> float:
        order.append(name)
        return float(len(order))

    assert turns(2, lambda: side("a"), lambda: side("b")) == [[1.0, 3.0], [2.0, 4.0]]
    assert order == ["a", "b", "a", "b"]


def test_a_command_that_fails_is_told_of() -> None:
    with pytest.raises(RuntimeError, match="nothing_of_that_name"):
        run(sys.executable, "-m", "nothing_of_that_name")
    with pytest.raises(RuntimeError, match="nothing_of_that_name"):
        peak_memory(sys.executable, "-m", "nothing_of_that_name")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="sums are those of Linux")
def test_memory_counts_children_and_what_they_share_once() -> None:
    peak = peak_memory(sys.executable, "-c", FAMILY)

    assert 120 * MB < peak < 150 * MB  # 40 that both share, 40 of each, and an interpreter
