"""From a name or a path to a split: images, labels and class names, checked to fit together."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpcli.data import cache, idx, interpret, npz, registry, synth, synth_cache
from mlpcli.data.class_labels import MAX_CLASSES, encode, label_count, listed, renumber
from mlpcli.data.fit import fit, require_fit
from mlpcli.data.formats import find
from mlpcli.data.preprocessing import SIDE
from mlpcli.data.raw import AS_FOUND, WHOLE, Raw, Reading, describe
from mlpcli.data.registry import DatasetSpec, File
from mlpcli.errors import DataError

_SURROGATE = re.compile("[\ud800-\udfff]")  # in a folder's name that is not valid text


class UnlabeledError(DataError):
    """The images of a split have no labels."""


class Split(NamedTuple):
    """One part of a data set, as it lies in memory."""

    name: str  # of the data set
    images: NDArray[np.uint8]  # (n, height, width), at most 32x32, light on dark
    labels: NDArray[np.int64]  # (n,), each in [0, len(classes))
    classes: tuple[str, ...]
    files: dict[str, str]  # checksum of each file it was read from
    white: float = 255  # value of a white pixel in the files
    light: bool = False  # whether the files' images were dark on light; these are inverted
    notes: tuple[str, ...] = ()  # how the files were understood, where that is worth a line
    skipped: tuple[tuple[str, str], ...] = ()  # files left out: name and reason
    held_out: int = 0  # how many of the last images are for validation alone

    def __repr__(self) -> str:
        n, height, width = self.images.shape
        images = f"{n:,} image{'s' * (n != 1)} of {height}x{width}"
        return f"<{self.name}: {images}, {len(self.classes)} classes>"


def load(
    name: str,
    split: str,
    *,
    how: Reading = AS_FOUND,
    offline: bool = False,
    drawn: int | None = None,
    classes: tuple[str, ...] | None = None,
) -> Split:
    """The "train", "validation" or "test" split of a named data set, of synth, or of a path.

    how: what the files leave open, found in the training images otherwise.
    drawn: number of images of synth.
    classes: of a network that is to see the images; labels are matched by their names.
    Only the files of this split are opened, and those of the training images if these decide
    how to read it. Raises DataError.
    """
    if name == "synth":
        images, labels, checksum = synth_cache.split(split, drawn)
        loaded = Split(name, images, labels, synth.CLASSES, {"drawn": checksum})
    elif name in registry.DATASETS:
        loaded = _published(name, split, offline=offline)
    else:
        loaded = _own(name, _existing(name), split, how, classes)
    loaded = _checked(loaded, how)
    if classes is None or classes == loaded.classes:
        return loaded
    codes, note = renumber(loaded.labels, loaded.classes, classes, source=name)
    notes = (*loaded.notes, *([note] if note else []))
    return loaded._replace(labels=codes, classes=classes, notes=notes)


def load_other(
    name: str, split: str, *, how: Reading, classes: tuple[str, ...], offline: bool = False
) -> tuple[Split, str]:
    """Images for a network that was trained on others, and the split that they are.

    The split is the one asked for, else all images that the files do not assign to one, else those
    for training. how: its fit makes images of any size fit the network, its white is that of files
    whose pixels come near it; light and dark are not swapped. classes: of the network; labels are
    matched by their names. Raises DataError.
    """
    assert how.fit
    if name == "synth" or name in registry.DATASETS:
        named = load(name, split, offline=offline, classes=classes)
        return named._replace(images=how.fit(named.images)), split
    path = _existing(name)
    parts = find.parts(path, how)
    used = next((each for each in (split, WHOLE, "train") if each in parts), None)
    if used is None:
        raise DataError(f"{path}: has no {split} split, only {', '.join(parts)}")
    raw = parts[used]()
    pixels, labels = _pixels(raw, path, used, how)
    codes, own = encode(labels, raw.classes, len(pixels), how, source=name)
    codes, note = renumber(codes, own, classes, source=name)
    white = interpret.white_level_near(pixels, how.white or 255, source=name)
    images = interpret.to_bytes(pixels, white)
    images = images if raw.fitted else how.fit(images)
    notes = [*raw.notes, f"white is {white:g}" if white not in (255, how.white) else "", note]
    if used == "train" != split:
        notes.append(f"has no {split} split, so these are its training images")
    found = Split(name, images, codes, classes, raw.files, white)
    found = found._replace(notes=tuple(filter(None, notes)), skipped=raw.skipped)
    return _checked(found, how), used


def splits(name: str, how: Reading = AS_FOUND) -> tuple[str, ...]:
    """The splits that a data set has, or "all" where its files name none."""
    if name == "synth" or name in registry.DATASETS:
        return ("train", "test")
    return tuple(find.parts(cache.expand(name), how))


def require_images(name: str, images: NDArray[Any]) -> None:
    """Raise DataError, which names the source, unless images are uint8 (n, height, width)."""
    if images.ndim != 3 or images.dtype != np.uint8:
        raise DataError(
            f"{name}: images must be uint8 of shape (n, height, width), got {describe(images)}"
        )


def _own(name: str, path: Path, split: str, how: Reading, classes: tuple[str, ...] | None) -> Split:
    """A split of the data at a path, understood as its training split is."""
    parts = find.parts(path, how)
    train = parts.get("train") or parts.get(WHOLE)
    read = train if split == "train" else parts.get(split)
    if read is None:
        raise DataError(f"{path}: has no {split} split, only {', '.join(parts)}")
    raw, source = read(), f"{path}"
    pixels, labels = _pixels(raw, path, split, how)
    codes, names = encode(labels, raw.classes, len(pixels), how, source=source)
    is_open = classes is None or how.white is None or how.background == "auto"
    if train and split != "train" and is_open:
        model = _own(name, path, "train", how, None)
        white, light = model.white, model.light
        codes, _ = renumber(codes, names, model.classes, source=source)
        names = model.classes
    else:
        white = how.white or interpret.white_level(pixels, source=source)
        light = how.background == "light"
        if how.background == "auto":
            light = interpret.has_light_background(pixels, white)
    images = interpret.to_bytes(pixels, white, invert=light)
    notes = (*raw.notes, *_notes(white, names, raw, light=light, how=how))
    return Split(name, images, codes, names, raw.files, white, light, notes, raw.skipped)


def _existing(name: str) -> Path:
    path = cache.expand(name)
    if not path.exists():
        raise DataError(
            f"data set {name!r}: neither a name nor a path that exists; {registry.hint(name)}"
        )
    return path


def _pixels(raw: Raw, path: Path, split: str, how: Reading) -> tuple[NDArray[Any], NDArray[Any]]:
    """Images (n, height, width) in their own dtype, and labels in their own form."""
    if raw.labels is None:
        raise UnlabeledError(
            f"{path}: its {split} images have no labels; `mlp predict` classifies images without"
        )
    n = label_count(raw.labels, raw.images)
    return interpret.images(raw.images, n, how, source=f"{path}"), raw.labels


def _notes(
    white: float, names: tuple[str, ...], raw: Raw, *, light: bool, how: Reading
) -> Iterator[str]:
    """What was found in the files, where it is not the usual."""
    if white != 255 and how.white is None:
        yield f"white is {white:g}"
    if light and how.background == "auto":
        yield "dark on light, so inverted"
    numbers = [int(each) for each in names if each.isdigit()]
    if not raw.classes and len(numbers) == len(names) and numbers != list(range(len(names))):
        zero = "; data.ten_is_zero=true reads 10 as 0" if "10" in names and "0" not in names else ""
        yield f"labels {listed(names)} are the classes' names{zero}"


def _published(name: str, split: str, *, offline: bool) -> Split:
    """A split of a named data set from the cache, where missing files are fetched to."""
    spec = registry.DATASETS[name]
    files = (spec.images[split], spec.labels[split])
    parts = [_decode(spec, file) for file in files]
    if any(part is None for part in parts):
        from mlpcli.data.fetch import fetch  # cached data needs none of its libraries

        fetch(spec, files, offline=offline)
        parts = [_decode(spec, file) for file in files]
    images, labels = parts
    if images is None or labels is None:
        raise DataError(f"{cache.path_of(spec, files[0]).parent}: a file changed; try again")
    images = images.swapaxes(1, 2) if spec.transposed else images
    labels = labels.astype(np.int64) - spec.first_label
    return Split(name, images, labels, spec.classes, {file.name: file.checksum for file in files})


def _decode(spec: DatasetSpec, file: File) -> NDArray[Any] | None:
    """The images (n, height, width) or labels (n,) in the cache; None unless as published.

    The bytes that are compared with the checksum are those that are decoded.
    """
    path, copy = cache.copy_of(spec, file)
    algorithm, checksum = copy.checksum.split(":")
    digest, array, damage = hashlib.new(algorithm), None, None
    try:
        if path.suffix == ".npz":  # Kuzushiji-49 has one array in each file
            arrays = npz.arrays(path, {"arr_0"}, digest)
            if "arr_0" not in arrays:
                raise DataError(f"{path}: lacks the array 'arr_0'")
            array = arrays["arr_0"]
        else:
            decode = idx.images if file in spec.images.values() else idx.labels
            array = decode(path, digest)
    except (OSError, DataError) as err:
        damage = err
    if digest.hexdigest() != checksum:
        return None
    if damage:
        raise damage
    return array


def _checked(split: Split, how: Reading) -> Split:
    """The split with int64 labels; raises DataError unless its parts fit together."""
    name, images, labels, classes, *_ = split
    require_images(name, images)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(f"{name}: labels must be a row of whole numbers, got {describe(labels)}")
    if len(images) != len(labels):
        raise DataError(
            f"{name}: has {len(images):,} images but {len(labels):,} labels; "
            "there must be one label for each image, in the same order"
        )
    if len(classes) > MAX_CLASSES:
        raise DataError(f"{name}: must have at most {MAX_CLASSES} classes, got {len(classes):,}")
    if invalid := [each for each in classes if _SURROGATE.search(each)]:
        raise DataError(f"{name}: the name of a class must be valid text, got {invalid[0]!r}")
    if not images.size:
        raise DataError(f"{name}: holds no images")
    if outside := np.flatnonzero((labels < 0) | (labels >= len(classes))).tolist():
        raise DataError(
            f"{name}: label {labels[outside[0]]} of image {outside[0]} is outside the "
            f"{len(classes)} classes, [0, {len(classes) - 1}]"
        )
    require_fit(name, images.shape[1:], resize=how.resize)
    if max(images.shape[1:]) > SIDE:
        split = split._replace(images=np.stack([fit(image) for image in images]))
    return split._replace(labels=labels.astype(np.int64))
