"""From a config's name or file and `--set` to checked settings, with every error at once."""

import difflib
import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mlpcli.config import yaml_source
from mlpcli.config.schema import Config
from mlpcli.config.shipped import shipped
from mlpcli.config.yaml_source import Keys, Tree
from mlpcli.data.registry import holds_characters
from mlpcli.errors import ConfigError

LARGEST_FILE = 30_000  # bytes; a config is a page of text, more is a mistake
MOST_ERRORS = 50  # told at once
# Sections of several kinds, told apart by their `name`; which one it is without a name.
KINDS = {"optimizer": Config().optimizer.name, "schedule": Config().schedule.name}


def load_config(source: str | None, overrides: Sequence[str] = ()) -> Config:
    """Settings from a shipped config's name or a file's path, changed by `key=value` overrides.

    source: None gives the defaults. Raises ConfigError with one line for each thing that is wrong.
    """
    tree = yaml_source.parse(*_read(source)) if source is not None else Tree({}, {})
    for override in overrides:
        key, _, value = override.partition("=")
        section, _, name = key.partition(".")
        if section in KINDS and name == "name":
            _forget_other_kind(tree, section, value)
        yaml_source.apply(tree, override)
    try:
        config = Config.model_validate(tree.values)
    except ValidationError as err:
        told = [_line(detail, tree) for detail in err.errors()[:MOST_ERRORS]]
        if more := err.error_count() - len(told):
            told.append(f"{tree.place(())}: and {more} more mistakes")
        raise ConfigError("\n".join(told)) from err
    if config.augment.flip and holds_characters(config.data.name):
        raise ConfigError(
            f"{tree.place(('augment', 'flip'))}: flip must be false for {config.data.name}, whose "
            "characters are others or none in a mirror, got True"
        )
    return config


def load_for_check(source: str | None, overrides: Sequence[str] = ()) -> Config:
    """As `load`, but without a source the workbook's network on MNIST: no term beside its loss."""
    return load_config(source, overrides if source else ["data.name=mnist", *overrides])


def dump_config(config: Config) -> str:
    """The settings as YAML text that `load` reads back to an equal Config."""
    return yaml_source.dump(config.model_dump(mode="json"))


def flat_settings(config: Config) -> dict[str, Any]:
    """Every setting by its dotted key, e.g. "optimizer.lr"."""
    return dict(_leaves(config.model_dump(mode="json"), ""))


def _leaves(settings: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def changed_settings(config: Config) -> dict[str, Any]:
    """The settings that are not the defaults, by their dotted keys.

    >>> changed(load("quickstart"))
    {'train.epochs': 6}
    """
    now, plain = flat_settings(config), flat_settings(Config())
    names = [f"{section}.name" for section in KINDS]  # each brings defaults of its own
    usual = flat_settings(load_config(None, [f"{name}={now[name]}" for name in names]))
    usual |= {name: plain[name] for name in names}
    return {key: value for key, value in now.items() if usual.get(key) != value}


def json_schema() -> str:
    """JSON Schema of a config file, for editors that complete keys."""
    return json.dumps(Config.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


def _forget_other_kind(tree: Tree, key: str, name: str) -> None:
    """Mutates tree: settings of one kind mean nothing to another, which begins afresh."""
    section = tree.values.get(key)
    if isinstance(section, dict) and section.get("name", KINDS[key]) != name:
        section.clear()


def _read(source: str) -> tuple[str, str]:
    """The text of a config, and its name in messages."""
    names = shipped()
    if source in names:
        return names[source].read_text(encoding="utf-8"), f"{source}.yaml"
    path = Path(source)
    if not (path.suffix or len(path.parts) > 1 or path.exists()):
        near = difflib.get_close_matches(source, names, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ConfigError(f"unknown config {source!r}; {hint}`mlp config list` shows what there is")
    try:
        data = path.read_bytes()
    except OSError as err:
        raise ConfigError(f"{source}: cannot read the config: {err.strerror}") from err
    if len(data) > LARGEST_FILE:
        raise ConfigError(
            f"{source}: expected at most {LARGEST_FILE} bytes, got {len(data)}; is this a config?"
        )
    try:
        return data.decode("utf-8-sig"), source
    except UnicodeDecodeError as err:
        raise ConfigError(f"{source}: not UTF-8 text at byte {err.start}; is it a config?") from err


SYNONYMS = {"learning_rate": "lr", "l2": "weight_decay", "dataset": "data", "model": "network"}


def _line(detail: ErrorDetails, tree: Tree) -> str:
    """One line about one of pydantic's complaints: place, what is wrong, what to do."""
    kind, keys = detail["type"], detail["loc"]
    if kind == "union_tag_invalid":
        keys, value = (*keys, "name"), detail["ctx"]["tag"]
        expected = detail["ctx"]["expected_tags"]
        return f"{tree.place(keys)}: name must be one of {expected}, got {value!r}"
    schema = _schema(keys)
    if keys[0] in KINDS:  # pydantic names the kind too, which is no key of the file
        keys = (keys[0], *keys[2:])
    place, key = tree.place(keys), keys[-1]
    if kind == "extra_forbidden":
        known = schema["properties"]
        near = [SYNONYMS.get(str(key), ""), *difflib.get_close_matches(str(key), known, 1)]
        hint = next(
            (f"did you mean {name!r}?" for name in near if name in known),
            f"expected one of {', '.join(known)}",
        )
        section = ".".join(map(str, keys[:-1]))
        return f"{place}: unknown key {key!r}{f' in {section}' if section else ''}; {hint}"
    name = key if isinstance(key, str) else f"entry {key + 1} of {keys[-2]}"
    return f"{place}: {name} must be {_expected(schema)}, got {detail['input']!r}"


def _schema(keys: Keys) -> dict[str, Any]:
    """JSON Schema of the setting at these keys or, where there is none, of its section."""
    whole = _whole_schema()
    schema: dict[str, Any] = whole
    for key in keys:
        options = schema.get("oneOf") or schema.get("anyOf")
        if options:  # the kinds of a section; their key here is the name
            kinds = [whole["$defs"][option["$ref"].rsplit("/", 1)[1]] for option in options]
            found = next(k for k in kinds if k["properties"]["name"]["const"] == key)
        elif isinstance(key, int):
            found = schema["items"]
        else:
            found = schema["properties"].get(key, schema)
        schema = whole["$defs"][found["$ref"].rsplit("/", 1)[1]] if "$ref" in found else found
    return schema


_whole_schema = cache(Config.model_json_schema)  # takes milliseconds


TYPES = {
    "integer": "an integer",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a section of settings",
}


def _expected(schema: dict[str, Any]) -> str:
    """What a schema allows, in words: "a number in (0, 100]"."""
    if "anyOf" in schema:
        return " or ".join(_expected(option) for option in schema["anyOf"])
    if "enum" in schema:
        return "one of " + ", ".join(map(repr, schema["enum"]))
    if schema.get("type") == "null":
        return "null"
    text = TYPES[schema.get("type", "object")]
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    if low is None:
        return text
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    left = "[" if "minimum" in schema else "("
    right = "]" if "maximum" in schema else ")"
    return f"{text} in {left}{low}, {high}{right}"
