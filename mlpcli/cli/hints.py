"""What a word that the parser does not know may have meant, here or in another program."""

import re
from typing import Any

from mlpcli.config.keys import MIN_SIMILARITY, find
from mlpcli.errors import nearest

COMMANDS = {  # of other programs, and ours
    "fit": "train",
    "resume": "train --resume",
    "test": "eval",
    "val": "eval",
    "validate": "eval",
    "evaluate": "eval",
    "infer": "predict",
    "classify": "predict",
    "diff": "compare",
    "fetch": "download",
    "history": "plot",
    "ls": "runs",
    "show": "runs show",
    "tag": "runs tag",
    "datasets": "data list",
    "configs": "config list",
    "settings": "config show",
}
NAMED = {"rm": "runs rm", "remove": "runs rm", "delete": "runs rm"}  # but never done
DESTRUCTIVE = ("rm", "--overwrite", "--force")  # only named for what is nearly spelled so
MIN_SIMILARITY_OF_DESTRUCTIVE = 0.85


def nearest_word(err: Any) -> str | None:
    """The option, setting or command that a parser's error is about, as it should be typed."""
    if err.ctx is None:
        return None
    command = err.ctx.command
    if hasattr(err, "possibilities"):
        return _option(err.option_name, command)
    if unknown := re.match("No such command '(.*?)'", err.format_message(), re.DOTALL):
        words = command.list_commands(err.ctx)
        named = NAMED.get(unknown[1])
        if named and err.ctx.parent:  # in a group
            named = named.rpartition(" ")[2] if "rm" in words else None
        return named or _near(unknown[1], words)
    return None


def _option(word: str, command: Any) -> str | None:
    options = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    if near := _near(word, [name for name in options if name.startswith("--")]):
        return near
    if "--set" in options and (setting := find(word)):
        option = f"--{setting.name}"
        return option if option in options else f"{setting.key}=..."
    return None


def _near(word: str, choices: list[str]) -> str | None:
    near = nearest(word, choices, cutoff=MIN_SIMILARITY)
    if near in DESTRUCTIVE:
        return nearest(word, [near], cutoff=MIN_SIMILARITY_OF_DESTRUCTIVE)
    return near
