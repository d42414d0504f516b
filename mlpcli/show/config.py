"""Configs as JSON: the shipped ones, the settings of one, and its mistakes."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from mlpcli.config.load import dump_config
from mlpcli.config.schema import Config
from mlpcli.config.shipped import ShippedConfig
from mlpcli.show.format import json_object, percent
from mlpcli.show.format import seconds as duration

PLACE = re.compile(r".+?:(\d+):(\d+): (.*)", re.DOTALL)


def list_as_text(configs: Sequence[ShippedConfig]) -> str:
    """The shipped configs with what is known of them, a line for each."""
    rows = [("config", "accuracy", "training", "")]
    for each in configs:
        accuracy = "-" if each.accuracy is None else percent(each.accuracy)
        time = "-" if each.seconds is None else duration(each.seconds)
        rows.append((each.name, accuracy, time, each.text))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    return "\n".join(
        f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]}".rstrip()
        for row in rows
    )


def list_as_json(configs: Sequence[ShippedConfig]) -> str:
    """The same as one JSON object."""
    return json_object({"configs": configs})


def settings_as_text(config: Config) -> str:
    """Every setting, as YAML."""
    return dump_config(config).removesuffix("\n")


def settings_as_json(config: Config, name: str | None) -> str:
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
