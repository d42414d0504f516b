"""One file's bytes from one place to a path: from the web, a folder or an archive.

The reading is ours, because a server that sends one byte a second, or is silent for ever, must not
hold a run, whichever part of its answer it dawdles over.
"""

import os
import re
import shutil
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue
from threading import Event, Thread
from typing import Any

import requests
import urllib3
from tqdm import tqdm

from mlpcli.data.registry import File
from mlpcli.terminal import is_live

TIMEOUT = 20.0  # seconds without an answer, or without a byte
SLOWEST = 1000.0  # bytes a second, on average, once TIMEOUT has passed
CHUNK = 1 << 16  # bytes
AHEAD = 16  # chunks that the network may be ahead of the disk


class Failed(Exception):
    """A file was not had; the text says why in a few words."""

    def __init__(self, reason: str, *, passing: bool = False, unreachable: bool = False) -> None:
        super().__init__(reason)
        self.passing = passing  # the same request may succeed in a moment
        self.unreachable = unreachable  # the host has nothing for the next file either


def download(url: str, file: File, target: Path) -> None:
    """Write what the address sends, as long as it is neither too slow nor too much."""
    bar = tqdm(
        desc=file.name,
        total=file.size,
        unit="B",
        unit_scale=True,
        leave=False,
        disable=not is_live(sys.stderr),
    )
    received = 0
    with target.open("wb") as out, bar:
        for chunk in _in_time(url):
            out.write(chunk)
            bar.update(len(chunk))
            received += len(chunk)
            if file.size is not None and received > file.size:
                raise Failed(f"sent more than the {file.size:,} bytes of the file")
        out.flush()
        os.fsync(out.fileno())


def copy(path: Path, target: Path) -> None:
    """Copy a file."""
    try:
        source = path.open("rb")
    except FileNotFoundError as err:
        raise Failed("no such file") from err
    except OSError as err:
        raise Failed(f"not readable: {err.strerror}") from err
    with source, target.open("wb") as out:
        shutil.copyfileobj(source, out)


def unzip(archive: Path, member: str, target: Path) -> None:
    """Write what an archive holds under the member's name."""
    try:
        with zipfile.ZipFile(archive) as zipped:
            if member not in zipped.namelist():
                raise Failed("no such file")
            with zipped.open(member) as source, target.open("wb") as out:
                shutil.copyfileobj(source, out)
    except zipfile.BadZipFile as err:
        raise Failed(f"damaged: {err}") from err


def _in_time(url: str) -> Iterator[bytes]:
    """What the address sends, in portions; raises Failed for an error, and when it dawdles.

    A thread reads, since no library limits the time of a whole answer: a server can send its
    headers a byte at a time as well.
    """
    parts: Queue[bytes | Failed] = Queue(AHEAD)
    over = Event()
    Thread(target=_read, args=(url, parts, over), daemon=True).start()
    started, received = time.monotonic(), 0
    try:
        while part := parts.get(timeout=TIMEOUT):
            if isinstance(part, Failed):
                raise part
            yield part
            received += len(part)
            elapsed = time.monotonic() - started
            if elapsed > TIMEOUT and received < SLOWEST * elapsed:
                raise _late()
    except Empty as err:
        raise _late() from err
    finally:
        over.set()
        with suppress(Empty):  # so that the thread can go on, and see that it is over
            while True:
                parts.get_nowait()


def _read(url: str, parts: Queue[bytes | Failed], over: Event) -> None:
    """Put what the address sends, then an empty portion; or what went wrong."""
    asked = {"Accept-Encoding": "identity"}  # else a server may unpack the .gz on the way
    try:
        with requests.get(url, stream=True, timeout=TIMEOUT, headers=asked) as response:
            response.raise_for_status()
            while (chunk := response.raw.read1(CHUNK)) and not over.is_set():
                parts.put(chunk)
        parts.put(b"")
    except requests.HTTPError as err:
        code, reason = err.response.status_code, err.response.reason
        parts.put(Failed(f"{code} {reason}", passing=code in (429, 500, 502, 503, 504)))
    except (requests.Timeout, urllib3.exceptions.TimeoutError):
        parts.put(_late())
    except requests.TooManyRedirects:
        parts.put(Failed("redirects in a circle", unreachable=True))
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as err:
        passing = not isinstance(err, ValueError)  # those of an address, here or in a redirection
        parts.put(Failed(_reason(err), passing=passing, unreachable=True))


def _late() -> Failed:
    return Failed("no answer, or too slow", passing=True, unreachable=True)


def _reason(err: Exception) -> str:
    """A network error in a few words."""
    cause: Any = err
    while (inner := getattr(cause, "reason", None) or next(iter(cause.args), None)) and isinstance(
        inner, Exception
    ):
        cause = inner
    told = str(cause).rpartition(": ")[2]  # urllib3 opens with the connection's repr
    return re.sub(r"^\[Errno -?\d+\] ", "", told) or type(err).__name__
