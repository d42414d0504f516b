"""Configs as JSON: the shipped ones, the settings of one, and its mistakes."""

import re
from collections.abc import Iterable
from typing import Any

from mlpcli.config.load import dump_config
from mlpcli.config.schema import Config
from mlpcli.show.format import json_object

PLACE = re.compile(r".+?:(\d+):(\d+): (.*)", re.DOTALL)


def list_as_json(names: Iterable[str]) -> str:
    """The names of the shipped configs, as one JSON object."""
    return json_object({"configs": [{"name": name} for name in names]})


def settings_as_text(config: Config) -> str:
    """Every setting, as YAML."""
    return dump_config(config).removesuffix("\n")


def settings_as_json(config: Config, name: str) -> str:
    """The same as one JSON object."""
    return json_object({"config": name, "settings": config.model_dump(mode="json")})


def check_as_json(errors: Iterable[str], name: str) -> str:
    """Whether a config is valid, and each mistake with its place, as one JSON object."""
    found = [_error(error) for error in errors]
    return json_object({"config": name, "ok": not found, "errors": found})


def _error(error: str) -> dict[str, Any]:
    match = PLACE.fullmatch(error)
    line, column, text = match.groups() if match else (None, None, error)
    return {"line": line and int(line), "column": column and int(column), "text": text}
