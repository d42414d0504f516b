"""Settings as Python has them: a config's name or file, and changes in a dict or as texts."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mlpcli.config.keys import Override, read_override
from mlpcli.config.load import load_config
from mlpcli.config.schema import Config
from mlpcli.errors import ConfigError

DEFAULTS = Config()
Changes = Mapping[str, Any] | Iterable[str]  # by dotted keys or sections, or `key=value` each


def load(source: str | Path | Mapping[str, Any] | None, changes: Changes = ()) -> Config:
    """The settings of a config's name or file, or the defaults, with changes.

    A mapping as the source changes the defaults. Raises ConfigError, whose lines name the keys.
    """
    first = list(_overrides(source)) if isinstance(source, Mapping) else []
    name = None if source is None or isinstance(source, Mapping) else str(source)
    return load_config(name, [*first, *_overrides(changes)])


def _overrides(changes: Changes) -> Iterator[Override]:
    if isinstance(changes, Mapping):
        for key, value in _pairs(changes):
            text = _text(key, value)
            yield Override(key, text, f"{key}={text}")
    else:
        for text in [changes] if isinstance(changes, str) else changes:
            yield read_override(text, text)


def _pairs(changes: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Values by dotted keys; a section is changed, not replaced, and text is its name."""
    for key, value in changes.items():
        if isinstance(value, Mapping) and "." not in str(key):
            yield from ((f"{key}.{name}", each) for name, each in value.items())
        elif isinstance(value, str | Path) and hasattr(getattr(DEFAULTS, str(key), None), "name"):
            yield f"{key}.name", value
        else:
            yield str(key), value


def _text(key: str, value: Any) -> str:
    """A value as YAML, of which JSON is a part."""

    def plain(value: Any) -> Any:
        if isinstance(value, Path):
            return str(value)
        if hasattr(value, "tolist"):  # of NumPy
            return value.tolist()
        raise ConfigError(f"{key}: expected text, a number, a list or a section, got {value!r}")

    return json.dumps(value, ensure_ascii=False, default=plain)
