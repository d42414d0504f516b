"""The configs that come with the package, and their schema, listed without reading them."""

from pathlib import Path


def shipped() -> dict[str, Path]:
    """The files of the shipped configs by name."""
    return {file.stem: file for file in sorted(_folder().glob("*.yaml"))}


def schema_file() -> Path:
    """The JSON Schema of a config file, which `make docs` writes."""
    return _folder() / "config.schema.json"


def _folder() -> Path:
    inside = Path(__file__).parents[1] / "configs"  # in an installed wheel
    return inside if inside.is_dir() else Path(__file__).parents[2] / "configs"  # in a checkout
