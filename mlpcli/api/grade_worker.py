"""Calls a learner's functions, in its own process.

Started by `grade`, by path: it imports nothing of this package, and sends its results as lines of
JSON and the bytes of arrays. Whatever the learner's file raises is caught here.
"""

import copy
import inspect
import json
import os
import re
import signal
import site
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, BinaryIO

import numpy as np

MAX_TEXT = 200  # characters of a message
MAX_SIZE = 4_000_000  # numbers in a result; the largest right one is half of it
MAX_MAGNITUDE = 1e100  # of an entry of a grad_z3 that is given to the next function
MAX_ARRAYS = 200  # in a result
MAX_DEPTH = 4  # lists within lists, of arrays
MAX_FILE_SIZE = 16 << 20  # bytes that the learner's file may write into one file
# events of the interpreter that start a process, or reach into another one
FOREIGN = {"os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system"}
FOREIGN |= {"subprocess.Popen", "os.killpg", "ctypes.dlopen", "ctypes.dlsym"}
FOREIGN |= {"os.link", "os.symlink"}  # another name for a file that may not be opened
FORBIDDEN = "a graded file may not open mlpcli, start processes or reach into others"

Send = Callable[[dict[str, Any], list[Any]], None]


class TimeUpError(BaseException):
    """The time limit was reached; no `except Exception` of the learner stops it."""


class UnusableError(Exception):
    """What a function returned is not made of numbers."""


class Runner:
    """The learner's file, what it is given, and where its results go."""

    def __init__(self, job: dict[str, Any], arrays: dict[str, Any], send: Send) -> None:
        self.file: str = job["file"]
        self.job, self.arrays, self.send = job, arrays, send

    def run(self) -> None:
        """Read the file, then call each of its functions with the inputs in every layout."""
        try:
            limit(self.job["memory"], self.job["timeout"])
            forbid(self.job["package"])
            module = self.read()
            expected = self.job["functions"]
            defined = {name: f for name, f in vars(module).items() if callable(f)}
            functions = {name: defined[name] for name in expected if name in defined}
            own = [clean(name) for name in defined if not name.startswith("_")]
            self.send({"event": "defined", "names": list(functions), "others": own[:50]}, [])
            for layout in self.job["layouts"]:
                self.call_all(functions, layout)
            self.send({"event": "end"}, [])
        except BaseException as err:  # a learner's file can raise anything
            line, text = self.describe(err)
            with suppress(OSError):  # nobody listens any more
                self.send({"event": "stopped", "line": line, "text": text}, [])

    def read(self) -> ModuleType:
        """The learner's file as a module; its folder is where it imports from."""
        sys.path.insert(0, os.path.dirname(self.job["path"]))
        module = ModuleType("submission")
        module.__file__ = self.job["path"]
        sys.modules["submission"] = module
        with open(self.job["path"], "rb") as source:
            code = compile(source.read(), self.file, "exec", dont_inherit=True)
        exec(code, vars(module))
        return module

    def call_all(self, functions: dict[str, Callable[..., Any]], layout: dict[str, Any]) -> None:
        """Every function once; what comes of grad_z3 is given to the functions after it."""
        inputs = self.inputs(layout)
        own_grad_z3, last = False, f"grad_z{self.depth}"
        for name, function in functions.items():
            whole = name in ("backward", "update")
            if layout["transposed"] and not whole:
                continue  # these functions are not given W
            lists = ("params", "h", "z", "lr")
            known = {k: v for k, v in inputs.items() if whole or k not in lists}
            words, by_name = arguments(function, self.job["functions"][name], known)
            args = copy.deepcopy([known[word] for word in words])
            call_of = {"step": name, "layout": layout["number"]}
            self.send({"event": "calling", **call_of}, [])
            kind, text, line = "", "", None
            leaves: list[tuple[str, Any]] = []
            try:
                if by_name:
                    result = function(**dict(zip(words, args, strict=True)))
                else:
                    result = function(*args)
                if name == "update" and result is None and "params" in words:
                    result = args[words.index("params")]  # changed in place
                leaves = numbers(result)
            except TimeUpError:
                raise
            except UnusableError as err:
                kind, text = "type", clean(str(err))
            except NotImplementedError:
                kind, text = "not-done", "not done yet"
            except BaseException as err:  # a learner's function can raise anything
                line, text = self.describe(err, function)
                kind = "error"
            changed = [w for w, a in zip(words, args, strict=True) if not same(a, known[w])]
            outcome = {"kind": kind, "line": line, "text": text, "changed": changed[:3]}
            self.send({"event": "answer", **call_of, **outcome, "own_grad_z3": own_grad_z3}, leaves)
            if name == last and not kind and usable(leaves, inputs["y"]):
                usable_type = isinstance(result, np.ndarray | list | tuple)
                inputs[last] = result if usable_type else leaves[0][1]
                own_grad_z3 = True

    @property
    def depth(self) -> int:
        """The number of layers with weights."""
        return sum(name.startswith("W") for name in self.arrays)

    def inputs(self, layout: dict[str, Any]) -> dict[str, Any]:
        """Arguments by name, in a layout."""
        a, examples, depth = self.arrays, layout["examples"], self.depth

        def arrange(v: Any) -> Any:
            v = v[:1] if layout["single"] else v
            return np.array({"rows": v, "columns": v.T, "vector": v[0]}[examples])

        weights = {}
        for i in range(1, depth + 1):
            W, b = a[f"W{i}"], a[f"b{i}"]
            if self.job["bias"]:
                order = [b[None], W] if self.job["bias"] == "first" else [W, b[None]]
                W = np.concatenate(order)
            weights[f"W{i}"] = np.ascontiguousarray(W.T) if layout["transposed"] else W
            weights[f"b{i}"] = b[:, None] if examples == "columns" else b
        h = {f"h{i}": arrange(a[f"h{i}"]) for i in range(depth + 1)}
        z = {f"z{i}": arrange(a[f"z{i}"]) for i in range(1, depth + 1)}
        labels = a["y"].argmax(axis=1)
        labels = labels[:1] if layout["single"] else labels
        y = arrange(a["y"])
        grad_z = (h[f"h{depth}"] - y) / (1 if layout["single"] else len(labels))
        pairs = [(weights[f"W{i}"], weights[f"b{i}"]) for i in range(1, depth + 1)]
        return {
            **{**weights, **h, **z},
            "params": [W for W, _ in pairs] if self.job["bias"] else pairs,
            "h": [*h.values()],
            "z": [*z.values()],
            "x": h["h0"],
            "y": y,
            "labels": labels[0] if examples == "vector" else labels,
            "lr": self.job["lr"],
            f"grad_z{depth}": grad_z,
        }

    def describe(
        self, err: BaseException, function: Callable[..., Any] | None = None
    ) -> tuple[int | None, str]:
        """The line of the learner's file, and what happened there, in one line of text."""
        if isinstance(err, SyntaxError) and err.filename == self.file:
            return err.lineno, clean(str(err.msg))
        frames = traceback.walk_tb(err.__traceback__)
        lines = [line for frame, line in frames if frame.f_code.co_filename == self.file]
        if isinstance(err, SyntaxError) and err.filename:  # in a file that is imported
            where = f"{os.path.basename(err.filename)}, line {err.lineno}"
            return lines[-1] if lines else None, clean(f"{where}: {err.msg}")
        if not lines and (code := getattr(function, "__code__", None)):  # it could not be called
            lines = [code.co_firstlineno]
        if isinstance(err, TimeUpError):
            what = f"still running after {self.job['timeout']} s"
        elif isinstance(err, MemoryError):
            what = f"needs more memory than the {self.job['memory'] / 2**30:g} GiB it is given"
        elif isinstance(err, SystemExit):
            what = "ends the program, with sys.exit or the like"
        else:
            what = traceback.format_exception_only(err)[-1]
        return lines[-1] if lines else None, clean(what)


def limit(memory: int, timeout: int) -> None:
    """Memory in bytes, time in seconds, file size, no further process: where the platform can."""
    with suppress(ImportError):
        import resource

        limits = {"AS": memory, "FSIZE": MAX_FILE_SIZE, "CORE": 0, "NPROC": 0, "CPU": timeout + 2}
        for name, value in limits.items():
            with suppress(OSError, ValueError, AttributeError):
                number = getattr(resource, f"RLIMIT_{name}")
                hard = resource.getrlimit(number)[1]
                most = value if hard == resource.RLIM_INFINITY else min(value, hard)
                resource.setrlimit(number, (most, most))
    if hasattr(signal, "setitimer"):

        def stop(number: int, frame: FrameType | None) -> None:
            raise TimeUpError

        signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, timeout)


def forbid(package: str) -> None:
    """Refuse to open this package or another process's files, to start processes or signal others.

    A hook for audit events keeps honest mistakes and simple tricks out. It is no sandbox.
    """
    own, resolve, fsdecode, is_folder = os.getpid(), os.path.realpath, os.fsdecode, os.path.isdir

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event == "open" and not isinstance(args[0], int):
            path = fsdecode(args[0])
            for each in (path, resolve(path)):
                process = re.match(r"/proc/(\d+)", each)
                if each.startswith(package + os.sep) or (process and int(process[1]) != own):
                    raise PermissionError(FORBIDDEN)
            if is_folder(path):  # whose files could be opened by its descriptor
                raise PermissionError(FORBIDDEN)
        elif event in FOREIGN or (event == "os.kill" and args[0] != own):
            raise PermissionError(FORBIDDEN)

    sys.addaudithook(hook)


def arguments(
    function: Callable[..., Any], words: list[str], known: dict[str, Any]
) -> tuple[list[str], bool]:
    """The arguments that a function is given, and whether by name.

    words: in the order in which they are given where its parameters have other names.
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return words, False
    named = [p for p in parameters if p.kind is not p.VAR_KEYWORD]
    by_name = all(p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) for p in named)
    needed = [p.name for p in named if p.default is p.empty]
    if by_name and needed and all(name in known for name in needed):
        return needed, True
    return words, False


def numbers(value: Any) -> list[tuple[str, Any]]:
    """The arrays in a result, each with its name, in float64 or float32. Raises UnusableError."""
    leaves = []
    for name, array in flat(value):
        float32 = array.dtype == np.float32
        leaves.append((name, np.asarray(array, dtype="<f4" if float32 else "<f8")))
    if len(leaves) > MAX_ARRAYS or sum(array.size for _, array in leaves) > MAX_SIZE:
        raise UnusableError(f"returns too much: {len(leaves)} arrays")
    return leaves


def flat(value: Any, name: str = "", depth: int = 0) -> list[tuple[str, Any]]:
    """The arrays in a result of lists, tuples and dicts, in order. Raises UnusableError.

    The name of an array is made of the keys of the dicts that it is in, separated by dots.
    """
    if value is None:
        raise UnusableError("returns None; is its `return` missing?")
    if isinstance(value, Iterator):
        value = list(value)
    if isinstance(value, list | tuple) and len(value) == 1 and isinstance(value[0], np.ndarray):
        value = value[0]
    if isinstance(value, dict):
        if depth == MAX_DEPTH:
            raise UnusableError("returns dicts that are nested too deep")
        named = [(f"{name}.{key}".strip("."), item) for key, item in value.items()]
        return [leaf for key, item in named for leaf in flat(item, key, depth + 1)]
    try:
        array = np.asarray(value)
    except ValueError:  # arrays of different shapes: a list of them
        array = np.empty(0, dtype=object)
    if array.dtype.kind in "biuf":
        if array.size > MAX_SIZE or array.ndim > 8:
            raise UnusableError(f"returns an array of shape {array.shape}")
        return [(clean(name), array)]
    if array.dtype != object:
        raise UnusableError(f"returns values of type {array.dtype.name}, not real numbers")
    if isinstance(value, np.ndarray):
        value = list(value) if value.ndim else value.item()
    if not isinstance(value, list | tuple) or depth == MAX_DEPTH:
        raise UnusableError(f"returns a value of type {type(value).__name__!r}, not numbers")
    return [leaf for item in value for leaf in flat(item, name, depth + 1)]


def usable(leaves: list[tuple[str, Any]], like: Any) -> bool:
    """Whether a grad_z3 can be given to the next function; from zeros, zero follows."""
    if len(leaves) != 1 or leaves[0][1].size != like.size:
        return False
    return 0 < float(np.abs(leaves[0][1]).max()) <= MAX_MAGNITUDE


def same(a: Any, b: Any) -> bool:
    """Whether an argument is as it was before the call."""
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    try:
        return bool(np.array_equal(a, b))
    except Exception:  # what a learner puts into a list may compare in any way
        return False


def clean(text: str) -> str:
    """One line, short, without control characters."""
    line = "".join(c if c.isprintable() else " " for c in text[: 20 * MAX_TEXT])
    line = " ".join(line.split())
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT - 3] + "..."


def sender(out: BinaryIO) -> Send:
    """Writes a message: a line of JSON, then the bytes of its arrays."""

    def send(facts: dict[str, Any], arrays: list[tuple[str, Any]]) -> None:
        heads = [{"name": n, "dtype": a.dtype.str, "shape": a.shape} for n, a in arrays]
        out.write(json.dumps(facts | {"arrays": heads}).encode() + b"\n")
        for _, array in arrays:
            out.write(array.tobytes())
        out.flush()

    return send


def main() -> None:
    """The job in the working folder; its results go to standard output."""
    job = json.loads(Path("job.json").read_text(encoding="utf-8"))
    sys.path.remove(job["packages"])  # where NumPy is from: nothing else there can be imported
    del os.environ["PYTHONPATH"]
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the learner's file prints is no result
    site.setquit()  # exit() and quit(), which `python -S` leaves out
    with np.load("inputs.npz", allow_pickle=False) as arrays:
        Runner(job, dict(arrays), sender(out)).run()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(0)  # a thread that the learner left behind would keep the process alive


if __name__ == "__main__":
    main()
