"""From the registry to right files in the cache: mirrors in order, sums checked, nothing half-done.

Only a file whose sum is right gets its name in the cache; pooch checks sums and moves files into
place. One process at a time fetches a data set; another waits, and then uses what it finds.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from tempfile import gettempprefix
from urllib.parse import urlsplit

import pooch
from tqdm import tqdm

from mlpcli import lock
from mlpcli.data import transfer
from mlpcli.data.cache import expanded, folder, is_right, place
from mlpcli.data.registry import DATASETS, File, Published, find
from mlpcli.data.transfer import Failed
from mlpcli.errors import DataError

WAITS = (0.5, 1.5)  # seconds before a second and a third attempt at a mirror
ALL = tuple(DATASETS)  # names

pooch.get_logger().setLevel("ERROR")  # what there is to say is said by us

Transfer = Callable[[Path], None]  # writes a file's bytes to a path
Unreachable = dict[str, str]  # by host, what went wrong there


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
    paths = {file: place(published, file) for file in files}
    missing = [file for file, path in paths.items() if not is_right(path, file)]
    if not missing:
        return list(paths.values())
    unreachable: Unreachable = {}
    failures = []
    with _turn(published) if source or not offline else nullcontext():
        for file in missing:
            try:
                if not is_right(paths[file], file):  # another process may have fetched it
                    _obtain(published, file, source, offline, unreachable)
            except _Unavailable as err:
                failures.append((file, paths[file], err.attempts))
            except OSError as err:
                raise _unwritable(paths[file], err) from err
    if failures:
        raise DataError(_report(published, failures, offline))
    return list(paths.values())


@contextmanager
def _turn(published: Published) -> Iterator[None]:
    """Be the one process that fetches this data set; waits for another one, and says so."""
    where = folder() / published.folder

    def wait(owner: str) -> None:
        tqdm.write(f"waiting for process {owner}, which fetches {where}", file=sys.stderr)

    with ExitStack() as stack:
        try:
            where.mkdir(parents=True, exist_ok=True)
            stack.enter_context(lock.folder_lock(where, wait))
            for left in where.glob(f"{gettempprefix()}????????"):  # pooch's, of a killed process
                left.unlink(missing_ok=True)
        except OSError as err:
            raise _unwritable(where, err) from err
        yield


def _unwritable(path: Path, err: OSError) -> DataError:
    return DataError(
        f"{path}: cannot write it: {err.strerror or err}; MLPCLI_DATA names another folder for data"
    )


def _obtain(
    published: Published, file: File, source: str | None, offline: bool, unreachable: Unreachable
) -> None:
    """Put a right copy of the file into the cache, or raise _Unavailable."""
    sources = published.mirrors if source is None else (source,)
    attempts: list[tuple[str, str]] = []
    in_archive = published.archive is not None and file != published.archive
    for base in () if in_archive and source is None else sources:
        for address, write in _offers(base, published, file):
            is_web = base.startswith(("http://", "https://"))
            host = urlsplit(address).netloc
            if offline and is_web:
                attempts.append((address, "not tried, because of --offline"))
            elif is_web and host in unreachable:
                attempts.append((address, f"not tried again: {unreachable[host]}"))
            else:
                error = _attempt(address, write, published, file, unreachable)
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
        unzip = partial(transfer.unzip, archive, f"gzip/{file.name}")
        error = _attempt(f"{archive}", unzip, published, file, {})
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
        return [(url, partial(transfer.download, url, file)) for url in urls]
    folder = expanded(base)
    if not folder.is_dir():
        raise DataError(f"{base}: no such folder; give one that holds {file.name}, or an address")
    paths = [folder / file.name, folder / published.folder / file.name]
    found = [path for path in paths if path.is_file()] or paths[:1]
    return [(str(path), partial(transfer.copy, path)) for path in found]


def _attempt(
    address: str, write: Transfer, published: Published, file: File, unreachable: Unreachable
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
                downloader=lambda _url, temporary, _pooch: write(Path(temporary)),
            )
        except Failed as err:
            if err.passing and wait is not None:
                time.sleep(wait)
                continue
            if err.unreachable:
                unreachable[urlsplit(address).netloc] = str(err)
            return str(err)
        except ValueError:  # pooch: the sum is wrong
            return "has the wrong sum"
        return None
    raise AssertionError("the last attempt returns")


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
