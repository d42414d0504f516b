"""The configs that come with the package, found without reading one."""

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path


def shipped() -> dict[str, Traversable]:
    """The shipped configs by name."""
    files = sorted(_folder().iterdir(), key=lambda file: file.name)
    return {file.name.removesuffix(".yaml"): file for file in files if file.name.endswith(".yaml")}


def _folder() -> Traversable:
    """Where they lie."""
    inside = resources.files("mlpcli") / "configs"  # in an installed wheel
    return inside if inside.is_dir() else Path(__file__).parents[2] / "configs"  # in a checkout
