"""Copies the bytes of one file to a path, from the web, a folder or an archive.

The three functions are downloaders as pooch defines them; the last argument, pooch's own, is not
used.
"""

import re
import shutil
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, Queue
from threading import Event, Thread
from typing import IO, Any

import requests
import urllib3
from tqdm import tqdm

from mlpcli import atomic, files
from mlpcli.data.registry import File
from mlpcli.terminal import is_live, last_line

TIMEOUT = 20.0  # seconds without an answer, or without a byte
MIN_SPEED = 1000.0  # bytes a second, on average, once TIMEOUT has passed
CHUNK_SIZE = 1 << 16  # bytes
QUEUE_SIZE = 16  # chunks that the network may be ahead of the disk
RETRYABLE_STATUS = (429, 500, 502, 503, 504)


class DownloadError(Exception):
    """A file could not be copied; the text gives the reason in a few words."""

    def __init__(self, reason: str, *, retryable: bool = False, unreachable: bool = False) -> None:
        super().__init__(reason)
        self.retryable = retryable  # the same request may succeed in a moment
        self.unreachable = unreachable  # the host will not send the next file either


def from_web(url: str, target: str, _pooch: object, *, file: File) -> None:
    """Download a file; raises DownloadError also if it comes too slowly or is too large."""
    bar = tqdm(
        desc=file.name,
        total=file.size,
        unit="B",
        unit_scale=True,
        leave=False,
        disable=not is_live(sys.stderr),
    )
    received = 0
    with open(target, "wb") as out, last_line(), bar:
        for chunk in _chunks(url):
            out.write(chunk)
            bar.update(len(chunk))
            received += len(chunk)
            if file.size is not None and received > file.size:
                raise DownloadError(f"sent more than the {file.size:,} bytes of the file")
        atomic.flush(out)


def from_disk(path: str, target: str, _pooch: object) -> None:
    """Copy a file."""
    try:
        with files.open_regular(Path(path)) as source, open(target, "wb") as out:
            _copy(source, out)
    except FileNotFoundError as err:
        raise DownloadError("no such file") from err
    except OSError as err:
        if err.filename != path:  # the target cannot be written
            raise
        raise DownloadError(f"not readable: {err.strerror}") from err


def from_archive(archive: str, target: str, _pooch: object, *, member: str) -> None:
    """Copy a member of a zip archive."""
    try:
        with zipfile.ZipFile(archive) as opened:
            if member not in opened.namelist():
                raise DownloadError("no such file")
            with opened.open(member) as source, open(target, "wb") as out:
                _copy(source, out)
    except zipfile.BadZipFile as err:
        raise DownloadError(f"damaged: {err}") from err


def _copy(source: IO[bytes], out: IO[bytes]) -> None:
    shutil.copyfileobj(source, out)
    atomic.flush(out)


class _Session(requests.Session):
    """Takes no credentials from ~/.netrc, which would go to any host, and unencrypted too."""

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        with self._without_netrc():
            return super().prepare_request(request)

    def rebuild_auth(self, prepared_request: Any, response: Any) -> None:
        with self._without_netrc():
            rebuild: Any = super().rebuild_auth
            rebuild(prepared_request, response)

    @contextmanager
    def _without_netrc(self) -> Iterator[None]:
        self.trust_env = False
        yield
        self.trust_env = True  # for proxies and certificates


def _chunks(url: str) -> Iterator[bytes]:
    """The bytes of a response as they arrive; raises DownloadError if they are late.

    A thread receives them, because neither pooch nor requests limits the time of a whole response:
    a server that sends even its header one byte at a time could block a run for hours.
    """
    chunks: Queue[bytes | DownloadError] = Queue(QUEUE_SIZE)
    stopped = Event()
    Thread(target=_receive, args=(url, chunks, stopped), daemon=True).start()
    start, received = time.monotonic(), 0
    try:
        while chunk := chunks.get(timeout=TIMEOUT):
            if isinstance(chunk, DownloadError):
                raise chunk
            yield chunk
            received += len(chunk)
            elapsed = time.monotonic() - start
            if elapsed > TIMEOUT and received < MIN_SPEED * elapsed:
                raise _timeout()
    except Empty as err:
        raise _timeout() from err
    finally:
        stopped.set()
        with suppress(Empty):  # a thread that waits for space in the queue can end now
            while True:
                chunks.get_nowait()


def _receive(url: str, chunks: Queue[bytes | DownloadError], stopped: Event) -> None:
    """Put the bytes of a response into the queue, then an empty chunk or the error.

    They are read below requests' decoding: servers label .gz files as `Content-Encoding: gzip`,
    and pooch's HTTPDownloader would unpack them.
    """
    headers = {"Accept-Encoding": "identity"}
    try:
        with (
            _Session() as session,
            session.get(url, stream=True, timeout=TIMEOUT, headers=headers) as response,
        ):
            response.raise_for_status()
            while (chunk := response.raw.read1(CHUNK_SIZE)) and not stopped.is_set():
                chunks.put(chunk)
        chunks.put(b"")
    except requests.HTTPError as err:
        code, reason = err.response.status_code, err.response.reason
        chunks.put(DownloadError(f"{code} {reason}", retryable=code in RETRYABLE_STATUS))
    except (requests.Timeout, urllib3.exceptions.TimeoutError):
        chunks.put(_timeout())
    except requests.TooManyRedirects:
        chunks.put(DownloadError("redirects in a circle", unreachable=True))
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as err:
        retryable = not isinstance(err, ValueError)  # an invalid address, here or in a redirect
        chunks.put(DownloadError(_reason(err), retryable=retryable, unreachable=True))


def _timeout() -> DownloadError:
    return DownloadError("no answer, or too slow", retryable=True, unreachable=True)


def _reason(err: Exception) -> str:
    """A network error in a few words."""
    cause: Any = err
    while (inner := getattr(cause, "reason", None) or next(iter(cause.args), None)) and isinstance(
        inner, Exception
    ):
        cause = inner
    text = str(cause).rpartition(": ")[2]  # urllib3 opens with the connection's repr
    return re.sub(r"^\[Errno -?\d+\] ", "", text) or type(err).__name__
