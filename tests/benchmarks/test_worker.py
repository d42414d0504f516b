import os

import pytest

from benchmarks.worker import AVX2, FORCED, Worker, WorkerError, environment


def test_children_choose_their_own_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FORCED:
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("KEPT", "1")

    assert not set(FORCED) & set(environment())
    assert environment()["KEPT"] == "1"


def test_children_are_limited_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Zen")
    monkeypatch.setattr("benchmarks.worker.limits", AVX2)

    assert environment()["OPENBLAS_CORETYPE"] == "Haswell"


@pytest.mark.slow
def test_a_worker_answers_and_survives_a_refusal() -> None:
    with Worker("products") as worker:
        with pytest.raises(WorkerError, match="KeyError: 'nonsense'"):
            worker.ask("nonsense")
        answer = worker.ask("epoch", variant="sgd", lr=0.1)

    assert "numpy" in worker.versions
    assert answer.result == 0.0
    assert answer.seconds > 0


def test_a_worker_is_stopped_until_it_is_asked() -> None:
    with Worker("products") as worker:
        state = os.waitid(os.P_PID, worker.process.pid, os.WSTOPPED | os.WNOWAIT)

    assert state
    assert state.si_code == os.CLD_STOPPED
    assert worker.process.returncode == 0


def test_a_side_whose_library_is_missing_is_named() -> None:
    with Worker("nowhere") as worker:
        pass

    assert worker.missing == "benchmarks.sides.nowhere"
