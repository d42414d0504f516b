"""How many threads the matrix products use, and whether that suits the machine."""

import math
import os
from pathlib import Path

from threadpoolctl import threadpool_info, threadpool_limits

QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of a container: microseconds allowed, of so many


def cores() -> int:
    """Processors this process may use at once, by its affinity and its container's quota."""
    allowed = getattr(os, "sched_getaffinity", None)
    count = len(allowed(0)) if allowed else os.cpu_count() or 1
    try:
        quota, period = QUOTA.read_text(encoding="ascii").split()
        return min(count, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError):  # no container, or "max": no quota
        return count


def limit(threads: int | None) -> str | None:
    """Use this many threads from now on; None leaves the library's choice, up to `cores`.

    Returns a warning when they are more than the processors, which slows products down.
    """
    available = cores()
    if threads is None and used() > available:
        threads = available
    if threads is not None:
        threadpool_limits(threads, user_api="blas")
    if used() > available:
        return f"{used()} threads on {available} processors slow each other down; use --threads"
    return None


def used() -> int:
    """Threads of the library of matrix products, as it is set now."""
    counts = [int(lib["num_threads"]) for lib in threadpool_info() if lib["user_api"] == "blas"]
    return max(counts, default=1)
