"""NumPy's own files: an .npz archive, or .npy files beside each other."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from mlpcli.data import npz
from mlpcli.data.formats import named_arrays
from mlpcli.data.formats.form import Format
from mlpcli.data.raw import Parts, Reading

NPY_PREFIX = b"\x93NUMPY"
LONE_NAME = "arr_0"  # of np.savez(path, images)


def _archive(path: Path, how: Reading) -> Parts:
    def load(names: set[str]) -> tuple[Mapping[str, NDArray[Any]], dict[str, str]]:
        digest = hashlib.sha256()
        return npz.arrays(path, names, digest), {path.name: digest.hexdigest()}

    return named_arrays.parts(str(path), npz.headers(path), load, how)


def _files(path: Path, how: Reading) -> Parts:
    """The arrays of a folder that have a file each, or of a file and of those beside it."""
    folder = path if path.is_dir() else path.parent
    every = {file.stem: file for file in sorted(folder.glob("*.npy"))} or _lone(folder)
    # others need not even be readable
    by_name = {n: file for n, file in every.items() if named_arrays.is_known(n, how)} or every

    def load(names: set[str]) -> tuple[Mapping[str, NDArray[Any]], dict[str, str]]:
        digests = {name: hashlib.sha256() for name in names}
        arrays = {name: _array(by_name[name], digests[name]) for name in sorted(names)}
        return arrays, {by_name[name].name: digests[name].hexdigest() for name in names}

    headers = {name: _header(file) for name, file in by_name.items()}
    return named_arrays.parts(str(path), headers, load, how)


def _header(file: Path) -> npz.Header:
    return npz.header(file) if file.suffix == ".npy" else npz.headers(file)[LONE_NAME]


def _array(file: Path, digest: "hashlib._Hash") -> NDArray[Any]:
    if file.suffix == ".npy":
        return npz.array(file, digest)
    return npz.arrays(file, {LONE_NAME}, digest)[LONE_NAME]


def _lone(folder: Path) -> dict[str, Path]:
    """The .npz files of a folder, by name, if each holds one array, as those of KMNIST do."""
    files = {file.stem: file for file in sorted(folder.glob("*.npz"))}
    return files if all(npz.headers(file).keys() == {LONE_NAME} for file in files.values()) else {}


def _is_archive(path: Path, head: bytes | None) -> bool:
    if head is None:
        return False
    return path.suffix == ".npz" or (head.startswith(b"PK") and npz.is_archive(path))


def _has_files(path: Path, head: bytes | None) -> bool:
    if head is None:
        return any(path.glob("*.npy")) or bool(_lone(path))
    return head.startswith(NPY_PREFIX)


ARCHIVE = Format(
    "NumPy archive",
    "digits.npz with x_train, y_train, x_test, y_test, or train_images, train_labels, ...",
    _is_archive,
    _archive,
)
FILES = Format(
    "NumPy files", "x_train.npy, y_train.npy, x_test.npy, y_test.npy", _has_files, _files
)
FORMATS = (ARCHIVE, FILES)
