"""The cache of fetched data sets: where a file lies, and whether it is the published one.

The cache is `MLPCLI_DATA`, or the platform's cache folder; it has one folder per data set, since
MNIST, Fashion-MNIST and KMNIST give their files the same names. What is here needs no network, so
a run on cached data never loads the libraries of `fetch.py`.
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from platformdirs import user_cache_dir

from mlpcli.data.registry import File, Published, find
from mlpcli.errors import DataError


def folder() -> Path:
    """Folder of all data sets; it need not exist."""
    chosen = os.environ.get("MLPCLI_DATA")
    if chosen:
        return expanded(chosen)
    try:
        return Path(user_cache_dir("mlpcli"))
    except RuntimeError as err:
        raise DataError("no home folder is known; let MLPCLI_DATA name a folder for data") from err


def expanded(path: str) -> Path:
    """The path, a leading ~ replaced by the home folder; raises DataError where none is known."""
    try:
        return Path(path).expanduser()
    except RuntimeError as err:
        raise DataError(f"{path}: no such home folder is known; write the path without ~") from err


def place(published: Published, file: File) -> Path:
    """Where a file lies in the cache, or would."""
    return folder() / published.folder / file.name


def is_right(path: Path, file: File) -> bool:
    """Whether a copy of the file is at path, with the published sum."""
    kind, digest = file.sum.split(":")
    try:
        with path.open("rb") as copy:
            return hashlib.file_digest(copy, kind).hexdigest() == digest
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False
    except OSError as err:
        raise DataError(f"{path}: not readable: {err.strerror}") from err


def contents(names: Iterable[str], *, verify: bool = False) -> dict[str, dict[str, bool]]:
    """By set and file, whether it is in the cache; verify: whether its sum is right as well."""
    return {
        name: {
            file.name: is_right(path, file) if verify else path.is_file()
            for file in published.files
            for path in [place(published, file)]
        }
        for name in names
        for published in [find(name)]
    }
