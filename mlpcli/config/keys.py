"""The settings by their dotted keys, from the JSON Schema beside the shipped configs.

The command line's help, hints and completion need them at once; so nothing here imports pydantic.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

from mlpcli.config.shipped import schema_file
from mlpcli.errors import ConfigError, nearest

SURROGATE = re.compile("[\ud800-\udfff]")  # half a character; text with one cannot be written
MIN_SIMILARITY = 0.7  # of a word to the key that a hint names


class Setting(NamedTuple):
    """One of the settings."""

    key: str  # dotted: "optimizer.lr"
    description: str
    values: tuple[str, ...]  # that it may have, where they are few
    default: str  # as YAML
    is_text: bool
    synonyms: tuple[str, ...]  # what other programs call it

    @property
    def name(self) -> str:
        """Its name where the section goes without saying: "lr", "batch-size", "optimizer"."""
        return self.key.removesuffix(".name").rpartition(".")[2].replace("_", "-")


class Override(NamedTuple):
    """A setting that is changed outside of a file."""

    key: str  # dotted: "optimizer.lr"
    text: str  # YAML
    label: str  # as it was typed, for messages: "--lr 0.1"


Overrides = Sequence[str | Override]  # a text is `key=value`


def read_override(text: str, label: str) -> Override:
    """The override that `key=value` stands for; raises ConfigError."""
    key, equals, value = text.partition("=")
    if not (key and equals) or SURROGATE.search(key):
        raise ConfigError(f"{label}: expected key=value, such as optimizer.lr=0.05")
    return Override(key, value, label)


@cache
def settings() -> dict[str, Setting]:
    """Every setting by its key, in the order of the schema."""
    schema = json.loads(schema_file().read_text(encoding="utf-8"))
    merged: dict[str, Setting] = {}
    for new in _settings(schema, schema, ""):
        old = merged.get(new.key, new)  # of another kind of the same section
        merged[new.key] = old._replace(
            values=tuple(dict.fromkeys((*old.values, *new.values))),
            description=old.description or new.description,
            synonyms=old.synonyms or new.synonyms,
        )
    return merged


def exact(word: str) -> Setting | None:
    """The setting with this name, key or synonym, hyphens and underscores alike.

    >>> [exact(word).key for word in ("--weight-decay", "max_iter", "seed")]
    ['optimizer.weight_decay', 'train.epochs', 'seed']
    """
    return _names().get(_plain(word))


def find(word: str, among: Iterable[str] | None = None) -> Setting | None:
    """The setting that a word means: its name, a synonym, or the nearest of both; else None.

    among: keys of settings, in place of all.

    >>> [find(word).key for word in ("learning_rate", "--batchsize", "data.nmae")]
    ['optimizer.lr', 'train.batch_size', 'data.name']
    """
    word, keys = _plain(word), None if among is None else set(among)
    names = {name: each for name, each in _names().items() if keys is None or each.key in keys}
    near = word if word in names else nearest(word, names, cutoff=MIN_SIMILARITY)
    return names[near] if near else None


@cache
def _names() -> dict[str, Setting]:
    """Every setting by each of its names."""
    return {
        name: each
        for each in settings().values()
        for name in (each.key, _plain(each.name), *each.synonyms)
    }


def _plain(word: str) -> str:
    return re.sub(r"[-\s]", "_", word.strip("-")).lower()


def _settings(schema: Any, whole: Any, key: str) -> Iterator[Setting]:
    """The settings below a part of the schema."""
    kinds = list(_kinds(schema, whole))
    if any("properties" in kind for kind in kinds):
        for kind in kinds:
            for name, below in kind.get("properties", {}).items():
                yield from _settings(below, whole, f"{key}.{name}".strip("."))
        return
    values = [value for kind in kinds for value in kind.get("enum", (kind.get("const"),))]
    values += [
        word for kind in kinds if kind.get("type") == "boolean" for word in ("true", "false")
    ]
    default = schema.get("default")
    yield Setting(
        key=key,
        description=schema.get("description", ""),
        values=tuple(value for value in values if isinstance(value, str)),
        default=default if isinstance(default, str) else json.dumps(default),
        is_text=all(kind.get("type") == "string" for kind in kinds),
        synonyms=tuple(schema.get("x-synonyms", ())),
    )


def _kinds(schema: Any, whole: Any) -> Iterator[Any]:
    """What a value may be, references resolved."""
    if "$ref" in schema:
        yield whole["$defs"][schema["$ref"].rsplit("/", 1)[1]]
        return
    for kind in schema.get("oneOf") or schema.get("anyOf") or [None]:
        if kind is None:
            yield schema
        else:
            yield from _kinds(kind, whole)
