"""What workers are asked before their first trial, by a pool and in a process."""

from pathlib import Path
from typing import Any

import pytest

from mlpcli.api import sweep, sweep_run
from mlpcli.api.sweep import Planned
from mlpcli.api.sweep_question import Question, Worker, question
from mlpcli.api.sweep_run import Event
from mlpcli.api.sweep_trial import ONE_THREAD, Outcome, Task
from mlpcli.api.sweep_workers import Pool
from mlpcli.config.schema import Config
from mlpcli.config.sweep_file import Definition, Sweep
from mlpcli.errors import ClusterError
from mlpcli.version import __version__

LR = {"optimizer.lr": {"values": [0.3, 0.1, 0.03]}}


@pytest.fixture
def planned(settings: Config, tmp_path: Path) -> Planned:
    definition = Definition(Sweep.model_validate({"parameters": LR}), settings)
    return sweep.prepare(definition, tmp_path / "sweep")


def task(planned: Planned) -> Task:
    """The first trial's."""
    trial = planned.trials[0]
    folder = planned.folder.trial(trial.address).path
    return Task(trial.address, str(folder), trial.config.model_dump(mode="json"))


def in_a_pool(planned: Planned, **changes: Any) -> list[Event]:
    """A sweep in a pool that is asked another question."""
    with planned.folder.lock(), question(planned.folder) as asked:
        pool = Pool(1, asked._replace(**changes))
        with sweep_run.stopping(pool):
            return list(sweep_run.run(planned, pool))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version": "0.0.1"}, f"has mlp {__version__}, the sweep 0.0.1"),
        ({"token": "other"}, "sees another /"),
        ({"path": "/nowhere/.probe"}, "does not see /nowhere: No such file or directory"),
    ],
)
def test_a_pool_refuses_a_worker_before_its_first_trial(
    changes: dict[str, str], reason: str, planned: Planned
) -> None:
    with pytest.raises(ClusterError, match=f": a worker {reason}") as caught:
        in_a_pool(planned, **changes)

    assert "the same command resumes it" in str(caught.value)
    assert not any(planned.folder.trial(t.address).path.exists() for t in planned.trials)


@pytest.mark.slow
def test_a_worker_with_several_blas_threads_is_refused(
    planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlpcli.api.sweep_workers.ONE_THREAD", dict.fromkeys(ONE_THREAD, "2"))
    reason = "a worker has 2 BLAS threads; start it with OPENBLAS_NUM_THREADS=1"

    with pytest.raises(ClusterError, match=reason):
        in_a_pool(planned)


def test_the_question_is_a_file_that_goes_with_it(planned: Planned) -> None:
    planned.folder.path.mkdir()
    with question(planned.folder) as asked:
        assert Path(asked.path).read_text() == asked.token
        assert asked.version == __version__

    assert not Path(asked.path).exists()


def test_other_data_is_refused(planned: Planned, tmp_path: Path) -> None:
    asked = Question(__version__, str(tmp_path / "probe"), "token")
    (tmp_path / "probe").write_text("token")
    other = task(planned)._replace(address="0" * 16)

    assert Worker().trouble(other, asked) == "has other data than the sweep"


def test_an_error_that_nobody_foresaw_is_an_outcome_and_a_file(planned: Planned) -> None:
    def fail(*_: Any) -> Outcome:
        raise KeyError("unforeseen")

    worker = Worker(fail)
    worker.trouble = lambda *_: ""  # type: ignore[method-assign]  # it is not asked here

    nowhere = worker.perform(task(planned), Question("", "", ""))
    planned.folder.path.mkdir()
    outcome = worker.perform(task(planned), Question("", "", ""))

    assert (nowhere.status, outcome.status) == ("failed", "failed")
    assert nowhere.reason.endswith("cannot write: No such file or directory")
    assert outcome.reason.startswith("internal error: KeyError: 'unforeseen' (test_sweep_question")
    path = planned.folder.error(outcome.address)
    assert outcome.reason.endswith(f"; the details are in {path}")
    text = path.read_text()
    assert text.startswith(f"trial {outcome.address} of mlp sweep\nmlp {__version__}, Python ")
    assert "\nTraceback (most recent call last):\n" in text
