"""The tags and the note of a run, tags.jsonl: what a person says of it.

They are apart from run.json, which a training writes anew from its memory. The file is a list of
changes, a line each: several processes may add to it at once, and none loses what another adds.
"""

import json
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from mlpcli.errors import CheckpointError

FILE = "tags.jsonl"
TAG = re.compile(r"\w[\w.+-]{0,49}")
MAX_NOTE_LENGTH = 2000  # characters
KINDS = ("tag", "untag", "note")  # of a change; a later version may add others
SCHEMA = 1


class Tags(NamedTuple):
    """What a person says of a run."""

    tags: tuple[str, ...] = ()  # in the order in which they were added
    note: str = ""


def require_tag(word: str) -> None:
    """Raise CheckpointError unless a word can be a tag."""
    if not TAG.fullmatch(word):
        raise CheckpointError(
            f"{word}: a tag has up to 50 letters, digits and . + - _, the first a letter or digit; "
            "the last word is the tag"
        )


def require_note(text: str) -> None:
    """Raise CheckpointError where a note is too long."""
    if len(text) > MAX_NOTE_LENGTH:
        raise CheckpointError(
            f"note: must have at most {MAX_NOTE_LENGTH:,} characters, got {len(text):,}"
        )


def line(kind: str, text: str) -> bytes:
    """The line of a change: "tag" adds one, "untag" removes it, "note" replaces the note."""
    return (json.dumps({"schema": SCHEMA, kind: text}) + "\n").encode()


def read(content: bytes) -> Tags:
    """The state after all changes; a torn line, and one of a later version, changes nothing.

    >>> read(line("tag", "good") + line("note", "as in the paper") + line("tag", "slow")[:9])
    Tags(tags=('good',), note='as in the paper')
    """
    tags, note = dict[str, None](), ""
    for kind, text in _changes(content.splitlines()):
        if kind == "tag":
            tags[text] = None
        elif kind == "untag":
            tags.pop(text, None)
        else:
            note = text
    return Tags(tuple(tags), note)


def lines(state: Tags) -> bytes:
    """A file that has this state."""
    return b"".join([*(line("tag", tag) for tag in state.tags), line("note", state.note)])


def is_line(head: bytes) -> bool:
    """Whether a file that begins so, or is empty, can be one of tags; a line may be torn."""
    first = head.partition(b"\n")[0]
    starts = [line(kind, "")[:-3] for kind in KINDS]
    return any(start.startswith(first[: len(start)]) for start in starts)


def _changes(lines: Iterable[bytes]) -> Iterable[tuple[str, str]]:
    for each in lines:
        try:
            values: Any = json.loads(each)
        except ValueError:
            continue
        if isinstance(values, dict):
            yield from ((k, values[k]) for k in KINDS if isinstance(values.get(k), str))
