import threading
import time

import pytest

from mlpcli.training.prefetch import QUEUE_SIZE, prefetch

PATIENCE = 30  # seconds until a test gives up on another thread


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_the_order_of_the_items(workers: int) -> None:
    def work(item: int) -> int:
        time.sleep(0.002 * (item % 3))
        return item * item

    assert list(prefetch(work, range(40), workers=workers)) == [i * i for i in range(40)]


def test_the_next_results_are_made_before_they_are_asked_for() -> None:
    begun = [threading.Event() for _ in range(20)]

    def work(item: int) -> int:
        begun[item].set()
        return item

    results = prefetch(work, range(20), workers=1)

    assert not begun[0].is_set()
    assert next(results) == 0
    assert all(begun[i].wait(PATIENCE) for i in range(1 + QUEUE_SIZE))
    assert not begun[2 + QUEUE_SIZE].is_set()  # no further than that
    assert list(results) == list(range(1, 20))


def test_items_are_worked_on_at_the_same_time_by_as_many_workers() -> None:
    meeting = threading.Barrier(3)

    def work(item: int) -> int:
        meeting.wait(PATIENCE)  # passes only when three are here
        return item

    assert list(prefetch(work, range(9), workers=3)) == list(range(9))


def test_what_the_work_raises_is_raised_in_its_turn() -> None:
    def work(item: int) -> float:
        return 1 / (3 - item)

    results = prefetch(work, range(9), workers=2)

    assert [next(results) for _ in range(3)] == [1 / 3, 1 / 2, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert list(results) == []


@pytest.mark.parametrize("taken", [0, 1, 5])
def test_closing_early_leaves_no_thread_and_begins_nothing_more(taken: int) -> None:
    done: list[int] = []
    before = threading.active_count()
    results = prefetch(lambda item: done.append(item), range(1000), workers=2)
    for _ in range(taken):
        next(results)

    results.close()  # type: ignore[attr-defined]  # a generator

    assert threading.active_count() == before
    assert taken <= len(done) <= taken + QUEUE_SIZE + 2
