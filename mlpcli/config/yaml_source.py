"""YAML 1.2 text as plain values, with the place of every key for the messages about it.

`1e-3` is a number, `no` is text, and nothing in the text can run code: only plain scalars, lists
and mappings are built. Aliases are refused, since a few of them can stand for gigabytes.
"""

import re
import sys
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from mlpcli.config.keys import SURROGATE, Override
from mlpcli.errors import ConfigError

MAX_NESTING_MARKS = 1000  # of each kind: [ and {
VALUE_TAGS = {"map", "seq", "str", "int", "float", "bool", "null"}  # of YAML's values

VARIABLE = re.compile(r"\$\{\w+\}")

Keys = tuple[str | int, ...]  # the way to a value: ("optimizer", "lr"), ("network", "hidden", 0)
At = Callable[[Any], str]  # from a mark of the YAML reader, or None, to a place for messages


class Tree(NamedTuple):
    """Values as read, and where each key or list entry stood."""

    values: dict[str, Any]
    places: dict[Keys, str]  # "file:line:column", or an override as it was typed

    def place(self, keys: Keys) -> str:
        """Where a value stood or, if it was never written, the section that lacks it."""
        ways = (keys[:end] for end in range(len(keys), -1, -1))
        return next((self.places[way] for way in ways if way in self.places), "settings")


def parse(text: str, label: str) -> Tree:
    """Values and places of a mapping; label is the file's name in messages.

    Raises ConfigError for text that is not YAML or no mapping, for aliases and repeated keys.
    """

    def at(mark: Any) -> str:
        return f"{label}:{mark.line + 1}:{mark.column + 1}" if mark else label

    return _parse(text, at)


def dump(values: dict[str, Any]) -> str:
    """YAML text that `parse` reads back to the same values, in their order."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.width = sys.maxsize  # a long value stays on its line
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # typed as None
    stream = StringIO()
    yaml.dump(values, stream)
    return stream.getvalue()


def apply(tree: Tree, override: Override) -> None:
    """Mutates tree by an override, its value read by the same rules as a file's."""
    key, text, label = override
    keys = tuple(key.split("."))
    section = tree.values
    for depth, name in enumerate(keys[:-1], 1):
        tree.places.setdefault(keys[:depth], label)
        part = section.setdefault(name, {})
        if not isinstance(part, dict):
            place = tree.place(keys[:depth])
            raise ConfigError(f"{place}: {name} must be a section of settings, got {part!r}")
        section = part
    section[keys[-1]] = _parse(f"value: {text}", lambda _: label).values["value"]
    for old in [old for old in tree.places if old[: len(keys)] == keys]:
        del tree.places[old]
    tree.places[keys] = label


def _parse(text: str, at: At) -> Tree:
    # the reader takes seconds to refuse deep nesting
    if max(map(text.count, "[{")) > MAX_NESTING_MARKS:
        raise ConfigError(f"{at(None)}: nested too deeply, or not a config")
    try:
        root = YAML(typ="safe", pure=True).compose(StringIO(text))
        if root is None:
            return Tree({}, {})
        if not isinstance(root, MappingNode):
            raise ConfigError(f"{at(root.start_mark)}: expected settings as `key: value`")
        places = dict(_places(root, (), at, set()))
        # duplicate keys and unknown tags are refused by the constructor, with a mark
        return Tree(YAML(typ="safe", pure=True).constructor.construct_document(root), places)
    except MarkedYAMLError as err:
        place = at(err.problem_mark or err.context_mark)
        # of a duplicate key, the values are left out: there, they are not yet read
        problem = str(err.problem or err.context).partition(" with value ")[0]
        raise ConfigError(f"{place}: not valid YAML: {problem}") from err
    except (YAMLError, ValueError) as err:
        reason = str(err).partition("\n")[0]
        raise ConfigError(f"{at(None)}: not valid YAML: {reason}") from err
    except LookupError as err:  # such as `!!bool x`
        raise ConfigError(f"{at(None)}: not valid YAML: a tag that does not fit its value") from err
    except RecursionError as err:
        raise ConfigError(f"{at(None)}: nested too deeply") from err


def _places(node: Node, keys: Keys, at: At, seen: set[int]) -> Iterator[tuple[Keys, str]]:
    place = at(node.start_mark)
    if id(node) in seen:
        raise ConfigError(f"{place}: aliases are not supported; write the value out")
    seen.add(id(node))
    kind = (node.tag or "").removeprefix("tag:yaml.org,2002:")
    if kind not in VALUE_TAGS:  # a date, a set, an object of Python, ...
        raise ConfigError(
            f"{place}: expected text, a number, a list or a section, got {kind!r}; "
            "is it text that needs quotes?"
        )
    if isinstance(node, ScalarNode):
        if VARIABLE.search(node.value):
            raise ConfigError(
                f"{place}: variables are not supported, got {node.value!r}; write the value out, "
                "or set it on the command line"
            )
        return
    mapping = isinstance(node, MappingNode)
    pairs = node.value if mapping else [(each, each) for each in node.value]
    for i, (key_node, value_node) in enumerate(pairs):
        place, key = at(key_node.start_mark), str(key_node.value) if mapping else i
        if mapping and str(key_node.tag).endswith(":merge"):
            raise ConfigError(f"{place}: merge keys (<<) are not supported; write the settings out")
        if mapping and (not str(key_node.tag).endswith(":str") or SURROGATE.search(str(key))):
            raise ConfigError(f"{place}: expected a name; a number or null needs quotes")
        yield (*keys, key), place
        yield from _places(value_node, (*keys, key), at, seen)
