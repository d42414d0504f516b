"""Words that users of other programs type, put as this program has them before the parser reads.

`--batch_size 64`, `--weight-decay 1e-4`, `--max-iter 3`, `model=first`, `format=onnx`, `mlp val`:
what can only mean one thing works, and where a name is not ours, a note gives ours.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlpcli.cli.hints import COMMANDS
from mlpcli.cli.output import echo
from mlpcli.cli.settings import SETTINGS
from mlpcli.config.keys import exact

OPTIONS = {"--output": "--out", "--exp-name": "--name"}  # of other programs, and ours
RUN_NAMES = ("run", "model")  # of the argument RUN, where people name it
ARGUMENT_NAMES = (*RUN_NAMES, "source")


def translate(root: Any, words: list[str]) -> list[str]:
    """The words of a command line; root: the group of all commands."""
    start = next((i for i, word in enumerate(words) if not word.startswith("-")), len(words))
    if words[start:] and words[start] not in root.commands and words[start] in COMMANDS:
        own = COMMANDS[words[start]]
        _note(f"mlp {words[start]}", f"mlp {own}")
        words = [*words[:start], *own.split(), *words[start + 1 :]]
    command, end = root, start
    while words[end:] and words[end] in getattr(command, "commands", {}):
        command, end = command.commands[words[end]], end + 1
    if words[end:] and words[end] not in ("-h", "--help") and hasattr(command, "default"):
        command = command.commands[command.default]
    return [*words[:end], *_translated(command, words[end:])]


def _translated(command: Any, words: list[str]) -> Iterator[str]:
    """The words after the command, those after `--` as they are."""
    options = {name: each for each in command.params for name in (*each.opts, *each.secondary_opts)}
    metavars = [each.metavar or "" for each in command.params if not each.opts[0].startswith("-")]
    settings = SETTINGS in metavars
    run = any(metavar.startswith(("[RUN]", "RUN")) for metavar in metavars)
    rest = iter(words)
    for word in rest:
        if word == "--":
            yield from (word, *rest)
            return
        name, equals, value = word.partition("=")
        dashed = "--" + name.strip("-").replace("_", "-")
        if word.startswith("--"):
            known = name if name in options else dashed
            setting = exact(name) if settings else None
            if known not in options and OPTIONS.get(known) in options:
                _note(name, OPTIONS[known])
                known = OPTIONS[known]
            if known in options:
                yield known + equals + value
                if not equals and not getattr(options[known], "is_flag", False):
                    yield from (each for each in [next(rest, None)] if each is not None)
            elif setting and f"--{setting.name}" in options:
                _note(name, f"--{setting.name}")
                yield f"--{setting.name}{equals}{value}"
            elif setting and (given := value if equals else next(rest, None)) is not None:
                yield f"{setting.key}={given}"
            elif run and name.strip("-") in RUN_NAMES and not equals:
                continue  # the run follows
            else:
                yield word
        elif not equals or Path(word).exists():
            yield word
        elif setting := exact(name) if settings and "." not in name else None:
            is_own = name.replace("_", "-") == setting.name
            if not is_own and name != setting.key.partition(".")[0]:
                _note(f"{name}=", f"{setting.name}=")
            yield word if is_own else f"{setting.name}={value}"
        elif dashed in options and not getattr(options[dashed], "is_flag", False):
            yield from (dashed, value)
        elif run and name in ARGUMENT_NAMES:
            yield value
        else:
            yield word


def _note(given: str, own: str) -> None:
    echo(f"note: {given} is {own} here", err=True)
