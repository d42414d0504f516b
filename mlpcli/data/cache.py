"""The cache of downloaded data sets: the path of each file, and whether its checksum is right.

The cache is `MLPCLI_DATA`, or the platform's cache folder; it has one folder per data set, since
MNIST, Fashion-MNIST and KMNIST use the same file names. Nothing here needs the network, so a run
on cached data never loads the libraries of `fetch.py`.
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from platformdirs import user_cache_dir

from mlpcli import files
from mlpcli.data.registry import DatasetSpec, File, find
from mlpcli.errors import DataError

MAX_FILE_SIZE = 1 << 30  # bytes of a file whose size is not published


def folder() -> Path:
    """The folder of all data sets; it need not exist."""
    if path := os.environ.get("MLPCLI_DATA"):
        return expand(path)
    try:
        return Path(user_cache_dir("mlpcli"))
    except RuntimeError as err:
        raise DataError("no home folder is known; let MLPCLI_DATA name a folder for data") from err


def expand(path: str) -> Path:
    """The path with a leading ~ replaced by the home folder; raises DataError if it is unknown."""
    try:
        return Path(path).expanduser()
    except RuntimeError as err:
        raise DataError(f"{path}: no such home folder is known; write the path without ~") from err


def path_of(spec: DatasetSpec, file: File) -> Path:
    """The path of a file in the cache; it need not exist."""
    return folder() / spec.folder / file.name


def copy_of(spec: DatasetSpec, file: File) -> tuple[Path, File]:
    """The path of a file in the cache, or of its content where only that is there; and which."""
    path, plain = path_of(spec, file), file.plain()
    if plain and not path.is_file() and path_of(spec, plain).is_file():
        return path_of(spec, plain), plain
    return path, file


def is_valid(path: Path, file: File) -> bool:
    """Whether path is a copy of the file with the published checksum."""
    algorithm, digest = file.checksum.split(":")
    try:
        with files.open_regular(path) as copy:
            if os.fstat(copy.fileno()).st_size > (file.size or MAX_FILE_SIZE):
                return False
            return hashlib.file_digest(copy, algorithm).hexdigest() == digest
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False
    except OSError as err:
        raise DataError(f"{path}: not readable: {err.strerror}") from err


def contents(names: Iterable[str], *, verify: bool = False) -> dict[str, dict[str, bool]]:
    """By data set and file, whether it is in the cache; verify: and has the right checksum."""
    return {
        name: {
            file.name: is_valid(path, copy) if verify else path.is_file()
            for file in spec.files
            for path, copy in [copy_of(spec, file)]
        }
        for name in names
        for spec in [find(name)]
    }
