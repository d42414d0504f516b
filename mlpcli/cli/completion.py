"""Shell completion: names of data sets, configs and runs.

Typer keeps those that begin like the word; when none does, the shell offers files. An answer must
come at once, so nothing here imports NumPy, YAML, pydantic or rich.
"""

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


def published() -> list[str]:
    """Names of the data sets that can be fetched."""
    from mlpcli.data.registry import DATASETS

    return list(DATASETS)


def datasets() -> list[str]:
    """Names of all data sets."""
    return ["synth", *published()]


def changes() -> list[str]:
    """Settings for --set that take the name of a data set."""
    return [f"data.name={name}" for name in datasets()]


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
    return sorted(folder.as_posix() for folder in folders)
