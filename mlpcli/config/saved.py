"""The settings in a run's config.yaml, read fifty times as fast as other YAML.

Listing a thousand runs reads a thousand such files, which are as `dump_config` writes them: a line
for each key, two spaces deep. A file with anything else in it is read as any config.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

from mlpcli import files
from mlpcli.config.load import MAX_CONFIG_SIZE, flat_settings, load_config
from mlpcli.config.schema import Config

LINE = re.compile(r"(  )?([a-z_0-9]+):(?: (\S.*))?|  - (\S.*)")
NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(\.\d+)?(e[+-]?\d+)?")
# text that means the same without quotes as with them, and in which no quote needs to be doubled
TEXT = re.compile(
    r"(?!(?:true|false|null)$)(?:\.{0,2}/)?[a-z][\w./-]*(?: [\w./-]+)*|'(?P<quoted>[^'\s\\]*)'",
    re.IGNORECASE,
)
CONSTANTS = {"null": None, "true": True, "false": False}


def saved_settings(path: Path) -> dict[str, Any]:
    """Every setting of a run by its dotted key, as `flat_settings` has them; raises ConfigError.

    The values are not checked where the text is as `dump_config` writes it.
    """
    try:
        text = files.read(path, limit=MAX_CONFIG_SIZE).decode()
        settings = _read(text)
        usual = _usual(settings["optimizer.name"], settings["schedule.name"])
    except (OSError, ValueError, AttributeError, LookupError, TypeError):
        return flat_settings(load_config(str(path)))
    return {**usual, **settings}


def _read(text: str) -> dict[str, Any]:
    """The values by their dotted keys; raises ValueError for what `dump_config` has not written."""
    settings: dict[str, Any] = {}
    lists: list[list[Any]] = []
    section = key = ""
    for line in text.splitlines():
        match = LINE.fullmatch(line)
        if not match:
            raise ValueError(line)
        indent, name, value, entry = match.groups()
        if entry is not None:
            settings[key].append(_value(entry))
        elif value is not None:
            key = section + name if indent else name
            settings[key] = [] if value == "[]" else _value(value)
        elif indent:
            key = section + name
            lists.append(settings.setdefault(key, []))
        else:
            section = f"{name}."
    if not all(lists):  # a key without a value, which is null
        raise ValueError(text)
    return settings


def _value(text: str) -> Any:
    if text in CONSTANTS:
        return CONSTANTS[text]
    if match := NUMBER.fullmatch(text):
        return float(text) if match[1] or match[2] else int(text)
    if match := TEXT.fullmatch(text):
        return text if match["quoted"] is None else match["quoted"]
    raise ValueError(text)


@cache
def _usual(optimizer: str, schedule: str) -> dict[str, Any]:
    """The defaults of what a run of an earlier version lacks."""
    kinds = {"optimizer": {"name": optimizer}, "schedule": {"name": schedule}}
    return flat_settings(Config.model_validate(kinds))
