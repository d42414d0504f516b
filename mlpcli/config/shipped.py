"""The configs that come with the package, listed without reading them."""

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path


def shipped() -> dict[str, Traversable]:
    """The shipped configs by name."""
    inside = resources.files("mlpcli") / "configs"  # in an installed wheel
    folder = inside if inside.is_dir() else Path(__file__).parents[2] / "configs"  # in a checkout
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    return {file.name.removesuffix(".yaml"): file for file in files if file.name.endswith(".yaml")}
