"""Folders of pictures, one for each class."""

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpcli.data import pictures
from mlpcli.data.fit import fit, require_fit
from mlpcli.data.formats.form import Format
from mlpcli.data.mnist_style import has_light_background
from mlpcli.data.preprocessing import SIDE
from mlpcli.data.raw import WHOLE, Parts, Raw, Reading, natural, split_of
from mlpcli.errors import DataError


def _parts(path: Path, how: Reading) -> Parts:
    """Pictures in path/train/CLASS/, path/test/CLASS/, ...; without those, in path/CLASS/."""
    splits = {split_of(folder.name): folder for folder in _folders(path)}
    named = {split: folder for split, folder in splits.items() if split and _classes(folder)}
    if named:
        return {split: partial(_read, folder, how) for split, folder in named.items()}
    return {WHOLE: partial(_read, path, how)}


def _read(root: Path, how: Reading) -> Raw:
    files = [(name, file) for name in _classes(root) for file in _pictures(root / name)]
    if not files:
        raise DataError(f"{root}: holds no images")
    digest = hashlib.sha256()  # over the files' bytes, in order
    images = [_read_picture(file, digest, how) for _, file in files]
    if len({image.shape for image in images}) > 1:
        light = np.mean([has_light_background(image[None])[0] for image in images]) > 0.5
        images = [fit(image, background=255 if light else 0) for image in images]
    labels = np.array([name for name, _ in files])
    checksums = {root.name: digest.hexdigest()}
    return Raw(np.stack(images), labels, checksums, fitted=how.fit is not None)


def _read_picture(path: Path, digest: "hashlib._Hash", how: Reading) -> NDArray[Any]:
    gray = pictures.read(path, digest)
    if how.fit:
        return how.fit(gray[None])[0]
    require_fit(str(path), gray.shape, resize=how.resize)
    return gray if max(gray.shape) <= SIDE else pictures.shrink(gray, SIDE)


def _classes(path: Path) -> list[str]:
    return natural(folder.name for folder in _folders(path) if any(_pictures(folder)))


def _folders(path: Path) -> Iterator[Path]:
    return (each for each in path.iterdir() if not each.name.startswith(".") and each.is_dir())


def _pictures(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in pictures.SUFFIXES)


def _fits(path: Path, head: bytes | None) -> bool:
    return head is None and any(_classes(folder) for folder in (path, *_folders(path)))


FORMATS = (Format("picture folders", "train/cat/1.png, test/dog/2.jpg", _fits, _parts),)
