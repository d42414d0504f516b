"""`python -m tests.faults._call_server`: it runs a command of `mlp` for each line that it reads.

It has loaded everything, so that a command costs a fork. nth_call.c is preloaded, and lets a call
of the command on a folder fail. A line is the JSON of a request, and so is the answer.
"""

import ctypes
import json
import os
import select
import signal
import sys
from pkgutil import walk_packages
from typing import Any

import mlpcli
from mlpcli.__main__ import main
from mlpcli.data import registry
from mlpcli.data.registry import DatasetSpec, File

SECONDS = 60  # that a command may take


def serve() -> None:
    """Answer each request."""
    for module in walk_packages(mlpcli.__path__, "mlpcli."):
        if not module.name.endswith("__main__"):
            __import__(module.name)
    library = ctypes.CDLL(os.environ["LD_PRELOAD"])
    library.seen.restype = ctypes.c_char_p
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_answer(library, json.loads(line))) + "\n")
        sys.stdout.flush()


def _answer(library: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Status, output, errors and calls of a command; of one that died, a negative status."""
    files = [os.memfd_create(name) for name in ("out", "err", "calls")]
    pid = os.fork()
    if not pid:
        _run(library, request, *files)
    status = _wait(pid)
    texts = []
    for file in files:
        os.lseek(file, 0, os.SEEK_SET)
        texts.append(os.read(file, 1 << 20).decode())
        os.close(file)
    return dict(zip(("status", "out", "err", "calls"), (status, *texts), strict=True))


def _wait(pid: int) -> int:
    ended = os.pidfd_open(pid)
    if not select.select([ended], [], [], SECONDS)[0]:
        os.kill(pid, signal.SIGKILL)
    os.close(ended)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _run(library: Any, request: dict[str, Any], out: int, err: int, calls: int) -> None:
    """Become the command, and end with it."""
    status = 99
    try:
        for target, source in ((0, os.open(os.devnull, os.O_RDONLY)), (1, out), (2, err)):
            os.dup2(source, target)
        os.chdir(request["place"])
        os.environ |= request["env"]
        for name, files in request["published"].items():
            registry.DATASETS[name] = _spec(name, files)
        sys.argv = ["mlp", *request["words"]]
        library.watch(request["place"].encode(), request["n"], request["fate"])
        main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0
    finally:
        sys.stdout.flush()
        seen = library.seen()
        library.watch(b"", 0, 0)
        os.write(calls, seen)
        os._exit(status)


def _spec(name: str, files: dict[str, tuple[str, str, int]]) -> DatasetSpec:
    """A data set of these files, by what each is."""
    made = {what: File(*file) for what, file in files.items()}
    images = {"train": made["images"]}
    labels = {"train": made["labels"]}
    classes, archive = ("a", "b"), made.get("archive")
    return DatasetSpec(name, images, labels, {}, classes, (), "", "", archive=archive)


if __name__ == "__main__":
    serve()
