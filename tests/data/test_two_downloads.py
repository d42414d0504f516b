import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event

import pytest

from tests.data.test_fetch import BODY
from tests.server import Answer, content, serve

FETCH = """
import sys
from tests.data.test_fetch import get
get(sys.argv[1])
"""
TIMEOUT = 60  # seconds


class Slow:
    """The right file, once it may be sent."""

    def __init__(self) -> None:
        self.requested, self.may_send = Event(), Event()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.requested.set()
        assert self.may_send.wait(TIMEOUT)
        with suppress(OSError):  # the client may have been killed
            content(BODY)(handler)


@contextmanager
def fetching(url: str, cache: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that fetches the file into the cache."""
    command = [sys.executable, "-c", FETCH, url]
    env = os.environ | {"MLPCLI_DATA": str(cache)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env) as process:
        try:
            yield process
        finally:
            process.kill()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    return process.stderr.readline()


def files(cache: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in cache.iterdir()}


@pytest.mark.slow
def test_the_second_download_waits_and_uses_what_the_first_fetched(tmp_path: Path) -> None:
    slow = Slow()
    with serve({"/f.gz": slow.answer}) as (url, requests), fetching(url, tmp_path) as first:
        assert slow.requested.wait(TIMEOUT)
        with fetching(url, tmp_path) as second:
            waits = first_line(second)
            slow.may_send.set()
            ends = [process.communicate(timeout=TIMEOUT)[1] for process in (first, second)]

    assert waits == f"waiting for process {first.pid}, which fetches {tmp_path / 'set'}\n"
    assert (first.returncode, second.returncode, ends) == (0, 0, ["", ""])
    assert requests == ["/f.gz"]
    assert files(tmp_path / "set") == {"f.gz": BODY, ".lock": f"{second.pid}".encode()}


@pytest.mark.slow
def test_the_second_download_goes_on_when_the_first_is_killed(tmp_path: Path) -> None:
    slow = Slow()
    answers: list[Answer] = [slow.answer, content(BODY)]
    with serve({"/f.gz": answers}) as (url, requests), fetching(url, tmp_path) as first:
        assert slow.requested.wait(TIMEOUT)
        with fetching(url, tmp_path) as second:
            first_line(second)
            first.kill()
            end = second.communicate(timeout=TIMEOUT)[1]
            slow.may_send.set()

    assert (second.returncode, end) == (0, "")
    assert len(requests) == 2
    assert files(tmp_path / "set") == {"f.gz": BODY, ".lock": f"{second.pid}".encode()}
