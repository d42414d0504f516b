"""The configs that come with the package, and their schema."""

import re
from pathlib import Path
from typing import NamedTuple

MEASURED = "# Measured: {:.2f}% of the test images, {:.1f} s of training."  # by `make docs`
MEASURED_LINE = re.compile(r"# Measured: ([\d.]+)% of the test images, ([\d.]+) s of training\.")


class ShippedConfig(NamedTuple):
    """What the head of a shipped config says."""

    name: str
    text: str  # what it is for, in a sentence
    accuracy: float | None  # on test images, a fraction; None where not measured
    seconds: float | None  # of training


def shipped() -> dict[str, Path]:
    """The files of the shipped configs by name."""
    return {file.stem: file for file in sorted(_folder().glob("*.yaml"))}


def descriptions() -> list[ShippedConfig]:
    """Each shipped config with what its head says, by name."""
    found = []
    for name, file in shipped().items():
        _, _, text, measured, *_ = file.read_text(encoding="utf-8").split("\n", 4)
        match = MEASURED_LINE.fullmatch(measured)
        accuracy, seconds = map(float, match.groups()) if match else (None, None)
        fraction = None if accuracy is None else round(accuracy / 100, 4)
        found.append(ShippedConfig(name, text.removeprefix("# "), fraction, seconds))
    return found


def schema_file() -> Path:
    """The JSON Schema of a config file, which `make docs` writes."""
    return _folder() / "config.schema.json"


def _folder() -> Path:
    inside = Path(__file__).parents[1] / "configs"  # in an installed wheel
    return inside if inside.is_dir() else Path(__file__).parents[2] / "configs"  # in a checkout
