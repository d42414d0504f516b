"""From the registry to files in the cache: mirrors in order, retries, verified checksums.

pooch writes each file under a temporary name, verifies its checksum and moves it into place. One
process at a time fetches a data set; another one waits, and then uses the files it finds.
"""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from tempfile import gettempprefix
from typing import Any, NamedTuple

import pooch
from tqdm import tqdm

from mlpcli import lock
from mlpcli.annotation import annotation
from mlpcli.data import download
from mlpcli.data.cache import copy_of, expand, folder, is_valid, path_of
from mlpcli.data.download import DownloadError
from mlpcli.data.registry import DatasetSpec, File, find
from mlpcli.errors import DataError
from mlpcli.terminal import last_line

# seconds before a second and a third attempt at an address; the retries of urllib3 do not cover a
# response that breaks off, those of pooch would repeat a wrong checksum and a 404 too
RETRY_DELAYS = (0.5, 1.5)

pooch.get_logger().setLevel("ERROR")  # this module reports what there is to report

Attempts = list[tuple[str, str]]  # each address with its error


class _Job(NamedTuple):
    """One call of `fetch`."""

    spec: DatasetSpec
    source: str | None
    offline: bool
    unreachable: dict[str, str]  # error by host; such a host is not asked for the next file


def fetch_all(
    names: Iterable[str], *, source: str | None = None, offline: bool = False
) -> dict[str, list[Path]]:
    """Paths of every file of the named data sets; a failed set does not stop the others.

    The arguments and the errors are those of `fetch`.
    """
    specs = {name: find(name) for name in names}
    paths: dict[str, list[Path]] = {}
    failures: list[str] = []
    for name, spec in specs.items():
        try:
            paths[name] = fetch(spec, spec.files, source=source, offline=offline)
        except DataError as err:
            failures += err.args
    if failures:
        raise DataError(*failures)
    return paths


def fetch(
    spec: DatasetSpec, files: Iterable[File], *, source: str | None = None, offline: bool = False
) -> list[Path]:
    """Paths of verified copies of the files, fetched where the cache lacks them.

    source: a folder or the URL of another mirror, used in place of the published mirrors.
    Raises DataError that lists the attempts, the checksum and the path of each missing file.
    """
    files = list(files)
    missing = [file for file in files if not is_valid(*copy_of(spec, file))]
    job = _Job(spec, source, offline, {})
    failures = {}
    with _exclusive(spec) if missing and (source or not offline) else nullcontext():
        for file in missing:
            try:
                if attempts := _obtain(job, file):
                    failures[file] = attempts
            except OSError as err:
                raise _write_error(path_of(spec, file), err) from err
    if failures:
        raise DataError(*_report(spec, failures, offline=offline))
    return [copy_of(spec, file)[0] for file in files]


@contextmanager
def _exclusive(spec: DatasetSpec) -> Iterator[None]:
    """Be the only process that fetches this data set; reports when it has to wait for another."""
    where = folder() / spec.folder

    def wait(owner: str) -> None:
        with last_line():
            tqdm.write(f"waiting for process {owner}, which fetches {where}", file=sys.stderr)

    with ExitStack() as stack:
        try:
            where.mkdir(parents=True, exist_ok=True)
            if stack.enter_context(lock.folder_lock(where, wait)) == "soft":
                warning = f"warning: {lock.soft_warning(where)}"
                for line in filter(None, [warning, annotation(warning)]):
                    tqdm.write(line, file=sys.stderr)
            # temporary files of pooch in a killed process
            for leftover in where.glob(f"{gettempprefix()}????????"):
                leftover.unlink(missing_ok=True)
        except OSError as err:
            raise _write_error(where, err) from err
        yield


def _write_error(path: Path, err: OSError) -> DataError:
    return DataError(
        f"{path}: cannot write it: {err.strerror or err}; MLPCLI_DATA names another folder for data"
    )


def _obtain(job: _Job, file: File) -> Attempts:
    """Put a verified copy of the file into the cache; the failed attempts, none after a success."""
    spec = job.spec
    if is_valid(*copy_of(spec, file)):  # another process may have fetched it
        return []
    archive = None if file == spec.archive else spec.archive
    bases = (job.source,) if job.source is not None else spec.mirrors if archive is None else ()
    attempts: Attempts = []
    for base in bases:
        for address, published in _addresses(base, spec, file):
            error = _attempt(job, address, published)
            if error is None:
                return []
            attempts.append((address, error))
    if archive is None:
        return attempts
    if failed := _obtain(job, archive):
        return attempts + failed
    address = str(path_of(spec, archive))
    error = _attempt(job, address, file, member=f"gzip/{file.name}")
    return [] if error is None else [*attempts, (address, error)]


def _addresses(base: str, spec: DatasetSpec, file: File) -> list[tuple[str, File]]:
    """Where a folder or mirror may have the file, or its content, in the order to try."""
    if _is_web(base):
        names = [file.name]
        if base not in spec.mirrors:  # a mirror of all sets has a folder for each
            names.append(f"{spec.folder}/{file.name}")
        return [(f"{base.rstrip('/')}/{name}", file) for name in names]
    root = expand(base)
    if not root.is_dir():
        raise DataError(f"{base}: no such folder; give one that holds {file.name}, or an address")
    folders = (root, root / spec.folder, root / "raw", *sorted(root.glob("*/raw")))
    copies = [each for each in (file, file.plain()) if each]
    paths = [(path, copy) for copy in copies for f in folders for path in _spellings(f, copy.name)]
    there = [(str(path), copy) for path, copy in paths if path.is_file()]
    return there or [(str(paths[0][0]), file)]


def _spellings(folder: Path, name: str) -> tuple[Path, ...]:
    """Where a folder may have a file: by its name, spelled as Kaggle does, or in its own folder."""
    return (
        folder / name,
        folder / name.replace("-idx", ".idx"),
        folder / name.removesuffix(".gz") / name,
    )


def _attempt(job: _Job, address: str, file: File, member: str | None = None) -> str | None:
    """None if the file is in the cache now; otherwise the error, after retries.

    member: the file's name in the archive at this address.
    """
    host = address.split("/")[2] if _is_web(address) else ""
    if host and job.offline:
        return "not tried, because of --offline"
    if host in job.unreachable:
        return f"not tried again: {job.unreachable[host]}"
    downloader: Any = partial(download.from_web, file=file) if host else download.from_disk
    if member is not None:
        downloader = partial(download.from_archive, member=member)
    delays = iter(RETRY_DELAYS)
    while True:
        try:
            pooch.retrieve(
                address,
                known_hash=file.checksum,
                fname=file.name,
                path=path_of(job.spec, file).parent,
                downloader=downloader,
            )
            return None
        except ValueError:  # from pooch
            return "has the wrong checksum"
        except DownloadError as err:
            delay = next(delays, None) if err.retryable else None
            if delay is None:
                if err.unreachable:
                    job.unreachable[host] = str(err)
                return str(err)
        time.sleep(delay)


def _is_web(address: str) -> bool:
    return address.startswith(("http://", "https://"))


def _report(spec: DatasetSpec, failures: dict[File, Attempts], *, offline: bool) -> list[str]:
    state = "not in the cache" if offline else "could not be fetched"
    files, them = ("file", "it") if len(failures) == 1 else ("files", "them")
    lines = [
        f"{spec.folder}: {len(failures)} {files} {state}; put {them} in place manually, "
        f"or name a folder or mirror that has {them}: `mlp download --from`"
    ]
    for file, attempts in failures.items():
        lines.append(f"  {file.name}")
        lines += [f"    {address}: {error}" for address, error in attempts]
        lines += [f"    {file.checksum.replace(':', ' ')}", f"    put it at {path_of(spec, file)}"]
    return lines
