"""A file that is exchanged while it is read: what was checked is what is used."""

import gzip
import hashlib
import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from threading import Event, Thread
from unittest.mock import patch

import numpy as np
from PIL import Image

from mlpcli.data import dataset, registry
from mlpcli.data.dataset import Split
from mlpcli.data.raw import Reading
from mlpcli.data.registry import DatasetSpec, File
from mlpcli.errors import DataError
from tests.faults.formats import idx, npz
from tests.faults.table import Fault, alone

COUNT = 2000  # images
AS_THEY_ARE = Reading(white=255, background="dark")
LOADS = 20  # of each trial


def own_idx(rng: np.random.Generator, place: Path) -> None:
    """Labels in an IDX file of the user's, packed or not."""
    packed = bool(rng.integers(2))
    pack: Callable[[bytes], bytes] = gzip.compress if packed else bytes
    ending = ".gz" if packed else ""
    (place / "train-images-idx3-ubyte").write_bytes(idx(_images()))
    bodies = [pack(idx(labels)) for labels in _labels()]
    path = place / f"train-labels-idx1-ubyte{ending}"
    with _exchanged(path, bodies):
        for _ in range(LOADS):
            split = dataset.load(str(place), "train")
            _check(split, bodies, split.files[path.name])


def own_npz(rng: np.random.Generator, place: Path) -> None:
    """An .npz file of the user's."""
    x = _images()
    bodies = [npz({"x_train": x, "y_train": y}) for y in _labels()]
    path = place / "own.npz"
    with _exchanged(path, bodies):
        for _ in range(LOADS):
            split = dataset.load(str(path), "train")
            _check(split, bodies, split.files[path.name])


def pictures(rng: np.random.Generator, place: Path) -> None:
    """A picture in the folder of a class."""
    for name in "ab":
        (place / name).mkdir()
        Image.fromarray(_images()[0]).save(place / name / "0.png")
    Image.fromarray(_images()[0] + np.uint8(9)).save(place / "other.png")
    path, fixed = place / "a" / "0.png", (place / "b" / "0.png").read_bytes()
    bodies = [path.read_bytes(), (place / "other.png").read_bytes()]
    with _exchanged(path, bodies):
        for _ in range(LOADS):
            split = dataset.load(str(place), "train", how=AS_THEY_ARE)
            which = [hashlib.sha256(body + fixed).hexdigest() for body in bodies]
            got = which.index(split.files[place.name])
            assert split.images[0].max() == _images()[0].max() + 9 * got, "the other picture"


def cached(rng: np.random.Generator, place: Path) -> None:
    """A file in the cache, which is the published one or another."""
    right, wrong = (gzip.compress(idx(labels), mtime=0) for labels in _labels())
    images = gzip.compress(idx(_images()), mtime=0)
    x, y = (File(n, _checksum(body)) for n, body in (("x.gz", images), ("y.gz", right)))
    classes = tuple("0123456789")
    spec = DatasetSpec("own", {"train": x}, {"train": y}, {}, classes, (), "", "")
    (place / "own").mkdir()
    (place / "own" / "x.gz").write_bytes(images)
    with (
        patch.dict(registry.DATASETS, {"own": spec}),
        patch.dict(os.environ, {"MLPCLI_DATA": str(place)}),
        _exchanged(place / "own" / "y.gz", [right, wrong]),
    ):
        for _ in range(LOADS):
            try:
                split = dataset.load("own", "train", offline=True)
            except DataError:
                continue  # told, and nothing is used
            assert (split.labels == _labels()[0]).all(), "labels with another checksum"


def _check(split: Split, bodies: list[bytes], checksum: str) -> None:
    """Assert that the labels are those of the file whose checksum is recorded."""
    which = [hashlib.sha256(body).hexdigest() for body in bodies].index(checksum)
    assert (split.labels == _labels()[which]).all(), "labels of the other file"


def _images() -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    return np.arange(COUNT * 4, dtype=np.uint8).reshape(COUNT, 2, 2) % np.uint8(200)


def _labels() -> list[np.ndarray[tuple[int], np.dtype[np.uint8]]]:
    labels = np.arange(COUNT, dtype=np.uint8) % np.uint8(10)
    return [labels, labels[::-1].copy()]


def _checksum(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


@contextmanager
def _exchanged(path: Path, bodies: list[bytes]) -> Iterator[None]:
    """While this lasts, a file has one body after the other."""
    stop, folder = Event(), Path(mkdtemp(prefix="mlp-bodies-"))
    sources = [folder / f"{i}" for i in range(len(bodies))]
    for source, body in zip(sources, bodies, strict=True):
        source.write_bytes(body)
    path.write_bytes(bodies[0])

    def exchange() -> None:
        for source in itertools.cycle(sources):
            if stop.is_set():
                return
            temporary = path.with_name(".new")
            os.link(source, temporary)
            temporary.replace(path)

    thread = Thread(target=exchange)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        shutil.rmtree(folder)


FAULTS = (
    Fault("own IDX file exchanged", alone(own_idx), few=2, many=50),
    Fault("own npz file exchanged", alone(own_npz), few=1, many=50),
    Fault("picture exchanged", alone(pictures), few=1, many=50),
    Fault("file in the cache exchanged", alone(cached), few=2, many=50),
)
