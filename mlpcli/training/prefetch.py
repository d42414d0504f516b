"""Work done ahead of its use, in threads: NumPy lets other threads run while it computes."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

QUEUE_SIZE = 2  # results that may be ready before they are asked for, beside those under way

In = TypeVar("In")
Out = TypeVar("Out")


def prefetch(work: Callable[[In], Out], items: Iterable[In], *, workers: int) -> Iterator[Out]:
    """What `map(work, items)` gives, in its order, while the next results are being made.

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
