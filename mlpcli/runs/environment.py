"""The machine and the versions, on which the exact result can depend besides the settings."""

import os
import platform
import re
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from threadpoolctl import threadpool_info

from mlpcli.version import __version__

BLAS_VARIABLE = re.compile("(OPENBLAS|MKL|BLIS|VECLIB)_(?!NUM_THREADS)")  # how BLAS computes
IRRELEVANT = {"safetensors", "cores", "platform"}  # fields that no result depends on


class Environment(BaseModel):
    """Versions, BLAS, threads, the processor; of an edited record, some may be missing."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False, frozen=True)

    mlpcli: str
    python: str
    numpy: str
    safetensors: str = ""
    blas: tuple[str, ...] = ()  # name and version
    blas_architecture: tuple[str, ...] = ()  # the kernel that OpenBLAS chose
    blas_settings: dict[str, str] = {}  # environment variables
    threads: int = Field(ge=1)
    cpu: str
    libc: str = ""  # whose cosine is the schedule's
    cores: int | None = None
    platform: str = ""

    def as_dict(self) -> dict[str, Any]:
        """What was recorded, by its key."""
        return self.model_dump(mode="json", exclude_unset=True)


def blas_threads() -> int:
    """The threads that the matrix library of this process may use."""
    return max((lib["num_threads"] for lib in _blas()), default=1)


def environment(threads: int) -> Environment:
    """The environment of this process, with so many threads for a training."""
    blas = _blas()
    return Environment(
        mlpcli=__version__,
        python=platform.python_version(),
        numpy=np.__version__,
        safetensors=version("safetensors"),
        blas=tuple(f"{lib['internal_api']} {lib['version']}" for lib in blas),
        blas_architecture=tuple(str(lib.get("architecture")) for lib in blas),
        blas_settings={k: v for k, v in sorted(os.environ.items()) if BLAS_VARIABLE.match(k)},
        threads=threads,
        cpu=_processor(),
        libc=" ".join(platform.libc_ver()),
        cores=os.cpu_count(),
        platform=platform.platform(),
    )


def differences(parts: Iterable[Environment], now: Environment) -> dict[str, tuple[Any, Any]]:
    """What can change a result and was different for some part of a run, by key: (then, now)."""
    here = now.as_dict()
    return {
        key: (then[key], here[key])
        for key in Environment.model_fields
        if key not in IRRELEVANT
        for then in (part.as_dict() for part in parts)
        if key in then and then[key] != here[key]
    }


def _blas() -> list[dict[str, Any]]:
    return [lib for lib in threadpool_info() if lib["user_api"] == "blas"]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, "unknown")
