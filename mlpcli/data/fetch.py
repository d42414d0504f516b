"""From the registry to right files in the cache: mirrors in order, sums checked, nothing half-done.

Only a file whose sum is right gets its name in the cache. pooch checks sums and moves files into
place; the transfer is ours, because a server that sends one byte a second, or for ever, must not
hold a run.
"""

import os
import re
import shutil
import sys
import time
import zipfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pooch
import requests
import urllib3
from tqdm import tqdm

from mlpcli.data.cache import expanded, is_right, place
from mlpcli.data.registry import DATASETS, File, Published, find
from mlpcli.errors import DataError
from mlpcli.terminal import is_live

WAITS = (0.5, 1.5)  # seconds before a second and a third attempt at a mirror
TIMEOUT = 20.0  # seconds without an answer, or without a byte
SLOWEST = 1000.0  # bytes a second, on average, once TIMEOUT has passed
CHUNK = 1 << 16  # bytes
ALL = tuple(DATASETS)  # names

pooch.get_logger().setLevel("ERROR")  # what there is to say is said by us

Transfer = Callable[[Path], None]  # writes a file's bytes to a path


class _Unavailable(Exception):
    """A file cannot be had; holds one (address, error) pair per attempt."""

    def __init__(self, attempts: list[tuple[str, str]]) -> None:
        self.attempts = attempts


def fetch_all(
    names: Iterable[str], *, source: str | None = None, offline: bool = False
) -> dict[str, list[Path]]:
    """Paths of every file of the named data sets; one that cannot be had does not stop the rest."""
    sets = {name: find(name) for name in names}
    paths, failures = {}, []
    for name, published in sets.items():
        try:
            paths[name] = fetch(published, published.files, source=source, offline=offline)
        except DataError as err:
            failures.append(str(err))
    if failures:
        raise DataError("\n".join(failures))
    return paths


def fetch(
    published: Published, files: Iterable[File], *, source: str | None = None, offline: bool = False
) -> list[Path]:
    """Paths of right copies of the files, fetched where the cache lacks them.

    source: a folder or the address of another mirror, used in place of the published mirrors.
    Raises DataError that lists, per file, what was tried, the sum and the path to put it at.
    """
    unreachable: set[str] = set()
    paths, failures = [], []
    for file in files:
        path = place(published, file)
        paths.append(path)
        try:
            if not is_right(path, file):
                _obtain(published, file, source, offline, unreachable)
        except _Unavailable as err:
            failures.append((file, path, err.attempts))
        except OSError as err:
            raise DataError(
                f"{path}: cannot write it: {err.strerror or err}; "
                "MLPCLI_DATA names another folder for data"
            ) from err
    if failures:
        raise DataError(_report(published, failures, offline))
    return paths


def _obtain(
    published: Published, file: File, source: str | None, offline: bool, unreachable: set[str]
) -> None:
    """Put a right copy of the file into the cache, or raise _Unavailable."""
    sources = published.mirrors if source is None else (source,)
    attempts: list[tuple[str, str]] = []
    in_archive = published.archive is not None and file != published.archive
    for base in () if in_archive and source is None else sources:
        for address, transfer in _offers(base, published, file):
            is_web = base.startswith(("http://", "https://"))
            if offline and is_web:
                attempts.append((address, "not tried, because of --offline"))
            elif is_web and urlsplit(address).netloc in unreachable:
                attempts.append((address, "not tried again"))
            else:
                error = _attempt(address, transfer, published, file, unreachable)
                if error is None:
                    return
                attempts.append((address, error))
    if in_archive and published.archive:
        archive = place(published, published.archive)
        try:
            if not is_right(archive, published.archive):
                _obtain(published, published.archive, source, offline, unreachable)
        except _Unavailable as err:
            raise _Unavailable(attempts + err.attempts) from err
        error = _attempt(
            f"{archive}", partial(_unzip, archive, f"gzip/{file.name}"), published, file, set()
        )
        if error is None:
            return
        attempts.append((f"{archive}", error))
    raise _Unavailable(attempts)


def _offers(base: str, published: Published, file: File) -> list[tuple[str, Transfer]]:
    """Addresses of the file under a folder or mirror, each with what copies it from there."""
    if base.startswith(("http://", "https://")):
        names = [file.name]
        if base not in published.mirrors:  # a mirror of all sets has a folder for each
            names.append(f"{published.folder}/{file.name}")
        urls = [f"{base.rstrip('/')}/{name}" for name in names]
        return [(url, partial(_download, url, file)) for url in urls]
    folder = expanded(base)
    if not folder.is_dir():
        raise DataError(f"{base}: no such folder; give one that holds {file.name}, or an address")
    paths = [folder / file.name, folder / published.folder / file.name]
    return [(str(path), partial(_copy, path)) for path in paths if path.is_file()] or [
        (str(paths[0]), partial(_copy, paths[0]))
    ]


def _attempt(
    address: str, transfer: Transfer, published: Published, file: File, unreachable: set[str]
) -> str | None:
    """None when the file is in its place now; otherwise what went wrong, retries included."""
    path = place(published, file)
    for wait in (*WAITS, None):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            pooch.retrieve(
                address,
                known_hash=file.sum,
                fname=file.name,
                path=path.parent,
                downloader=lambda _url, temporary, _pooch: transfer(Path(temporary)),
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError) as err:
            if wait is not None and _is_passing(err):
                time.sleep(wait)
                continue
            if not isinstance(err, requests.HTTPError):
                unreachable.add(urlsplit(address).netloc)
            return _reason(err)
        except FileNotFoundError:
            return "no such file"
        except zipfile.BadZipFile as err:
            return f"damaged: {err}"
        except ValueError as err:  # pooch: the sum is wrong; or too many bytes
            return str(err) if str(err).startswith("sent") else "has the wrong sum"
        return None
    raise AssertionError("the last attempt returns")


def _download(url: str, file: File, target: Path) -> None:
    """Write what the address sends, as long as it is neither too slow nor too much."""
    asked = {"Accept-Encoding": "identity"}  # else a server may unpack the .gz on the way
    bar = tqdm(
        desc=file.name,
        total=file.size,
        unit="B",
        unit_scale=True,
        leave=False,
        disable=not is_live(sys.stderr),
    )
    started, received = time.monotonic(), 0
    with (
        requests.get(url, stream=True, timeout=TIMEOUT, headers=asked) as response,
        target.open("wb") as out,
        bar,
    ):
        response.raise_for_status()
        while chunk := response.raw.read1(CHUNK):
            out.write(chunk)
            bar.update(len(chunk))
            received += len(chunk)
            elapsed = time.monotonic() - started
            if file.size is not None and received > file.size:
                raise ValueError(f"sent more than the {file.size:,} bytes of the file")
            if elapsed > TIMEOUT and received < SLOWEST * elapsed:
                raise requests.Timeout
        out.flush()
        os.fsync(out.fileno())


def _copy(path: Path, target: Path) -> None:
    shutil.copyfile(path, target)


def _unzip(archive: Path, member: str, target: Path) -> None:
    with zipfile.ZipFile(archive) as zipped:
        if member not in zipped.namelist():
            raise FileNotFoundError(member)
        with zipped.open(member) as source, target.open("wb") as out:
            shutil.copyfileobj(source, out)


def _is_passing(err: Exception) -> bool:
    """Whether the same request may succeed in a moment."""
    if isinstance(err, requests.HTTPError):
        return err.response.status_code in (429, 500, 502, 503, 504)
    return not isinstance(err, requests.TooManyRedirects | requests.exceptions.InvalidURL)


def _reason(err: Exception) -> str:
    """A network error in a few words."""
    if isinstance(err, requests.HTTPError):
        return f"{err.response.status_code} {err.response.reason}"
    if isinstance(err, requests.Timeout | urllib3.exceptions.TimeoutError):
        return "no answer, or too slow"
    if isinstance(err, requests.TooManyRedirects):
        return "redirects in a circle"
    cause: Any = err
    while (inner := getattr(cause, "reason", None) or next(iter(cause.args), None)) and isinstance(
        inner, Exception
    ):
        cause = inner
    told = str(cause).rpartition(": ")[2]  # urllib3 opens with the connection's repr
    return re.sub(r"^\[Errno -?\d+\] ", "", told) or type(err).__name__


def _report(
    published: Published, failures: list[tuple[File, Path, list[tuple[str, str]]]], offline: bool
) -> str:
    state = "not in the cache" if offline else "could not be fetched"
    files, it = ("file", "it") if len(failures) == 1 else ("files", "them")
    lines = [
        f"{published.folder}: {len(failures)} {files} {state}; put {it} in place by hand, "
        f"or name a folder or mirror that has {it}: `mlp download --from`"
    ]
    for file, path, attempts in failures:
        lines.append(f"  {file.name}")
        lines += [f"    {address}: {error}" for address, error in attempts]
        lines += [f"    {file.sum.replace(':', ' ')}", f"    put it at {path}"]
    return "\n".join(lines)
