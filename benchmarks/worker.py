"""Processes that measure on request, one a library, so that no thread pool disturbs another.

The parent sends a line of JSON that names a function of a module in `sides/` and its arguments;
the worker calls it and answers with the seconds it took and what it returned. Between two requests
a worker is stopped, with all its processes: threads and members that wait for work look for it in a
loop at first or now and then, and would take time from the side that is measured.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

ROOT = Path(__file__).parent.parent
# A kernel forced by the environment would measure that kernel, not the library: left out, so that
# each library chooses the one for this processor. results.json records which one ran.
FORCED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
# What keeps each library from instructions beyond AVX2. Each was seen to have an effect, except
# xla_cpu_max_isa, with which XLA's own code was as fast. No setting was found that limits YNNPACK,
# XLA's library of products; oneDNN takes its place. The cache of torch.compile is one of its own:
# with that of the other session, which holds code for AVX-512, the loss became NaN.
AVX2 = {
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "TORCHINDUCTOR_CACHE_DIR": str(Path(tempfile.gettempdir()) / "torchinductor-avx2"),
    "XLA_FLAGS": "--xla_cpu_max_isa=AVX2 --xla_cpu_experimental_ynn_fusion_type=",
}
limits: dict[str, str] = {}  # further variables of all children; `--isa avx2` sets them


class WorkerError(Exception):
    """A worker has failed; the text is the last it said."""


class Answer(NamedTuple):
    """What a worker says."""

    seconds: float
    result: Any


class Worker:
    """A process that runs the functions of one module in `sides/`; None of them runs at once."""

    def __init__(self, side: str) -> None:
        """Starts it; `missing` names the library that it lacks."""
        self.side = side
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", side],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=environment(),
            text=True,
            process_group=0,  # of the same session, so that the system ends it if we are killed
        )
        facts = self._answer()
        self.missing: str | None = facts["missing"]
        self.versions: dict[str, str] = facts["versions"]
        self.pools: list[dict[str, Any]] = facts["pools"]  # by threadpoolctl

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ends the process."""
        self._signal(signal.SIGCONT)
        self.process.__exit__(kind, error, trace)

    def ask(self, function: str, **arguments: Any) -> Answer:
        """Have the worker call a function of its side."""
        self.send(function, **arguments)
        return self.receive()

    def send(self, function: str, **arguments: Any) -> None:
        """Have the worker begin to call a function of its side."""
        assert self.process.stdin
        self._signal(signal.SIGCONT)
        self.process.stdin.write(json.dumps({"function": function, "arguments": arguments}) + "\n")
        self.process.stdin.flush()

    def receive(self) -> Answer:
        """What the function returned, when it has ended."""
        return Answer(**self._answer())

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise WorkerError(f"{self.side} ended with status {self.process.wait()}")
        self._signal(signal.SIGSTOP)
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer

    def _signal(self, number: signal.Signals) -> None:
        """Stop or continue all processes of the worker."""
        with suppress(ProcessLookupError):  # they have ended
            os.killpg(self.process.pid, number)


def say(text: str) -> None:
    """A line of progress."""
    sys.stderr.write(f"{text}\n")


def environment() -> dict[str, str]:
    """What children are started with."""
    return {name: text for name, text in os.environ.items() if name not in FORCED} | limits


def serve(side: str) -> None:
    """Answer requests until standard input ends."""
    from threadpoolctl import threadpool_info

    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer

    def tell(**facts: Any) -> None:
        answers.write(json.dumps(facts) + "\n")
        answers.flush()

    try:
        module = import_module(f"benchmarks.sides.{side}")
    except ImportError as err:
        tell(missing=err.name or side, versions={}, pools=[])
        return
    tell(
        missing=None,
        versions=module.VERSIONS,
        pools=[{k: v for k, v in pool.items() if k != "filepath"} for pool in threadpool_info()],
    )
    trainer = cache(module.Trainer)

    def epoch(variant: str, lr: float) -> float:
        return trainer(variant, 0).epoch(lr)

    def learn(variant: str, lr: float, seed: int, epochs: int) -> float:
        fresh = module.Trainer(variant, seed)
        for _ in range(epochs):
            fresh.epoch(lr)
        return fresh.accuracy()

    functions = {**vars(module), "epoch": epoch, "learn": learn}
    for line in sys.stdin:
        request = json.loads(line)
        started = time.perf_counter()
        try:
            result = functions[request["function"]](**request["arguments"])
        except Exception as err:  # a library may refuse a variant in any way
            tell(error=f"{type(err).__name__}: {err}".split("\n")[0])
        else:
            tell(seconds=time.perf_counter() - started, result=result)


if __name__ == "__main__":
    serve(sys.argv[1])
