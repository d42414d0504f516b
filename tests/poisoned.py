"""`python -m tests.poisoned`: every command that reads, given data that holds code.

Prints, as JSON, what Python's audit hook saw of code that was loaded or programs that were started.
"""

import io
import json
import os
import pickle
import struct
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np

import mlpcli
from tests.cli.outcome import call
from tests.faults.formats import FORMATS, arrays, lay, npz

TRACE = "trace"  # the folder that the code would make
STARTS = ("os.exec", "os.fork", "os.posix_spawn", "os.system", "pty.spawn", "subprocess.Popen")
LOADS = ("pickle.find_class", "marshal.loads", "code.__new__", "ctypes.dlopen")
OURS = (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), *mlpcli.__path__, "<frozen ")


class Code:
    """What runs when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (TRACE,)


def poisoned() -> Iterator[tuple[str, bytes]]:
    """A format and the bytes that pass for it, each with code that would make a folder."""
    pickled = pickle.dumps(Code())
    objects = np.array([Code()] * 9, dtype=object)
    for name in ("x_test", "y_test", "y_train", "classes"):
        np.savez(out := io.BytesIO(), allow_pickle=True, **(arrays() | {name: objects}))
        yield "npz", out.getvalue()
    np.save(out := io.BytesIO(), objects, allow_pickle=True)
    for data in (pickled, out.getvalue(), npz(arrays()).replace(b"|u1", b"|O ")):
        yield "npz", data
    header = f"{{'descr': __import__('os').mkdir('{TRACE}'), 'shape': ()}}\n".encode()
    array = b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header
    with zipfile.ZipFile(out := io.BytesIO(), "w") as zipped:  # as PyTorch packs a pickle, too
        zipped.writestr("x_test.npy", array)
        zipped.writestr("archive/data.pkl", pickled)
    for name in FORMATS:
        yield name, pickled
        yield name, out.getvalue()
        yield name, f"import os; os.mkdir('{TRACE}')".encode()
    for tag in ("object/apply:os.mkdir", "object/new:os.mkdir", "object/apply:builtins.eval"):
        yield "YAML", f"seed: !!python/{tag} ['{TRACE}']".encode()
    yield "YAML", f"!!python/object/apply:os.mkdir\nargs: ['{TRACE}']".encode()
    script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 6 6\n%%EndComments\n(trace) (w) file\n"
    yield "picture", script


def main() -> None:
    """Read right files, so that all that reading needs is imported, then poisoned ones."""
    place = Path(sys.argv[1])
    os.chdir(place)
    lay(place)
    seen: list[str] = []
    armed = False

    def hook(event: str, values: tuple[object, ...]) -> None:
        if not armed:
            return
        if event in STARTS or event in LOADS:
            seen.append(f"{event} {values!r:.200}")
        if event == "exec":
            code = values[0]
            assert isinstance(code, CodeType)
            if not code.co_filename.startswith(OURS):
                seen.append(f"exec {code.co_filename}")

    sys.addaudithook(hook)
    kept = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    files = [(name, FORMATS[name].right(place)[0]) for name in FORMATS]
    statuses: list[int] = []
    for name, data in [*files, *poisoned()]:
        armed = len(statuses) >= len(files)
        (place / FORMATS[name].path).write_bytes(data)
        statuses.append(max(call(*each.split()).status for each in FORMATS[name].commands))
        for path, data in kept.items():
            path.write_bytes(data)
    facts: dict[str, Any] = {
        "right": statuses[: len(files)],
        "wrong": statuses[len(files) :],
        "seen": seen.copy(),
        "trace": Path(TRACE).exists(),
    }
    pickle.loads(pickle.dumps(Code()))
    sys.stdout.write(json.dumps(facts | {"control": seen[len(facts["seen"]) :]}))


if __name__ == "__main__":
    main()
