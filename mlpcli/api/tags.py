"""`mlp runs tag` and `mlp runs note`: what a person says of runs."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from mlpcli.runs import tags
from mlpcli.runs.folder import RunFolder
from mlpcli.runs.tags import Tags


class Tagged(NamedTuple):
    """A run, or the folder of several seeds' or folds' runs, with its current tags and note."""

    run: str  # the folder
    tags: Tags


def tag(folders: Iterable[Path], word: str) -> list[Tagged]:
    """Give a tag to runs; one of several seeds' or folds' folder is each one's.

    Raises CheckpointError, and nothing is changed, for a word that cannot be a tag, which is seen
    before the folders are taken, and where one of these holds no run.
    """
    tags.require_tag(word)
    return _change(folders, "tag", word)


def untag(folders: Iterable[Path], word: str) -> list[Tagged]:
    """Take a tag from runs, which need not have it; raises as `tag` does."""
    return _change(folders, "untag", word)


def note(folders: Iterable[Path], text: str) -> list[Tagged]:
    """Give runs a note in place of an earlier one; none is an empty one; raises as `tag` does."""
    tags.require_note(text)
    return _change(folders, "note", text)


def _change(folders: Iterable[Path], kind: str, text: str) -> list[Tagged]:
    runs = {folder: RunFolder(folder).series() or [RunFolder(folder)] for folder in folders}
    states = {run: _state(run) for members in runs.values() for run in members}
    for run, before in states.items():
        after = tags.read(tags.lines(before) + tags.line(kind, text))
        if after != before:
            run.add_tag_line(kind, text)
            states[run] = after
    return [Tagged(str(folder), states[members[0]]) for folder, members in runs.items()]


def _state(run: RunFolder) -> Tags:
    run.require()
    return run.load_tags()
