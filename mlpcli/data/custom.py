"""A user's own data: a folder of IDX files, an .npz file, or a folder of images per class.

Class names come from the lines of `classes.txt` beside IDX files, from an array `classes` in an
.npz, or from the folders' names; otherwise they are the numbers up to the largest training label.
"""

import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli import files
from mlpcli.data import idx, npz, pictures
from mlpcli.data.preprocessing import SIDE, center_view
from mlpcli.errors import DataError

MAX_NAMES_SIZE = 1 << 20  # bytes of classes.txt
MAX_CLASSES = 4096  # their confusion matrix takes 134 MB
RESIZE_OPTION = "--set data.resize=true"  # in messages; Python's load_data has an argument for it
SPLIT_PATTERNS = {"train": "train", "test": "t10k|test"}  # in file names


class UncheckedSplit(NamedTuple):
    """A split as its files have it; whether the parts fit together is not checked yet."""

    images: NDArray[Any]  # (n, height, width)
    labels: NDArray[Any]  # (n,)
    classes: tuple[str, ...]
    files: dict[str, str]  # SHA-256 by name


def read(path: Path, split: str, *, resize: bool) -> UncheckedSplit:
    """A split, "train" or "test", of the data at path; raises DataError."""
    try:
        if path.is_file():
            return _read_npz(path, split)
        if any(_matches(path, "train|t10k|test", "images")):
            return _read_idx(path, split)
        return _read_pictures(path, split, resize=resize)
    except OSError as err:
        raise DataError(f"{err.filename or path}: not readable: {err.strerror or err}") from err


def fit(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An image (height, width), reduced if it is too large, centered on black: uint8 (32, 32).

    The aspect ratio is kept.
    """
    if max(image.shape) > SIDE:
        image = pictures.shrink(image, SIDE)
    square = np.zeros((SIDE, SIDE), np.uint8)
    center_view(square, image.shape)[:] = image
    return square


def require_fit(name: str, size: tuple[int, ...], *, resize: bool) -> None:
    """Raise DataError, which names the source, for a (height, width) over 32x32 without resize."""
    if max(size) > SIDE and not resize:
        raise DataError(
            f"{name}: images must be at most {SIDE}x{SIDE}, got {size[0]}x{size[1]}; "
            f"{RESIZE_OPTION} shrinks them"
        )


def _read_idx(path: Path, split: str) -> UncheckedSplit:
    paths = [_single_file(path, split, kind) for kind in ("images", "labels")]
    digests = [hashlib.sha256() for _ in paths]
    images, labels = idx.images(paths[0], digests[0]), idx.labels(paths[1], digests[1])
    names = path / "classes.txt"
    classes = _class_names(names) if os.path.lexists(names) else ()
    if not classes and split == "train":
        classes = _numbers(labels, path)
    elif not classes:
        classes = _numbers(idx.labels(_single_file(path, "train", "labels")), path)
    checksums = {p.name: each.hexdigest() for p, each in zip(paths, digests, strict=True)}
    return UncheckedSplit(images, labels, classes, checksums)


def _class_names(path: Path) -> tuple[str, ...]:
    """The lines of a file that are not blank."""
    try:
        lines = files.read(path, limit=MAX_NAMES_SIZE).decode().split("\n")
    except UnicodeDecodeError as err:
        raise DataError(f"{path}: not UTF-8 text at byte {err.start}") from err
    return tuple(name.strip() for name in lines if name.strip())


def _matches(path: Path, split: str, kind: str) -> Iterable[Path]:
    """IDX files of a folder by their names, e.g. t10k-images-idx3-ubyte.gz, t10k-images.idx3."""
    pattern = re.compile(rf"(.*[-_.])?({split})[-_.]{kind}[-_.]?idx.*", re.IGNORECASE)
    return (file for file in sorted(path.iterdir()) if pattern.fullmatch(file.name))


def _single_file(path: Path, split: str, kind: str) -> Path:
    """The IDX file of a split; an uncompressed one is preferred."""
    files = list(_matches(path, SPLIT_PATTERNS[split], kind))
    plain = [file for file in files if file.suffix != ".gz"]
    if len(plain or files) != 1:
        names = ", ".join(file.name for file in files) or "none"
        prefix = SPLIT_PATTERNS[split].split("|")[0]
        example = f"{prefix}-{kind}-idx{3 if kind == 'images' else 1}-ubyte.gz"
        raise DataError(f"{path}: expected one file of {split} {kind} like {example}, got {names}")
    return (plain or files)[0]


def _read_npz(path: Path, split: str) -> UncheckedSplit:
    if path.suffix != ".npz":
        raise DataError(
            f"{path}: expected an .npz file or a folder; see 'Your own data' in the README"
        )
    required = {f"x_{split}", f"y_{split}", "y_train"}
    digest = hashlib.sha256()
    arrays = npz.arrays(path, required | {"classes"}, digest)
    if missing := sorted(required - set(arrays)):
        raise DataError(f"{path}: lacks the array {missing[0]!r}; it needs {sorted(required)}")
    names = arrays.get("classes")
    listed = _class_texts(path, names) if names is not None else None
    return UncheckedSplit(
        images=arrays[f"x_{split}"],
        labels=arrays[f"y_{split}"],
        classes=listed or _numbers(arrays["y_train"], path),
        files={path.name: digest.hexdigest()},
    )


def _class_texts(path: Path, names: NDArray[Any]) -> tuple[str, ...]:
    """Names of classes from an array of text or of whole numbers, of any shape."""
    if names.dtype.kind not in "Uiu" or names.size > MAX_CLASSES:
        raise DataError(
            f"{path}: classes must be at most {MAX_CLASSES} texts, got {names.size:,} of "
            f"{names.dtype}"
        )
    try:
        return tuple(map(str, names.ravel()))
    except (ValueError, SystemError) as err:  # code points outside Unicode
        raise DataError(f"{path}: classes must be text: {err}") from err


def _numbers(labels: NDArray[Any], path: Path) -> tuple[str, ...]:
    """Names for the classes 0 to the largest of the training labels (n,)."""
    if labels.dtype.kind not in "iu" or labels.ndim != 1 or not len(labels):
        raise DataError(f"{path}: labels must be a row of whole numbers, got {describe(labels)}")
    if labels.max() >= MAX_CLASSES:
        raise DataError(f"{path}: labels must be in [0, {MAX_CLASSES - 1}], got {labels.max()}")
    return tuple(map(str, range(int(labels.max()) + 1)))


def _read_pictures(path: Path, split: str, *, resize: bool) -> UncheckedSplit:
    """Images of path/train/CLASS/ and path/test/CLASS/; without those two, of path/CLASS/."""
    train = path / "train" if (path / "train").is_dir() else path
    root = train if split == "train" else path / "test"
    if not root.is_dir():
        raise DataError(f"{root}: no such folder, so there is no test split of this data")
    classes = _class_folders(train)
    if not classes:
        raise DataError(
            f"{path}: expected IDX files or a folder per class; see 'Your own data' in the README"
        )
    if extra := sorted(set(_class_folders(root)) - set(classes)):
        raise DataError(f"{root / extra[0]}: is not a class of {train}")
    files = [(label, f) for label, name in enumerate(classes) for f in _image_files(root / name)]
    if not files:
        raise DataError(f"{root}: holds no images")
    digest = hashlib.sha256()  # over the files' bytes, in order
    return UncheckedSplit(
        images=np.stack([_read_picture(file, digest, resize=resize) for _, file in files]),
        labels=np.array([label for label, _ in files]),
        classes=classes,
        files={root.name: digest.hexdigest()},
    )


def _class_folders(path: Path) -> tuple[str, ...]:
    folders = (item for item in path.iterdir() if item.name[0] != "." and _image_files(item))
    return tuple(sorted(folder.name for folder in folders))


def _image_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in pictures.SUFFIXES)


def _read_picture(path: Path, digest: "hashlib._Hash", *, resize: bool) -> NDArray[np.uint8]:
    """A picture file in gray, centered on black: uint8 (32, 32)."""
    gray = pictures.read(path, digest)
    require_fit(str(path), gray.shape, resize=resize)
    return fit(gray)


def describe(array: NDArray[Any]) -> str:
    """The dtype and the shape of an array, for messages."""
    return f"{array.dtype} of shape {array.shape}"
