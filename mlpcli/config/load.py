"""From a config's name or file and overrides to checked settings, with every error at once."""

import codecs
import errno
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mlpcli import files
from mlpcli.config import yaml_source
from mlpcli.config.keys import Override, Overrides, find, read_override, settings
from mlpcli.config.schema import Config
from mlpcli.config.shipped import shipped
from mlpcli.config.yaml_source import Keys, Tree
from mlpcli.data.registry import holds_characters
from mlpcli.errors import ConfigError, nearest

MAX_CONFIG_SIZE = 30_000  # bytes; a config is a page of text
MAX_ERRORS = 50  # reported at once
# sections of several kinds, distinguished by their `name`: the default kind
DEFAULT_KINDS = {"optimizer": Config().optimizer.name, "schedule": Config().schedule.name}


def load_config(source: str | None, overrides: Overrides = ()) -> Config:
    """Settings from a shipped config's name or a file's path, changed by overrides.

    source: None gives the defaults. Of two overrides for the same setting the last one holds.
    Raises ConfigError with a line for each mistake.
    """
    tree = yaml_source.parse(*read_source(source)) if source is not None else Tree({}, {})
    changes = [o if isinstance(o, Override) else read_override(o, f"--set {o}") for o in overrides]
    # the kind of a section first, which brings the defaults of the others
    for change in sorted(changes, key=lambda change: not _is_kind(change)):
        section = tree.values.get(change.key.removesuffix(".name"))
        if _is_kind(change) and isinstance(section, dict) and _changes_kind(change, section):
            section.clear()  # its settings were those of another kind
        yaml_source.apply(tree, change)
    try:
        config = Config.model_validate(tree.values)
    except ValidationError as err:
        # each kind that a value may have gives the same line
        lines = list(dict.fromkeys(_line(detail, tree) for detail in err.errors()))
        if more := len(lines[MAX_ERRORS:]):
            del lines[MAX_ERRORS:]
            lines.append(f"{tree.place(())}: and {more} more")
        raise ConfigError(*lines) from err
    if config.augment.flip and holds_characters(config.data.name):
        raise ConfigError(
            f"{tree.place(('augment', 'flip'))}: flip must be false for {config.data.name}, whose "
            "characters change or vanish in a mirror, got True"
        )
    return config


def load_for_check(source: str | None, overrides: Overrides = ()) -> Config:
    """As `load_config`; without a source, the workbook's network on MNIST, the loss as there."""
    return load_config(source, overrides if source else ["data.name=mnist", *overrides])


def dump_config(config: Config) -> str:
    """The settings as YAML text that `load_config` reads back to an equal Config."""
    return yaml_source.dump(config.model_dump(mode="json"))


def flat_settings(config: Config) -> dict[str, Any]:
    """Every setting by its dotted key, e.g. "optimizer.lr"."""
    settings: dict[str, Any] = {}
    for key, value in config.model_dump(mode="json").items():
        section = value if isinstance(value, dict) else {"": value}
        settings |= {f"{key}.{name}".removesuffix("."): each for name, each in section.items()}
    return settings


def changed_settings(config: Config) -> dict[str, Any]:
    """The settings that are not the defaults, by their dotted keys.

    >>> changed_settings(load_config("quickstart"))
    {'train.epochs': 6}
    """
    now, plain = flat_settings(config), flat_settings(Config())
    names = [f"{section}.name" for section in DEFAULT_KINDS]  # each brings defaults of its own
    usual = flat_settings(load_config(None, [f"{name}={now[name]}" for name in names]))
    usual |= {name: plain[name] for name in names}
    return {key: value for key, value in now.items() if usual.get(key) != value}


def json_schema() -> str:
    """JSON Schema of a config file, for editors that complete keys."""
    return json.dumps(Config.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


def read_source(source: str) -> tuple[str, str]:
    """The text of a config, and its name in messages."""
    names = shipped()
    if source in names:
        return names[source].read_text(encoding="utf-8"), f"{source}.yaml"
    path = Path(source)
    if not (path.suffix or len(path.parts) > 1 or path.exists()):
        near = nearest(source, names)
        hint = f"did you mean {near!r}? " if near else ""
        raise ConfigError(f"unknown config {source!r}; {hint}`mlp config list` shows what there is")
    try:
        data = files.read(path, limit=MAX_CONFIG_SIZE, allow_special=True)
    except OSError as err:
        hint = "; is it a config?" if err.errno == errno.EFBIG else ""
        if err.errno == errno.ENOENT and path.stem in names:
            hint = f"; the shipped config is {path.stem!r}"
        raise ConfigError(f"{source}: cannot read the config: {err.strerror}{hint}") from err
    # Windows PowerShell's > writes UTF-16
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return data.decode("utf-16" if marked else "utf-8-sig"), source
    except UnicodeDecodeError as err:
        raise ConfigError(f"{source}: not UTF-8 text at byte {err.start}; is it a config?") from err


def _is_kind(change: Override) -> bool:
    return change.key in [f"{section}.name" for section in DEFAULT_KINDS]


def _changes_kind(change: Override, section: dict[str, Any]) -> bool:
    kind = section.get("name", DEFAULT_KINDS[change.key.removesuffix(".name")])
    return change.text.strip().lower() != str(kind).lower()


def _line(detail: ErrorDetails, tree: Tree) -> str:
    """One line for one of pydantic's errors: where, what is wrong, what to do."""
    kind, keys = detail["type"], detail["loc"]
    if kind == "union_tag_invalid":
        keys, expected = (*keys, "name"), detail["ctx"]["expected_tags"]
        value = _value(tree, keys, detail["ctx"]["tag"])
        near = nearest(str(value).lower(), re.findall(r"\w+", expected))
        hint = f"; did you mean {near!r}?" if near else ""
        return f"{tree.place(keys)}: name must be one of {expected}, got {_yaml(value)}{hint}"
    keys = _setting(keys)
    schema = _schema(keys)
    if keys[0] in DEFAULT_KINDS:  # pydantic names the kind too, which is no key of the file
        keys = (keys[0], *keys[2:])
    place, key = tree.place(keys), keys[-1]
    if kind == "extra_forbidden":
        section = f" in {'.'.join(map(str, keys[:-1]))}" if keys[1:] else ""
        return f"{place}: unknown key {key!r}{section}; {_hint(keys, schema['properties'])}"
    name = key if isinstance(key, str) else f"entry {key + 1} of {keys[-2]}"
    value = _value(tree, keys, detail["input"])
    hint = _example(schema, value, place)
    return f"{place}: {name} must be {_expected(schema)}, got {_yaml(value)}{hint}"


def _example(schema: dict[str, Any], value: Any, place: str) -> str:
    """How to write what was probably meant: a percentage as a fraction, a list of numbers."""
    kinds = schema.get("anyOf", [schema])
    high = max((kind.get("maximum", kind.get("exclusiveMaximum", 0)) for kind in kinds), default=0)
    if high == 1 and isinstance(value, int | float) and 10 <= value < 100:
        return f"; {value:g}% is {value / 100:g}"
    if any(kind.get("items", {}).get("type") == "integer" for kind in kinds):
        return f"; an example is {'256,128' if place.startswith('--') else '[256, 128]'}"
    return ""


def _hint(keys: Keys, known: dict[str, Any]) -> str:
    """What to write in place of an unknown key; known: those of its section, by name."""
    *sections, key = map(str, keys)
    here = [".".join([*sections, name]) for name in known]
    of_section = find(key, among=[each for each in here if each in settings()])
    if of_section:
        return f"did you mean {of_section.key.rpartition('.')[2]!r}?"
    elsewhere = find(key)
    other_section = elsewhere and elsewhere.key.split(".")[0] not in sections
    if near := nearest(key, known) or (elsewhere and other_section and elsewhere.key):
        return f"did you mean {near!r}?"
    return f"expected one of {', '.join(known)}"


def _value(tree: Tree, keys: Keys, read: Any) -> Any:
    """The value as it was written, rather than as it was read."""
    part: Any = tree.values
    for key in keys:
        if isinstance(part, str):  # a list that was written as text
            return read
        try:
            part = part[key]
        except (LookupError, TypeError):  # it was not written
            return read
    return part


def _yaml(value: Any) -> str:
    """A value for a message."""
    return "null" if value is None else repr(value)


def _setting(keys: Keys) -> Keys:
    """The keys without the kinds of value that pydantic adds for a setting of several kinds."""
    for end in range(1, len(keys)):
        options = _schema(keys[:end]).get("anyOf", ())
        if len(options) > 1 and not any("properties" in each or "$ref" in each for each in options):
            return keys[:end]
    return keys


def _schema(keys: Keys) -> dict[str, Any]:
    """JSON Schema of the setting at these keys or, where there is none, of its section."""
    schema = whole = _whole_schema()

    def resolved(part: dict[str, Any]) -> dict[str, Any]:
        return whole["$defs"][part["$ref"].rsplit("/", 1)[1]] if "$ref" in part else part

    for key in keys:
        if options := schema.get("oneOf") or schema.get("anyOf"):
            kinds = map(resolved, options)  # of a section; their key here is the name
            schema = next(k for k in kinds if k["properties"]["name"]["const"] == key)
        elif isinstance(key, int):
            schema = schema["items"]
        else:
            schema = resolved(schema["properties"].get(key, schema))
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
    if "prefixItems" in schema:
        return f"a list of {len(schema['prefixItems'])}"
    text = TYPES[schema.get("type", "object")]
    if entries := schema.get("additionalProperties"):  # a section of settings has none
        return f"a map to {_expected(entries)}"
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    if low is None:
        return text
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    left = "[" if "minimum" in schema else "("
    right = "]" if "maximum" in schema else ")"
    return f"{text} in {left}{low}, {high}{right}"
