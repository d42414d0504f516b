"""Calls a learner's functions, in its own process.

Started by `grade`, by path: it imports nothing of this package, and returns its results as plain
JSON lines and arrays. Whatever the learner's file raises is caught here.
"""

import copy
import inspect
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, TextIO

import numpy as np

MAX_MESSAGE_LENGTH = 200  # characters
MAX_ARRAY_SIZE = 4_000_000  # entries; the largest right answer has 524,288
MAX_DEPTH = 4  # lists within lists, of arrays


class TimeUpError(BaseException):
    """The time limit was reached; no `except Exception` of the learner stops it."""


class UnusableError(Exception):
    """What a function returned is not made of numbers."""


class Runner:
    """The learner's file, what it is given, and the lines that report its results."""

    def __init__(self, job: dict[str, Any], folder: Path, out: TextIO) -> None:
        self.file: str = job["file"]
        self.job, self.folder, self.out = job, folder, out
        self.doing = "while it was read"
        with np.load(folder / "inputs.npz", allow_pickle=False) as arrays:
            self.arrays = dict(arrays)

    def run(self) -> None:
        """Read the file, then call each of its functions with the inputs in every form."""
        try:
            limit(self.job["memory"], self.job["timeout"])
            module = self.read()
            expected = self.job["functions"]
            defined = {name: f for name, f in vars(module).items() if callable(f)}
            functions = {name: defined[name] for name in expected if name in defined}
            own = [name for name in defined if not name.startswith("_")]
            self.report(event="defined", names=list(functions), others=own[:50])
            for number, form in enumerate(self.job["forms"]):
                self.call_all(functions, number, form)
            self.report(event="end")
        except BaseException as err:  # a learner's file can raise anything
            self.report(event="stopped", text=self.describe(err))

    def read(self) -> ModuleType:
        """The learner's file as a module; its folder is where it imports from."""
        sys.path.insert(0, os.path.dirname(os.path.abspath(self.file)))
        module = ModuleType("submission")
        module.__file__ = self.file
        sys.modules["submission"] = module
        with open(self.file, "rb") as source:
            code = compile(source.read(), self.file, "exec", dont_inherit=True)
        exec(code, vars(module))
        return module

    def call_all(
        self, functions: dict[str, Callable[..., Any]], number: int, form: dict[str, Any]
    ) -> None:
        """Every function once; what comes of grad_z3 is given to the functions after it."""
        inputs = self.inputs(form)
        given = "ours"
        for name, function in functions.items():
            if form["transposed"] and name != "backward":
                continue  # these functions are not given W
            self.doing = f"in {name}"
            words = self.job["functions"][name]
            args = [copy.deepcopy(inputs[word]) for word in words]
            self.report(event="calling", step=name)
            failure = result = None
            try:
                result = call(function, args, words)
                leaves = flat(result)
                np.savez(self.folder / f"{number}-{name}.npz", *leaves, allow_pickle=False)
            except TimeUpError:
                raise
            except UnusableError as err:
                failure = ("type", f"{name} {err}")
            except NotImplementedError:
                failure = ("not-done", f"{name}: not done yet")
            except BaseException as err:  # a learner's function can raise anything
                failure = ("error", f"{name}: {self.describe(err, function)}")
            changed = [w for w, a in zip(words, args, strict=True) if not same(a, inputs[w])]
            outcome = {"failure": failure, "changed": changed, "given": given}
            self.report(event="answer", form=number, step=name, **outcome)
            if name == "grad_z3" and failure is None and usable(leaves, inputs["h3"]):
                usable_type = isinstance(result, np.ndarray | list | tuple)
                inputs["grad_z3"], given = result if usable_type else leaves[0], "yours"

    def inputs(self, form: dict[str, Any]) -> dict[str, Any]:
        """Arguments by name, in the layout of the form."""
        a, examples = self.arrays, form["examples"]

        def arrange(v: Any) -> Any:
            v = v[:1] if form["single"] else v
            return np.array({"rows": v, "columns": v.T, "vector": v[0]}[examples])

        depth = sum(name.startswith("W") for name in a)
        params = [
            (
                np.ascontiguousarray(a[f"W{i}"].T) if form["transposed"] else a[f"W{i}"],
                a[f"b{i}"][:, None] if examples == "columns" else a[f"b{i}"],
            )
            for i in range(1, depth + 1)
        ]
        h, y = [arrange(a[f"h{i}"]) for i in range(depth + 1)], arrange(a["y"])
        grad_z = (h[-1] - y) / (1 if form["single"] else len(a["y"]))
        return {"params": params, "h": h, "h2": h[-2], "h3": h[-1], "y": y, "grad_z3": grad_z}

    def describe(self, err: BaseException, function: Callable[..., Any] | None = None) -> str:
        """One line: where in the learner's file, and what."""
        if isinstance(err, SyntaxError) and err.filename == self.file:
            return clean(f"{self.file}:{err.lineno}: {err.msg}")
        frames = traceback.extract_tb(err.__traceback__)
        own = [frame.lineno for frame in frames if frame.filename == self.file]
        if not own and (code := getattr(function, "__code__", None)):  # it could not be called
            own = [code.co_firstlineno]
        where = f"{self.file}:{own[-1]}" if own else self.file
        if isinstance(err, TimeUpError):
            what = f"still running after {self.job['timeout']} s, {self.doing}; see --timeout"
        elif isinstance(err, MemoryError):
            what = f"needs more memory than the {self.job['memory'] / 2**30:g} GiB it is given"
        elif isinstance(err, SystemExit):
            what = "ends the program, with sys.exit or the like"
        else:
            what = traceback.format_exception_only(err)[-1]
        return clean(f"{where}: {what}")

    def report(self, **facts: Any) -> None:
        """One line of JSON for the process that started this one."""
        self.out.write(json.dumps(facts) + "\n")
        self.out.flush()


def limit(memory: int, timeout: int) -> None:
    """Memory in bytes, time in seconds; each where the platform can."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        most = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    if hasattr(signal, "setitimer"):

        def stop(number: int, frame: FrameType | None) -> None:
            raise TimeUpError

        signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, timeout)


def call(function: Callable[..., Any], args: list[Any], words: list[str]) -> Any:
    """In the order of the function's parameters where they have the expected names."""
    try:
        parameters = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        parameters = []
    if sorted(parameters) == sorted(words):
        args = [args[words.index(word)] for word in parameters]
    return function(*args)


def flat(value: Any, depth: int = 0) -> list[Any]:
    """The arrays in a result of lists, tuples and dicts, in order. Raises UnusableError."""
    if value is None:
        raise UnusableError("returns None; is its `return` missing?")
    if isinstance(value, Iterator):
        value = list(value)
    if isinstance(value, list | tuple) and len(value) == 1 and isinstance(value[0], np.ndarray):
        value = value[0]
    if isinstance(value, dict):
        value = list(value.values())
    else:
        try:
            array = np.asarray(value)
        except ValueError:  # arrays of different shapes: a list of them
            array = np.empty(0, dtype=object)
        if array.dtype.kind in "biuf":
            if array.size > MAX_ARRAY_SIZE:
                raise UnusableError(f"returns an array of shape {array.shape}")
            return [array]
        if array.dtype != object:
            raise UnusableError(f"returns values of type {array.dtype.name}, not real numbers")
        if isinstance(value, np.ndarray):
            value = list(value) if value.ndim else value.item()
    if not isinstance(value, list | tuple) or depth == MAX_DEPTH:
        raise UnusableError(f"returns a value of type {type(value).__name__!r}, not numbers")
    return [leaf for item in value for leaf in flat(item, depth + 1)]


def usable(leaves: list[Any], like: Any) -> bool:
    """Whether a grad_z3 can be given to the next function; from zeros, zero follows."""
    if len(leaves) != 1 or leaves[0].size != like.size:
        return False
    return bool(np.isfinite(leaves[0]).all() and leaves[0].any())


def same(a: Any, b: Any) -> bool:
    """Whether an argument is as it was before the call."""
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(np.array_equal(a, b))


def clean(text: str) -> str:
    """One line, short, without control characters."""
    line = "".join(c if c.isprintable() else " " for c in text)
    line = " ".join(line.split())
    return line if len(line) <= MAX_MESSAGE_LENGTH else line[: MAX_MESSAGE_LENGTH - 3] + "..."


def main(folder: Path) -> None:
    """The job in a folder, its outcome beside it."""
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    with open(folder / "outcome.jsonl", "w", encoding="utf-8") as out:
        Runner(job, folder, out).run()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(0)  # a thread that the learner left behind would keep the process alive


if __name__ == "__main__":
    main(Path(sys.argv[1]))
