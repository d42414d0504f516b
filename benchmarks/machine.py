"""What the machine is and how quiet it was: its matrix kernel, its speed, the time others took."""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.worker import Worker
from mlpcli.training.threads import cores

SHAPES = ((1024, 1024, 1024), (128, 634, 512))  # of a large product, and of the step's largest
STAT = Path("/proc/stat")  # Linux: the time of all processors since the start, in jiffies


class Moment(NamedTuple):
    """Load average over a minute, and jiffies so far: all, idle ones, stolen by other machines."""

    load: float
    total: int = 0
    idle: int = 0
    steal: int = 0


def now() -> Moment:
    """The state of the machine; without /proc, the load alone."""
    load = os.getloadavg()[0]
    if not STAT.exists():
        return Moment(load)
    jiffies = [int(word) for word in STAT.read_text().split("\n")[0].split()[1:9]]
    return Moment(load, sum(jiffies), jiffies[3], jiffies[7])


def speed() -> dict[str, dict[str, float]]:
    """GFLOP/s of float32 products by shape: by numbers of threads, and by processes side by side.

    Each of the processes, of which there are as many as cores, computes in one thread.
    """
    found = {}
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker("products")) for _ in range(cores())]
        for shape in SHAPES:
            rates = {}
            for threads in sorted({1, cores()}):
                name = f"{threads} thread{'s' * (threads > 1)}"
                rates[name] = workers[0].ask("rate", shape=shape, threads=threads).result
            for worker in workers:
                worker.send("rate", shape=shape, threads=1)
            together = [worker.receive().result for worker in workers]
            rates[f"{len(workers)} processes"] = sum(together)
            found["x".join(map(str, shape))] = {name: round(rate) for name, rate in rates.items()}
    return found


def kernel() -> str:
    """The OpenBLAS kernel of the children."""
    with Worker("ours") as ours:
        return str(ours.ask("environment").result["blas_architecture"][0])


def facts(before: Moment, after: Moment) -> dict[str, Any]:
    """For results.json: how busy the machine was meanwhile, as percentages of its time."""
    total = max(1, after.total - before.total)
    return {
        "load": {"before": before.load, "after": after.load},
        "idle": round(100 * (after.idle - before.idle) / total, 1),
        "steal": round(100 * (after.steal - before.steal) / total, 1),
    }


def as_text(results: dict[str, Any]) -> str:
    """Kernel, speed and how busy the machine was, in sentences."""
    where = results["environment"]
    speeds = "; ".join(
        f"{shape}: " + ", ".join(f"{rate} with {name}" for name, rate in rates.items())
        for shape, rates in results["gflops"].items()
    )
    load = results["load"]
    return (
        f"OpenBLAS kernel {', '.join(where['blas_architecture'])}. GFLOP/s of float32 products of "
        f"{speeds}. Load average {load['before']:.1f} before and {load['after']:.1f} after; "
        f"{results['steal']}% of the processors' time was stolen by other machines, "
        f"{results['idle']}% was idle."
    )


def is_avx512(architecture: str) -> bool:
    """Whether an OpenBLAS kernel uses AVX-512."""
    return architecture in {"SkylakeX", "Cooperlake", "SapphireRapids"}
