"""A rubric: points by step or question, in a YAML file."""

import math
from collections.abc import Collection
from pathlib import Path
from typing import Any

from mlpcli import files
from mlpcli.config import yaml_source
from mlpcli.errors import ConfigError, nearest

MAX_FILE = 1 << 16  # bytes
MAX_POINTS = 1_000_000


def read(path: Path, names: Collection[str], *, kind: str = "step") -> dict[str, float]:
    """The points of each name in a file of lines such as `grad_z3: 2`.

    names: those that may have points; kind: what they name. Raises ConfigError, with the line of
    the mistake.
    """
    try:
        text = files.read(path, limit=MAX_FILE).decode()
    except OSError as err:
        raise ConfigError(f"{path}: cannot be read: {err.strerror}") from err
    except UnicodeDecodeError as err:
        raise ConfigError(f"{path}: is not UTF-8 text") from err
    tree = yaml_source.parse(text, str(path))
    for name, points in tree.values.items():
        place = tree.place((name,))
        if name not in names:
            near = nearest(str(name), names)
            hint = f"; did you mean {near!r}?" if near else ""
            raise ConfigError(f"{place}: unknown {kind} {name!r:.60}{hint}")
        if not _is_number(points) or not 0 <= points <= MAX_POINTS:
            text = f"{place}: {name} must be a number of points in [0, {MAX_POINTS}]"
            raise ConfigError(f"{text}, got {points!r:.60}")
    if not sum(tree.values.values()):
        raise ConfigError(f"{path}: gives no points; write lines such as `{min(names)}: 2`")
    return {name: float(points) for name, points in tree.values.items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
