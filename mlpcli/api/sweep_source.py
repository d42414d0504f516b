"""What the words of `mlp sweep` ask for: the sweep, and the folder it lies in."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mlpcli.api.train import run_folder
from mlpcli.config.keys import Override, exact, find, read_override
from mlpcli.config.shipped import shipped
from mlpcli.config.sweep_file import Definition, is_sweep, load_sweep, stored, word_sweep
from mlpcli.data.registry import DATASETS
from mlpcli.errors import ConfigError, nearest


class Source(NamedTuple):
    """A sweep that was asked for."""

    definition: Definition
    name: str  # of its folder in runs/, the same for the same sweep


def definition(words: Sequence[str], set_: Sequence[str], *, seeds: int | None) -> Source:
    """The sweep of a file, or the grid that `key=value,value` asks for.

    words: a sweep's file, or a config and data by name or path, and settings; set_: settings that
    have one value. Raises ConfigError.
    """
    sources = [word for word in words if "=" not in word]
    files = [word for word in sources if word.endswith((".yaml", ".yml")) and is_sweep(word)]
    if files:
        if len(words) > 1 or set_:
            raise ConfigError(f"{files[0]}: is a whole sweep; put other settings into it")
        return Source(load_sweep(files[0], seeds=seeds), Path(files[0]).stem)
    config, single = None, [read_override(text, f"--set {text}") for text in set_]
    for word in sources:
        if config is None and (word in shipped() or word.endswith((".yaml", ".yml"))):
            config = word
        elif word in ("synth", *DATASETS) or Path(word).exists():
            single.append(Override("data.name", json.dumps(word), word))
        else:
            near = nearest(word, [*shipped(), *DATASETS])
            hint = f"did you mean {near!r}?" if near else "`mlp config list` shows names"
            raise ConfigError(f"{word}: no such sweep, config, data set or file; {hint}")
    lists = [_override(word) for word in words if "=" in word]
    if not lists and seeds is None:
        raise ConfigError("sweep: nothing to vary; give a file, or settings as key=value,value")
    found = word_sweep(config, lists, seeds=seeds or 1, single=single)
    digest = hashlib.sha256(json.dumps(stored(found)).encode()).hexdigest()[:8]
    return Source(found, f"sweep-{Path(config or found.base.data.name).stem}-{digest}")


def folder_of(source: Source, out: Path | None, name: str | None) -> Path:
    """The folder that --out or --name names, else one in runs/ that the sweep alone decides."""
    return run_folder(out, name, "") if out or name else Path("runs") / source.name


def _override(word: str) -> Override:
    """A setting with its values; its name, or what other programs call it, is enough."""
    change = read_override(word, word)
    if setting := exact(change.key):
        return change._replace(key=setting.key)
    near = find(change.key)
    hint = f"did you mean {near.key!r}?" if near else "`mlp config schema` lists them"
    raise ConfigError(f"{word}: unknown setting {change.key!r}; {hint}")
