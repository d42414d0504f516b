import pytest

from benchmarks.sweep_fleet import QUIET, Trouble
from benchmarks.sweep_simulation import Found, busy_share, simulate

TRIALS = 240


@pytest.fixture(scope="module")
def undisturbed() -> Found:
    """With one worker, and nothing that goes wrong."""
    return simulate(workers=1, trials=TRIALS, trouble=QUIET)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_many_workers_with_deaths_and_lost_schedulers_name_the_same_winner(
    undisturbed: Found, seed: int
) -> None:
    trouble = Trouble(deaths=0.1, stragglers=0.1, lies=0.02, losses=60)

    found = simulate(workers=50, trials=TRIALS, seed=seed, trouble=trouble)

    assert (found.winner, found.finished) == (undisturbed.winner, undisturbed.finished)
    assert found.finished == 2 * 14  # a third of a third of 120 configs, each rounded up
    assert (found.repeated, undisturbed.repeated) == (0, 0)
    assert found.deaths > 10
    assert found.commands > 1
    assert found.cpu / TRIALS < 0.01  # seconds; far above what an idle machine needs


@pytest.mark.parametrize(("seconds", "share"), [(1.0, 0.14), (5.0, 0.68), (10.0, 0.98)])
def test_short_trials_leave_many_workers_waiting(seconds: float, share: float) -> None:
    found = busy_share(workers=1000, trials=100_000, seconds=seconds)

    assert found == pytest.approx(share, abs=0.01)
