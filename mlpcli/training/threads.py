"""How many threads a training uses, and whether that suits the machine."""

import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from threadpoolctl import threadpool_limits

from mlpcli.nn.team import Kind, Team, has_lock

QUOTA_FILE = Path("/sys/fs/cgroup/cpu.max")  # of a container: microseconds allowed, of so many
MIN_IMAGES_PER_THREAD = 32  # with fewer, a matrix product hardly pays


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
    text = f"{threads} threads on {available} processors slow each other down; use --threads"
    return text if threads > available else None


@contextmanager
def step_team(threads: int, *, batch_size: int) -> Iterator[Team]:
    """At most so many members, which share the steps of a training on such batches.

    Meanwhile the matrix library has one thread: the members call it side by side.
    """
    size = max(1, min(threads, batch_size // MIN_IMAGES_PER_THREAD))
    kind: Kind = "process" if sys.platform == "linux" and has_lock() else "thread"
    with threadpool_limits(1, user_api="blas"), Team(size, kind=kind) as team:
        yield team
