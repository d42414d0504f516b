"""The machine and the versions: what the bits of a result can depend on beside its settings."""

import os
import platform
import re
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

from mlpcli import __version__

STEERING = re.compile("(OPENBLAS|MKL|BLIS|VECLIB)_(?!NUM_THREADS)")  # how BLAS computes
CAUSES = (  # keys of `environment` that the bits of a result can depend on
    "mlpcli",
    "python",
    "numpy",
    "blas",
    "blas_architecture",
    "blas_settings",
    "threads",
    "cpu",
    "libc",
)

Environment = dict[str, Any]  # whose keys `environment` lists


def environment(threads: int) -> Environment:
    """What the bits of a result can depend on: versions, BLAS, threads, the processor."""
    blas = [lib for lib in threadpool_info() if lib["user_api"] == "blas"]
    return {
        "mlpcli": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "safetensors": version("safetensors"),
        "blas": [f"{lib['internal_api']} {lib['version']}" for lib in blas],
        "blas_architecture": [str(lib.get("architecture")) for lib in blas],
        "blas_settings": {k: v for k, v in sorted(os.environ.items()) if STEERING.match(k)},
        "threads": threads,
        "cpu": _processor(),
        "libc": " ".join(platform.libc_ver()),  # whose cosine is the schedule's
        "cores": os.cpu_count(),
        "platform": platform.platform(),
    }


def differing(parts: Iterable[Environment], now: Environment) -> dict[str, tuple[Any, Any]]:
    """By key, what some part of a run had otherwise than it is now: (then, now)."""
    return {
        key: (part[key], now[key])
        for key in CAUSES
        for part in parts
        if key in part and part[key] != now[key]
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next(
        (s.split(":", 1)[1].strip() for s in lines if s.startswith("model name")), "unknown"
    )
