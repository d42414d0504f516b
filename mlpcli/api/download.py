"""`mlp download`: fetches data sets into the cache, and lists them."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from mlpcli.data import cache, fetch
from mlpcli.data.registry import DATASETS
from mlpcli.errors import ConfigError


class DatasetStatus(NamedTuple):
    """A data set that can be fetched by name."""

    name: str
    bytes: int | None  # of the download; None where it was not published
    images: dict[str, int]  # by split
    classes: int
    license: str
    cached: str  # yes, partly or no
    citation: str


Files = dict[str, dict[str, bool]]  # by data set and file: whether it is in the cache, and right
Paths = dict[str, list[Path]]  # by data set


def select(names: Iterable[str] | None, *, every: bool) -> tuple[str, ...]:
    """The data sets that were asked for by name, or all; raises ConfigError for none."""
    chosen = tuple(DATASETS) if every else tuple(names or ())
    if not chosen:
        raise ConfigError("NAME: name a data set, or give --all; `mlp data list` shows them")
    return chosen


def list_datasets() -> list[DatasetStatus]:
    """Every data set that can be fetched by name, and whether it is in the cache."""
    return [_status(name, files) for name, files in cache.contents(DATASETS).items()]


def verify(names: Iterable[str]) -> Files:
    """Which files of the data sets are in the cache with the right checksum."""
    return cache.contents(names, verify=True)


def download(names: Iterable[str], *, source: str | None = None, offline: bool = False) -> Paths:
    """Fetch data sets; the arguments, the result and the errors are those of `fetch_all`."""
    return fetch.fetch_all(names, source=source, offline=offline)


def _status(name: str, files: dict[str, bool]) -> DatasetStatus:
    spec = DATASETS[name]
    sizes = [file.size for file in ((spec.archive,) if spec.archive else spec.files)]
    cached = files.values()
    return DatasetStatus(
        name=name,
        bytes=sum(filter(None, sizes)) if None not in sizes else None,
        images=spec.counts,
        classes=len(spec.classes),
        license=spec.license,
        cached="yes" if all(cached) else "partly" if any(cached) else "no",
        citation=spec.citation,
    )
