"""The lock of CI holds every dependency, in a release that `pyproject.toml` allows."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LOCK = (ROOT / "constraints.txt").read_text(encoding="utf-8")


def asked() -> list[Requirement]:
    """What `pip install '.[dev]'` asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras, found = ["dev"], [Requirement(text) for text in project["dependencies"]]
    for extra in extras:  # grows: an extra may ask for others
        for each in map(Requirement, project["optional-dependencies"][extra]):
            if each.name == project["name"]:
                extras += sorted(each.extras)
            else:
                found.append(each)
    return found


def pinned() -> dict[str, list[str]]:
    lines = [line for line in LOCK.splitlines() if not line.startswith("#")]
    found: dict[str, list[str]] = {}
    for release in map(Requirement, lines):
        (pin,) = release.specifier
        assert pin.operator == "==", release
        found.setdefault(canonicalize_name(release.name), []).append(pin.version)
    return found


def test_every_dependency_is_pinned_in_a_release_that_is_allowed() -> None:
    releases = pinned()

    for each in asked():
        versions = releases.get(canonicalize_name(each.name), [])
        assert versions, f"{each.name}: make lock"
        assert all(each.specifier.contains(version) for version in versions), f"{each}: make lock"


def test_the_lock_names_no_address() -> None:
    assert not re.search(r"://|--(index|extra|find|trusted)|@ ", LOCK)
