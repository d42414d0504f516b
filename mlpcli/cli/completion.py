"""Shell completion: names of data sets, configs and runs, settings and their values.

Typer keeps those that begin like the word; when none does, the shell offers files. An answer must
come at once, so nothing here imports NumPy, YAML, pydantic or rich.
"""

import os
import sys
from glob import escape, iglob
from itertools import chain, islice
from pathlib import Path

MAX_RUNS = 1000  # folders offered


def swiftly() -> None:
    """Keep a process that only answers a shell from importing what it does not need.

    Typer would load pydantic to convert values, and rich to take markup out of help texts: half of
    the time. It does without what cannot be imported.
    """
    for name in ("pydantic", "rich"):
        sys.modules[name] = None  # type: ignore[assignment]  # how Python marks such a module
    if os.environ.get("_MLP_COMPLETE") == "complete_bash":
        _join_option_and_value()


def _join_option_and_value() -> None:
    """Undo how Bash splits words at an equals sign, as far as the parser must not see it."""
    words = os.environ.get("COMP_WORDS", "").split("\n")
    current = int(os.environ.get("COMP_CWORD", "0"))
    if words[current : current + 1] == ["="]:  # the cursor is behind it
        words.insert(current + 1, "")
        current += 1
    if words[current - 1] == "=" and words[current - 2].startswith("--"):
        del words[current - 1]
        current -= 1
    os.environ |= {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(current)}


def published() -> list[str]:
    """Names of the data sets that can be fetched."""
    from mlpcli.data.registry import DATASETS

    return list(DATASETS)


def datasets() -> list[str]:
    """Names of all data sets."""
    return ["synth", *published()]


def settings_words(ctx: object, args: list[str], incomplete: str) -> list[str]:
    """`key=value` for every setting; a key alone until its value is asked for.

    Bash takes the equals sign for a word of its own, and wants the value alone.
    """
    from mlpcli.config.keys import settings

    known = settings()
    key, equals, _ = incomplete.partition("=")
    if args[-1:] == ["="] and args[-2:-1]:
        return _values(args[-2])
    if equals:
        return [f"{key}={value}" for value in _values(key)]
    # beside the key, its default: with one candidate alone, a shell would end the word
    return [word for s in known.values() for word in (f"{s.key}=", f"{s.key}={s.default}")]


def sources_and_settings(ctx: object, args: list[str], incomplete: str) -> list[str]:
    """Names of configs and data sets, and what `settings_words` gives."""
    words = settings_words(ctx, args, incomplete)
    if args[-1:] == ["="]:
        return words
    return [*dict.fromkeys([*configs(incomplete), *datasets()]), *words]


def _values(key: str) -> list[str]:
    """What a setting may be: its few values, the names of data, or its default."""
    from mlpcli.config.keys import settings

    setting = settings().get(key)
    if not setting:
        return []
    return datasets() if key == "data.name" else list(setting.values or [setting.default])


def configs(incomplete: str) -> list[str]:
    """Names of the shipped configs, and the YAML files that begin like the word."""
    from mlpcli.config.shipped import shipped

    return [*shipped(), *sorted(iglob(f"{escape(incomplete)}*.yaml"))]


def runs(incomplete: str) -> list[str]:
    """Folders of runs, below runs/ or beginning like the word, and those of several runs."""
    below = iglob("runs/**/run.json", recursive=True)
    started = iglob(f"{escape(incomplete)}*/run.json")
    folders = {Path(file).parent for file in islice(chain(started, below), MAX_RUNS)}
    folders |= {folder.parent for folder in folders if folder.name.startswith(("seed-", "fold-"))}
    names = [folder.as_posix() for folder in folders]
    if incomplete:  # the short name too
        names += [name.removeprefix("runs/") for name in names]
    return sorted(set(names))


def columns(incomplete: str) -> list[str]:
    """Columns of `mlp runs`; after a comma, another one."""
    from mlpcli.api.run_columns import FIELDS, short_name
    from mlpcli.config.keys import settings

    before, comma, _ = incomplete.rpartition(",")
    names = dict.fromkeys([*FIELDS, *map(short_name, settings())])
    return [f"{before}{comma}{name}" for name in names]
