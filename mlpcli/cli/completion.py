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
KEY_VARIABLE = "_MLP_KEY"  # of the environment: the setting whose value Bash asks for


def prepare() -> None:
    """Ready a process for a shell's question, if there is one, before the parser reads it.

    Keep it from importing what it does not need: Typer would load pydantic to convert values, and
    rich to take markup out of help texts, half of the time. It does without what is not there.
    """
    if "_MLP_COMPLETE" not in os.environ:
        return
    for name in ("pydantic", "rich"):
        sys.modules[name] = None  # type: ignore[assignment]  # how Python marks such a module
    if os.environ["_MLP_COMPLETE"] == "complete_bash":
        _join_key_and_value()


def _join_key_and_value() -> None:
    """Take `key=` or `--option=` before the cursor together, which Bash has split.

    Bash wants the value alone, so the key of a setting goes into the environment.
    """
    words = os.environ.get("COMP_WORDS", "").split("\n")
    current = int(os.environ.get("COMP_CWORD", "0"))
    if words[current : current + 1] == ["="]:  # the cursor is behind it
        words.insert(current + 1, "")
        current += 1
    if current > 1 and words[current - 1] == "=":
        first = current - 1 if words[current - 2].startswith("--") else current - 2
        os.environ[KEY_VARIABLE] = words[current - 2]
        del words[first:current]
        current = first
    os.environ |= {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(current)}


def published() -> list[str]:
    """Names of the data sets that can be fetched."""
    from mlpcli.data.registry import DATASETS

    return list(DATASETS)


def datasets() -> list[str]:
    """Names of all data sets."""
    return ["synth", *published()]


def settings_words(incomplete: str) -> list[str]:
    """`key=value` for every setting; a key alone until its value is asked for."""
    from mlpcli.config.keys import settings

    if key := os.environ.get(KEY_VARIABLE):
        return _values(key)
    key, equals, _ = incomplete.partition("=")
    if equals:
        return [f"{key}={value}" for value in _values(key)]
    # beside the key, its default: with one candidate alone, a shell would end the word
    return [word for s in settings().values() for word in (f"{s.key}=", f"{s.key}={s.default}")]


def sources_and_settings(incomplete: str) -> list[str]:
    """Names of configs and data sets, and what `settings_words` gives for a word that has begun."""
    sources = [*dict.fromkeys([*configs(incomplete), *datasets()])]
    if KEY_VARIABLE in os.environ:
        return settings_words(incomplete)
    return [*sources, *settings_words(incomplete)] if incomplete else sources


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
