"""How much a library adds to an installation of mlpcli."""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

OURS = "mlp-trainer"


class Size(NamedTuple):
    """What a library and all that it needs take on the disk, without what mlpcli needs too."""

    version: str  # of the library itself
    packages: int
    bytes: int


def added(requirement: str) -> Size | None:
    """What a requirement such as "ray[tune]" adds; None where it is not installed."""
    asked = Requirement(requirement)
    try:
        version = distribution(asked.name).version
    except PackageNotFoundError:
        return None
    more = set(_closure(asked, set())) - set(_closure(Requirement(OURS), set()))
    return Size(version, len(more), sum(map(_size, more)))


def _closure(asked: Requirement, seen: set[tuple[str, str]]) -> Iterator[str]:
    """The installed packages that a requirement needs, itself first."""
    name = canonicalize_name(asked.name)
    extras = {"", *asked.extras}
    try:
        needs = [Requirement(text) for text in distribution(name).requires or ()]
    except PackageNotFoundError:  # of an extra that is not installed
        return
    yield name
    for need in needs:
        for extra in extras:
            wanted = need.marker is None or need.marker.evaluate({"extra": extra})
            if wanted and (key := (name, f"{need} for {extra}")) not in seen:
                seen.add(key)
                yield from _closure(need, seen)


def _size(name: str) -> int:
    """Bytes of the files of a package, compiled ones included."""
    paths = [Path(file.locate()) for file in distribution(name).files or ()]
    return sum(path.stat().st_size for path in paths if path.is_file())
