"""How many cores a training uses, and the members that share its steps."""

import math
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from threadpoolctl import threadpool_limits

from mlpcli.nn.team import Kind, Team, has_lock

QUOTA_FILE = Path("/sys/fs/cgroup/cpu.max")  # of a container: microseconds allowed, of so many
# A member has enough to do with so many rows of a batch, or with fewer of a network with so many
# weights; below, meeting the others costs what it saves (docs/performance.md, "More cores").
ROWS = 32
MIN_ROWS = 8
MIN_PRODUCTS = 1 << 20  # rows times weights


def cores() -> int:
    """Processors this process may use at once, by its affinity and its container's quota."""
    allowed = getattr(os, "sched_getaffinity", None)
    count = len(allowed(0)) if allowed else os.cpu_count() or 1
    try:
        quota, period = QUOTA_FILE.read_text(encoding="ascii").split()
        return max(1, min(count, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # no container, or "max": no quota
        return count


def oversubscribed(threads: int) -> str | None:
    """A warning when there are more threads than processors, which slows all of them down."""
    available = cores()
    processors = f"{available} processor{'s' * (available > 1)}"
    text = f"{threads} threads on {processors} slow each other down; use --threads"
    return text if threads > available else None


@contextmanager
def step_team(threads: int, *, batch_size: int, weights: int) -> Iterator[Team]:
    """At most so many members, which share the steps of a training on such batches.

    weights: of the network. Meanwhile the matrix library has one thread: the members call it side
    by side.
    """
    kind: Kind = "process" if sys.platform == "linux" and has_lock() else "thread"
    size = members(threads, batch_size=batch_size, weights=weights)
    with one_blas_thread(), Team(size, kind=kind) as team:
        yield team


def members(threads: int, *, batch_size: int, weights: int) -> int:
    """How many of at most so many threads pay for a step.

    >>> [members(16, batch_size=size, weights=658_698) for size in (1, 32, 128)]
    [1, 4, 16]
    >>> members(16, batch_size=32, weights=1000), members(10**12, batch_size=128, weights=658_698)
    (1, 16)
    """

    def pays(size: int) -> bool:
        rows = batch_size // size
        return rows >= ROWS or (rows >= MIN_ROWS and rows * weights >= MIN_PRODUCTS)

    most = min(threads, batch_size // MIN_ROWS)  # so that no large number takes time
    return next((size for size in range(most, 1, -1) if pays(size)), 1)


def one_blas_thread() -> AbstractContextManager[object]:
    """While this lasts, the matrix library uses the thread that calls it."""
    return threadpool_limits(1, user_api="blas")
