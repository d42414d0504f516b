"""The command that trains a trial of a sweep again."""

import shlex
from typing import Any

from mlpcli.api.sweep_plan import THREADS
from mlpcli.config.keys import settings
from mlpcli.config.load import changed_settings
from mlpcli.config.schema import Config


def command(config: Config) -> str:
    """The `mlp train` that trains a trial with these settings to the same weights."""
    changed = changed_settings(config)
    name = changed.pop("data.name", None)
    words = [str(name)] if name else []
    kinds = [key for key in changed if key.endswith(".name")]  # a kind brings its defaults
    for key in [*kinds, *(key for key in changed if key not in kinds)]:
        words.append(f"{key}={_text(key, changed[key])}")
    return shlex.join(["mlp", "train", *words, "--threads", f"{THREADS}"])


def _text(key: str, value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return f"[{','.join(map(str, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {each}" for name, each in value.items()) + "}"
    known = settings().get(key)
    return repr(value) if known and not known.is_text and isinstance(value, str) else str(value)
