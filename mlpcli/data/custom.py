"""A user's own data: a folder of IDX files, an .npz file, or a folder of images per class.

Class names come from `classes.txt` beside IDX files (one a line), from an array `classes` in an
.npz, or from the folders' names; otherwise they are the numbers up to the largest training label.
"""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli.data import idx, npz, pictures
from mlpcli.errors import DataError

SIDE = 32  # pixels; an image fills at most SIDE x SIDE
MOST_CLASSES = 4096  # their confusion matrix takes 134 MB
RESIZE = "--set data.resize=true"  # in messages; Python's load_data has an argument for it
SPLITS = {"train": "train", "test": "t10k|test"}  # how file names say it


class Read(NamedTuple):
    """What was found, not yet compared with each other."""

    images: NDArray[Any]  # (n, height, width)
    labels: NDArray[Any]  # (n,)
    classes: tuple[str, ...] | None  # None: counted from the training labels
    train_labels: NDArray[Any]  # those of the training split, whichever split this is
    files: dict[str, str]  # SHA-256 by name


def read(path: Path, split: str, *, resize: bool) -> Read:
    """A split, "train" or "test", of the data at path; raises DataError."""
    try:
        if path.is_file():
            return _npz(path, split)
        if any(_matches(path, "train|t10k|test", "images")):
            return _idx_folder(path, split)
        return _pictures(path, split, resize=resize)
    except OSError as err:
        raise DataError(f"{err.filename or path}: not readable: {err.strerror or err}") from err


def shrink(images: NDArray[Any]) -> NDArray[Any]:
    """Images reduced to fit 32x32, their shape kept, centred on black: uint8 (n, 32, 32)."""
    return np.stack([_fit(image) for image in images])


def _idx_folder(path: Path, split: str) -> Read:
    images, labels = (_the_file(path, split, kind) for kind in ("images", "labels"))
    train = labels if split == "train" else _the_file(path, "train", "labels")
    names = path / "classes.txt"
    return Read(
        images=idx.images(images),
        labels=idx.labels(labels),
        classes=_names(names) if names.is_file() else None,
        train_labels=idx.labels(train),
        files={file.name: _sum([file]) for file in (images, labels)},
    )


def _names(path: Path) -> tuple[str, ...] | None:
    """The lines of a file that are not blank; None when all are."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as err:
        raise DataError(f"{path}: not UTF-8 text at byte {err.start}") from err
    return tuple(name.strip() for name in lines if name.strip()) or None


def _matches(path: Path, split: str, kind: str) -> Iterable[Path]:
    """IDX files of a folder by their names, e.g. t10k-images-idx3-ubyte.gz, t10k-images.idx3."""
    pattern = re.compile(rf"(.*[-_.])?({split})[-_.]{kind}[-_.]?idx.*", re.IGNORECASE)
    return (file for file in sorted(path.iterdir()) if pattern.fullmatch(file.name))


def _the_file(path: Path, split: str, kind: str) -> Path:
    found = list(_matches(path, SPLITS[split], kind))
    plain = [file for file in found if file.suffix != ".gz"]
    if len(plain or found) != 1:
        names = ", ".join(file.name for file in found) or "none"
        example = f"{SPLITS[split].split('|')[0]}-{kind}-idx{3 if kind == 'images' else 1}-ubyte.gz"
        raise DataError(f"{path}: expected one file of {split} {kind} like {example}, got {names}")
    return (plain or found)[0]


def _npz(path: Path, split: str) -> Read:
    if path.suffix != ".npz":
        raise DataError(f"{path}: expected an .npz file or a folder; see the README on own data")
    wanted = {f"x_{split}", f"y_{split}", "y_train"}
    arrays = npz.arrays(path, wanted | {"classes"})
    if missing := sorted(wanted - set(arrays)):
        raise DataError(f"{path}: lacks the array {missing[0]!r}; it needs {sorted(wanted)}")
    names = arrays.get("classes")
    return Read(
        images=arrays[f"x_{split}"],
        labels=arrays[f"y_{split}"],
        classes=_text(path, names) if names is not None else None,
        train_labels=arrays["y_train"],
        files={path.name: _sum([path])},
    )


def _text(path: Path, names: NDArray[Any]) -> tuple[str, ...]:
    """Names of classes from an array of text or of whole numbers."""
    if names.dtype.kind not in "Uiu" or names.size > MOST_CLASSES:
        raise DataError(
            f"{path}: classes must be at most {MOST_CLASSES} texts, got {names.size:,} of "
            f"{names.dtype}"
        )
    try:
        return tuple(map(str, names.ravel()))
    except (ValueError, SystemError) as err:  # numbers that are no characters
        raise DataError(f"{path}: classes must be text: {err}") from err


def _pictures(path: Path, split: str, *, resize: bool) -> Read:
    """Images of path/train/CLASS/ and path/test/CLASS/; without those two, of path/CLASS/."""
    train = path / "train" if (path / "train").is_dir() else path
    chosen = train if split == "train" else path / "test"
    if not chosen.is_dir():
        raise DataError(f"{chosen}: no such folder, so there is no test split of this data")
    classes = _folders(train)
    if not classes:
        raise DataError(
            f"{path}: expected IDX files or a folder per class; see the README on own data"
        )
    if extra := sorted(set(_folders(chosen)) - set(classes)):
        raise DataError(f"{chosen / extra[0]}: is not a class of {train}")
    listed = [(label, file) for label, name in enumerate(classes) for file in _in(chosen / name)]
    if not listed:
        raise DataError(f"{chosen}: holds no images")
    images = [_picture(file, resize=resize) for _, file in listed]
    return Read(
        images=np.stack(images),
        labels=np.array([label for label, _ in listed]),
        classes=classes,
        train_labels=np.arange(len(classes)),
        files={chosen.name: _sum(file for _, file in listed)},
    )


def _folders(path: Path) -> tuple[str, ...]:
    folders = (item for item in path.iterdir() if item.is_dir() and item.name[0] != ".")
    return tuple(sorted(folder.name for folder in folders if any(_in(folder))))


def _in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in pictures.SUFFIXES)


def _picture(path: Path, *, resize: bool) -> NDArray[Any]:
    grey = pictures.read(path)
    if max(grey.shape) > SIDE and not resize:
        raise DataError(too_large(str(path), *grey.shape))
    return _fit(grey)


def _fit(grey: NDArray[Any]) -> NDArray[Any]:
    """A grey image, shrunk where it is too large, centred on 32x32."""
    if max(grey.shape) > SIDE:
        grey = pictures.shrunk(grey, SIDE)
    out = np.zeros((SIDE, SIDE), np.uint8)
    top, left = (SIDE - grey.shape[0]) // 2, (SIDE - grey.shape[1]) // 2
    out[top : top + grey.shape[0], left : left + grey.shape[1]] = grey
    return out


def too_large(name: str, height: int, width: int) -> str:
    """What to tell about images that do not fit."""
    return (
        f"{name}: images must be at most {SIDE}x{SIDE}, got {height}x{width}; {RESIZE} shrinks them"
    )


def _sum(files: Iterable[Path]) -> str:
    """SHA-256 over the files' bytes, in order."""
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()
