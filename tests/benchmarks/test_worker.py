import sys

import pytest

from benchmarks.process import run, turns
from benchmarks.worker import FORCED, Worker, WorkerError, environment


def test_children_choose_their_own_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FORCED:
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("KEPT", "1")

    assert not set(FORCED) & set(environment())
    assert environment()["KEPT"] == "1"


@pytest.mark.slow
def test_a_worker_answers_and_survives_a_refusal() -> None:
    with Worker("products") as worker:
        with pytest.raises(WorkerError, match="KeyError: 'nonsense'"):
            worker.ask("nonsense")
        answer = worker.ask("epoch", variant="sgd", lr=0.1)

    assert "numpy" in worker.versions
    assert answer.result == 0.0
    assert answer.seconds > 0


def test_a_side_whose_library_is_missing_is_named() -> None:
    with Worker("nowhere") as worker:
        pass

    assert worker.missing == "benchmarks.sides.nowhere"


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
