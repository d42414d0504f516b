"""Mirrors that answer everything but the right file, until one does."""

import gzip
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

import numpy as np

from mlpcli.data import download, fetch
from mlpcli.data.registry import DatasetSpec
from mlpcli.errors import DataError
from mlpcli.lock import LOCK_FILE
from tests.faults.downloads import data_set
from tests.faults.table import Fault, alone
from tests.server import Answer, content, dawdle, hang_up, serve, silence, status, trickle

PAUSE = 0.05  # seconds: a server's second, while the program's 20 are 0.6
FILES = ("images.gz", "labels.gz")

Make = Callable[[bytes, np.random.Generator], Answer]


def flipped(body: bytes, rng: np.random.Generator) -> bytes:
    at, bit = int(rng.integers(len(body))), int(rng.integers(8))
    return body[:at] + bytes([body[at] ^ 1 << bit]) + body[at + 1 :]


def cut(body: bytes, rng: np.random.Generator) -> bytes:
    return body[: rng.integers(len(body))]


WRONG: dict[str, Make] = {
    "403": lambda body, rng: status(403),
    "404": lambda body, rng: status(404),
    "500": lambda body, rng: status(500),
    "301 in a circle": lambda body, rng: status(301, Location="/here"),
    "301 to no address": lambda body, rng: status(301, Location="file:///etc/passwd"),
    "a web page": lambda body, rng: content(b"<!DOCTYPE html><html>please sign in</html>"),
    "cut": lambda body, rng: content(cut(body, rng), promised=len(body)),
    "cut, its length right": lambda body, rng: content(cut(body, rng)),
    "one bit flipped": lambda body, rng: content(flipped(body, rng)),
    "too long a length": lambda body, rng: content(body, promised=len(body) + 9),
    "too short a length": lambda body, rng: content(body, promised=len(body) - 9),
    "more than asked": lambda body, rng: content(body * 2),
    "silence": lambda body, rng: silence,
    "no answer": lambda body, rng: hang_up,
    "one byte a second": lambda body, rng: trickle(body, seconds=PAUSE),
    "one byte of the header a second": lambda body, rng: dawdle(seconds=PAUSE),
}


def sequence(rng: np.random.Generator, place: Path) -> None:
    """Two to four mirrors, each with three answers a file; the last one may be right at last."""
    names = sorted(WRONG)
    right = bool(rng.integers(2))
    with ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ, {"MLPCLI_DATA": str(place)}))
        stack.enter_context(patch.object(fetch, "RETRY_DELAYS", (0.0, 0.0)))
        stack.enter_context(patch.object(download, "TIMEOUT", 0.6))
        answers: list[dict[str, Answer | list[Answer]]] = [{} for _ in range(rng.integers(2, 5))]
        urls = [stack.enter_context(serve(each))[0] for each in answers]
        bodies = {
            name: gzip.compress(rng.bytes(int(rng.integers(1, 3000))), mtime=0) for name in FILES
        }
        published = data_set(bodies, urls)
        chosen = {(i, name): rng.choice(names, 3) for i in range(len(answers)) for name in bodies}
        for (i, name), kinds in chosen.items():
            body = bodies[name]
            answers[i][f"/{name}"] = [WRONG[kind](body, rng) for kind in kinds]
            answers[i]["/here"] = status(301, Location="/here")
            if right and i == len(answers) - 1:
                answers[i][f"/{name}"] = content(body)
        _outcome(published, bodies, place, right=right, story=f"{chosen}")
        for i, name in chosen:
            answers[i][f"/{name}"] = content(bodies[name])
        _outcome(published, bodies, place, right=True, story=f"then all right, after {chosen}")


def _outcome(
    published: DatasetSpec, bodies: dict[str, bytes], place: Path, *, right: bool, story: str
) -> None:
    try:
        paths = fetch.fetch(published, published.files)
    except DataError as err:
        told = f"{err}".split("\n")
        assert not right, f"refused the right file: {told}; {story}"
        for mirror in published.mirrors:
            for file in published.files:
                address = f"    {mirror}{file.name}: "
                reasons = [line.removeprefix(address) for line in told if line.startswith(address)]
                assert len(reasons) == 1, f"{mirror}{file.name} is not in {told}; {story}"
                assert reasons[0] not in ("", "not tried again: "), f"{told}; {story}"
    else:
        assert right, f"took something for the right file; {story}"
        assert [path.name for path in paths] == list(bodies), story
    held = {path.name: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    held.pop(LOCK_FILE, None)
    wrong = [name for name, body in held.items() if bodies.get(name) != body]
    assert not wrong, f"{wrong} in the cache; {story}"
    assert held.keys() == bodies.keys() or not right, f"only {list(held)} in the cache; {story}"


FAULTS = [Fault("mirrors that answer anything", alone(sequence), few=4, many=100)]
