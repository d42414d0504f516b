"""A process that is not trusted: its messages and its output, bounded, and its end, on time."""

import codecs
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import IO, NamedTuple

from mlpcli.api.grade_results import GarbledError, Message, messages
from mlpcli.terminal import printable

GRACE_PERIOD = 2  # seconds for the process to start, and to report its time limit
DRAIN_PERIOD = 0.5  # seconds to read what is left; a process that got away may hold the pipe open
MAX_OUTPUT = 64 << 10  # bytes of what it prints that are shown
# what Python needs to start; no variable of the user's beyond, which may hold a secret
ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "SYSTEMROOT", "TZ")


class Outcome(NamedTuple):
    """What a process sent, and how it ended."""

    messages: list[Message]
    status: int | None  # exit status, negative for a signal; None if it had to be stopped
    garbled: bool  # whether it sent something else, and was stopped therefore


def run(script: str, folder: Path, *, packages: str, timeout: int) -> Outcome:
    """The outcome of a Python script that runs in a folder and sends messages.

    packages: the folder that it may import from at its start. timeout: seconds.
    """
    environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    environment |= {"HOME": str(folder), "TMPDIR": str(folder), "PYTHONPATH": packages}
    environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # each takes memory
    process = subprocess.Popen(
        [sys.executable, "-P", "-S", "-B", "-X", "utf8", script],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,  # so that its children end with it
    )
    found: list[Message] = []
    garbled: list[bool] = []
    readers = [
        Thread(target=_receive, args=(process, found, garbled), daemon=True),
        Thread(target=_show, args=(process.stderr,), daemon=True),
    ]
    status = None
    try:
        for reader in readers:
            reader.start()
        with suppress(subprocess.TimeoutExpired):
            status = process.wait(timeout + GRACE_PERIOD)
    finally:
        _kill(process)
        for reader in readers:
            reader.join(DRAIN_PERIOD if status is None else GRACE_PERIOD)
    return Outcome([*found], status, bool(garbled))


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the process, and all that it started in its session."""
    with suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


def _receive(process: subprocess.Popen[bytes], found: list[Message], garbled: list[bool]) -> None:
    """Mutates found and garbled; ends the process at the first wrong message."""
    assert process.stdout
    with process.stdout as stream:
        try:
            for message in messages(stream):
                found.append(message)  # one by one: what came before a wrong one is kept
        except GarbledError:
            garbled.append(True)
            process.kill()


def _show(stream: IO[bytes]) -> None:
    """Copy what the process prints to standard error, escaped, up to MAX_OUTPUT bytes."""
    decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
    left = MAX_OUTPUT
    with stream:
        while data := os.read(stream.fileno(), 1 << 16):
            text = printable(decoder.decode(data[: max(left, 0)]))
            if 0 <= left < len(data):
                text += (
                    f"\n... (more than {MAX_OUTPUT >> 10} KiB of output; the rest is left out)\n"
                )
            left -= len(data)
            if sys.__stderr__ and text:
                with suppress(OSError, ValueError):
                    os.write(sys.__stderr__.fileno(), text.encode())
