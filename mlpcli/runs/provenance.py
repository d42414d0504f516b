"""The commands that reproduce a run."""

import json
import math
import re
import shlex
from typing import Any

from mlpcli.config.load import changed_settings
from mlpcli.config.schema import Config
from mlpcli.runs.checkpoint import Metadata
from mlpcli.runs.record import RunRecord

TEXT = re.compile(r"(?!(true|false|null)$)(\.{0,2}/)?[a-z][\w./-]*", re.IGNORECASE)  # in YAML too


def commands(metadata: Metadata, record: RunRecord, name: str) -> list[str]:
    """Shell commands that reproduce the weights on the same machine with the same versions.

    metadata: of the last weights; name: of the run's folder. What no command can repeat is a line
    that begins with `#`.
    """
    (_, epochs), *later = metadata.epoch_limits
    seed = metadata.config.seed
    words = [
        word
        for change in overrides(metadata.config)
        if not change.startswith(("train.epochs=", "seed="))
        for word in ("--set", change)
    ]
    limit = ("--threads", record.environment.threads)
    lines = [_line("train", *words, "--epochs", epochs, "--seed", seed, *limit, "--name", name)]
    steps = math.ceil(record.data.training_images / metadata.config.train.batch_size)
    for done, longer in later:
        if done != epochs * steps:
            lines.append(f"# stop it with Ctrl-C after step {done:,}")
        lines.append(_line("train", "--resume", f"runs/{name}", "--epochs", longer, *limit))
        epochs = longer
    if not record.reproducible:
        lines.append("# a time budget makes its bits depend on the clock")
    if record.forced:
        lines.append("# settings or data were changed on the way, by --force")
    return lines


def overrides(config: Config) -> list[str]:
    """The changes from the defaults: `load_config(None, overrides(config)) == config`.

    >>> from mlpcli.config.load import load_config
    >>> overrides(load_config("quickstart", ["seed=3"]))
    ['seed=3', 'train.epochs=6']
    """
    return [_override(key, value) for key, value in changed_settings(config).items()]


def _override(key: str, value: Any) -> str:
    """`key=value`, as `--set` reads it; text is quoted unless it is plainly text."""
    if isinstance(value, str) and TEXT.fullmatch(value):
        return f"{key}={value}"
    return f"{key}={json.dumps(value, ensure_ascii=False)}"


def _line(*words: str | int) -> str:
    return shlex.join(["mlp", *map(str, words)])
