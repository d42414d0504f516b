"""The data sets with a name, as registry.toml lists them: files, checksums, classes, license."""

import re
import tomllib
from pathlib import Path
from typing import NamedTuple

from mlpcli.errors import DataError, nearest


class File(NamedTuple):
    """A published file; its checksum decides whether a copy is right, wherever it came from."""

    name: str
    checksum: str  # "sha256:..." or "md5:..."
    size: int | None = None  # bytes, where published
    unpacked: str | None = None  # checksum of the content of a gzip file, where known

    def plain(self) -> "File | None":
        """The content of a gzip file as a file of its own."""
        return File(self.name.removesuffix(".gz"), self.unpacked) if self.unpacked else None


class DatasetSpec(NamedTuple):
    """A data set as its authors published it."""

    folder: str  # in the cache; the six EMNIST sets share one
    images: dict[str, File]  # by split, train and test
    labels: dict[str, File]
    counts: dict[str, int]  # images
    classes: tuple[str, ...]
    mirrors: tuple[str, ...]  # folders that hold the files, best first
    license: str
    citation: str
    archive: File | None = None  # a zip that holds the files, in place of single downloads
    first_label: int = 0
    transposed: bool = False

    @property
    def files(self) -> tuple[File, ...]:
        """Every file except the archive."""
        return (*self.images.values(), *self.labels.values())


def _read() -> dict[str, DatasetSpec]:
    """The data sets of registry.toml, by name."""
    tables = tomllib.loads(Path(__file__).with_name("registry.toml").read_text(encoding="utf-8"))
    shared = tables["folders"]
    specs = {}
    for name, table in tables["datasets"].items():
        values = {"folder": name, **shared.get(table.get("folder"), {}), **table}
        for kind in ("images", "labels"):
            values[kind] = {split: File(**file) for split, file in values[kind].items()}
        for key in ("classes", "mirrors"):
            values[key] = tuple(values[key])
        if "archive" in values:
            values["archive"] = File(**values["archive"])
        specs[name] = DatasetSpec(**values)
    return specs


DATASETS = _read()


def find(name: str) -> DatasetSpec:
    """The data set with a name; raises DataError with the nearest name."""
    if name in DATASETS:
        return DATASETS[name]
    if name == "synth":
        raise DataError("synth: is drawn by this program; there is nothing to download")
    raise DataError(f"data set {name!r}: no such name; {hint(name)}")


def hint(name: str) -> str:
    """For a message about an unknown name: the nearest one, or where all are listed."""
    if "://" in name:
        return "download what is at the address, and name the file or folder"
    # as others spell it: ylecun/mnist, FashionMNIST
    spelled = re.sub("(?<=[a-z])(?=[A-Z])", "-", name.rstrip("/").rpartition("/")[2]).lower()
    near = nearest(spelled.replace("_", "-"), ("synth", *DATASETS))
    return f"did you mean {near!r}?" if near else "`mlp data list` shows the names"


def holds_characters(name: str) -> bool:
    """Whether the set with this name shows digits or letters, which mirroring would change."""
    return name == "synth" or (
        name in DATASETS and all(len(label) == 1 for label in DATASETS[name].classes)
    )
