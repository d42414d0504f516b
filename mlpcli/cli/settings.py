"""Settings on the command line: a config or data by name, `key=value`, --set, and options.

Their names and descriptions are the schema's: see `config.keys`.
"""

import json
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from typer import Argument, Option

from mlpcli.cli.completion import configs, datasets, sources_and_settings
from mlpcli.config.keys import Override, exact, read_override, settings
from mlpcli.errors import ConfigError, nearest

SETTINGS = "[NAME|PATH] [KEY=VALUE]..."
SettingsArg = Annotated[
    list[str] | None,
    Argument(
        metavar=SETTINGS,
        help="A config or data, by name or path, and settings to change.",
        autocompletion=sources_and_settings,
        show_default=False,
    ),
]


def setting_option(key: str, metavar: str) -> Any:
    """The option of a setting, with the schema's name and description of it."""
    each = settings()[key]
    text = f"{each.description[:1].upper()}{each.description[1:]}."
    return Option(
        f"--{each.name}", metavar=metavar, help=text, autocompletion=lambda: list(each.values)
    )


class Settings(NamedTuple):
    """A config, and the changes of the command line."""

    config: str | None
    changes: list[Override]


def read_settings(
    words: list[str] | None,
    config: str | None,
    set_: list[str] | None,
    options: dict[str, Any],
    *,
    run_option: str = "--run",
) -> Settings:
    """What a command's arguments, --config, --set and the options of settings ask for.

    words: the name of a config or of data, and `key=value`, which changes what --set and options
    have set; a setting's name is enough, such as momentum. options: values, None where not given,
    by the key of their setting. run_option: what takes a run, for the message about one. Raises
    ConfigError.
    """
    changes = [read_override(text, f"--set {text}") for text in set_ or []]
    for key, value in options.items():
        if value is not None:
            changes.append(_override(key, value, f"--{settings()[key].name} {value}"))
    for word in words or []:
        if "=" in word:
            name, _, value = word.partition("=")
            setting = exact(name)
            changes.append(_override(setting.key if setting else name, value, word))
        elif (found := _source(word, config, run_option)) == "config" and config is None:
            config = word
        elif found == "data" and "data.name" not in [change.key for change in changes]:
            changes.append(_override("data.name", word, word))
        else:
            raise ConfigError(f"{word}: only one config and one data set, then key=value")
    return Settings(config, changes)


def _override(key: str, value: Any, label: str) -> Override:
    known = settings().get(key)
    text = json.dumps(value) if known and known.is_text and not known.values else str(value)
    return read_override(f"{key}={text}", label)


def _source(word: str, config: str | None, run_option: str) -> str:
    """Whether a word names a "config" or "data", where config is what --config names."""
    shipped, data = configs(""), datasets()
    if config is None and (word in shipped or word.endswith((".yaml", ".yml"))):
        return "config"
    if word in data or (Path(word).exists() and not Path(word, "run.json").exists()):
        return "data"
    if Path(word, "run.json").exists() or Path("runs", word, "run.json").exists():
        raise ConfigError(f"{word}: is a run; use {run_option} {word}")
    near = nearest(word.lower().rpartition("/")[2], [*shipped, *data])
    hint = f"did you mean {near!r}?" if near else "`mlp config list` and `mlp data list` show names"
    raise ConfigError(f"{word}: no such config, data set or file; {hint}")


def refuse_settings_of(run: str | None, given: Settings) -> None:
    """Raise ConfigError where settings are given beside a run, which has its own."""
    if run and (given.config or given.changes):
        raise ConfigError("--run: a run has its own settings; leave out the config and settings")
