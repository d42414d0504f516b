"""Work prefetched in threads: NumPy lets other threads run while it computes."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

QUEUE_SIZE = 2  # results that may wait, besides those being computed

In = TypeVar("In")
Out = TypeVar("Out")


def prefetch(work: Callable[[In], Out], items: Iterable[In], *, workers: int) -> Iterator[Out]:
    """The results of `map(work, items)`, in order, while the next ones are computed.

    What `work` raises is raised when its result is asked for. No thread is left when the iterator
    has ended or is closed.
    """
    results: deque[Future[Out]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                results.append(pool.submit(work, item))
                if len(results) >= QUEUE_SIZE + workers:
                    yield results.popleft().result()
            while results:
                yield results.popleft().result()
        finally:
            for result in results:
                result.cancel()
