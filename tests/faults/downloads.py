"""A download on a full disk, into a closed folder, or killed: no wrong file gets its name."""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np

from mlpcli.data.registry import DatasetSpec, File
from tests.cli.outcome import Outcome
from tests.faults.disk import PAGE, limited, mounted, remount, unprivileged
from tests.faults.processes import check_told, ended, popen
from tests.faults.table import Fault, alone
from tests.server import serve

SIZE = 200_000  # bytes of each of the two files
PIECES = 20  # in which a file is sent
PAUSE = 0.005  # seconds after each piece
# `mlp`, to which "mnist" is another data set
PUBLISHED = """
from mlpcli.data.registry import DATASETS, DatasetSpec, File
DATASETS["mnist"] = {}
from mlpcli.__main__ import main
main()
"""


def full_disk(rng: np.random.Generator, place: Path) -> None:
    """A small tmpfs, which is given more room afterwards."""
    pages = int(rng.integers(1, 2 * SIZE // PAGE))
    cache = place / "disk"
    with mounted(cache, f"size={pages * PAGE}"), published(rng) as (made, bodies):
        done = ended(download(made, cache))
        _check_refused(done, "No space left on device", f"{pages} pages", cache, bodies)
        remount(cache, "size=10M")
        _check_fetched(made, cache, bodies)


def small_files(rng: np.random.Generator, place: Path) -> None:
    """No file may be larger than so many bytes."""
    limit = int(rng.integers(0, SIZE))
    with published(rng) as (made, bodies):
        done = ended(download(made, place, preexec_fn=limited(limit)))
        _check_refused(done, "File too large", f"{limit} bytes", place, bodies)
        _check_fetched(made, place, bodies)


def closed_cache(rng: np.random.Generator, place: Path) -> None:
    """A cache without permission to write; files that lie in it are used."""
    with published(rng) as (made, bodies):
        place.chmod(0o555)
        done = ended(download(made, place, preexec_fn=unprivileged))
        place.chmod(0o755)
        _check_refused(done, "Permission denied", "a closed cache", place, bodies)
        _check_fetched(made, place, bodies)
        for folder in (place / made.folder, place):
            folder.chmod(0o555)
        done = ended(download(made, place, preexec_fn=unprivileged))
        assert done.status == 0, f"a closed cache that holds the files: {done}"


def killed(rng: np.random.Generator, place: Path) -> None:
    """kill -9 at a random moment of the transfer."""
    with published(rng) as (made, bodies):
        process = download(made, place)
        while not list(place.rglob("tmp*")) and process.poll() is None:
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 2 * PIECES * PAUSE))
        process.kill()
        ended(process)
        _check_right(place, bodies, "killed")
        _check_fetched(made, place, bodies)


def download(made: DatasetSpec, cache: Path, **options: Any) -> subprocess.Popen[str]:
    """A process that fetches the data set into a cache."""
    words = [sys.executable, "-c", PUBLISHED.format(repr(made)), "download", "mnist"]
    return popen(words, os.environ | {"MLPCLI_DATA": str(cache)}, **options)


@contextmanager
def published(rng: np.random.Generator) -> Iterator[tuple[DatasetSpec, dict[str, bytes]]]:
    """A data set of two files on a server that sends them in pieces, and what is in the files."""
    bodies = {name: rng.bytes(SIZE) for name in ("images.gz", "labels.gz")}
    with serve({f"/{name}": _in_pieces(body) for name, body in bodies.items()}) as (url, _):
        yield data_set(bodies, [url]), bodies


def data_set(bodies: dict[str, bytes], mirrors: list[str]) -> DatasetSpec:
    """Of two files, at the mirrors."""
    images, labels = (
        {"train": File(name, f"sha256:{hashlib.sha256(body).hexdigest()}", len(body))}
        for name, body in bodies.items()
    )
    bases = tuple(f"{mirror}/" for mirror in mirrors)
    return DatasetSpec("set", images, labels, {}, (), bases, "", "")


def _in_pieces(body: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        step = len(body) // PIECES
        try:
            for start in range(0, len(body), step):
                handler.wfile.write(body[start : start + step])
                time.sleep(PAUSE)
        except OSError:  # the client is gone
            pass

    return answer


def _check_refused(
    done: Outcome, reason: str, told: str, cache: Path, bodies: dict[str, bytes]
) -> None:
    check_told(done, reason, told)
    assert not list(cache.rglob("tmp*")), f"{told}: part of a file is left"
    _check_right(cache, bodies, told)


def _check_fetched(made: DatasetSpec, cache: Path, bodies: dict[str, bytes]) -> None:
    done = ended(download(made, cache))
    assert done.status == 0, f"fetched again: {done}"
    assert set(_check_right(cache, bodies, "fetched again")) == set(bodies)


def _check_right(cache: Path, bodies: dict[str, bytes], told: str) -> list[str]:
    """Names of the files that are there, each of which must be right."""
    here = [path for path in cache.rglob("*.gz") if path.name in bodies]
    wrong = [path.name for path in here if path.read_bytes() != bodies[path.name]]
    assert not wrong, f"{told}: {wrong} in the cache are not what was published"
    return [path.name for path in here]


FAULTS = (
    Fault("full disk, download", alone(full_disk), few=1, many=50),
    Fault("limit of a file's size, download", alone(small_files), few=1, many=50),
    Fault("read-only cache", alone(closed_cache), few=1, many=5),
    Fault("kill -9 during a download", alone(killed), few=1, many=50),
)
