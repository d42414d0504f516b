"""The columns of `mlp runs`: facts of a run, and its settings by their dotted or short names."""

from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, NamedTuple

from mlpcli.config import keys
from mlpcli.errors import ConfigError, nearest

SYNONYMS = {"tag": "tags", "name": "run", "time": "seconds", "notes": "note"}
# what other columns show already, and what no result depends on
UNREMARKABLE = ("seed", "data.name", "data.folds", "data.fold", "train.epochs", "train.metric")
UNREMARKABLE_SECTIONS = ("checkpoint.", "log.")


class Entry(NamedTuple):
    """One run; None where something is not known."""

    run: str  # its folder
    data: str | None
    status: str  # of run.json, or "damaged", or "incomplete"
    accuracy: float | None = None  # validation accuracy of the best epoch, a fraction
    loss: float | None = None  # its validation loss, in nats
    epochs: int | None = None  # done
    seconds: float | None = None
    seed: int | None = None
    parameters: int | None = None
    started: str | None = None  # ISO 8601, UTC
    metric: str | None = None  # whose highest value decides which epoch is best
    balanced_accuracy: float | None = None  # of the same epoch, fractions
    macro_f1: float | None = None
    tags: tuple[str, ...] = ()
    note: str | None = None
    series: str | None = None  # the folder, if it is one of several seeds or folds
    settings: dict[str, Any] = {}  # noqa: RUF012  # never changed; by dotted keys, empty if damaged

    def value(self, column: str) -> Any:
        """What it has in a column; None if it has nothing there."""
        return getattr(self, column) if column in FIELDS else self.settings.get(column)

    def matches(self, column: str, wanted: str) -> bool:
        """Whether it has that value there, as a person writes it; of tags, whether it has that."""
        value = self.value(column)
        if column == "tags":
            return wanted in value
        if value is None or isinstance(value, bool):
            return wanted.lower() in (text(value), str(value).lower())
        if isinstance(value, int | float):
            try:
                return float(wanted) == value
            except ValueError:
                return False
        return wanted.strip("[]").replace(", ", ",") == text(value)


FIELDS = tuple(name for name in Entry._fields if name != "settings")


class Line(NamedTuple):
    """One line of the list: a run, or those of several seeds or folds."""

    entries: list[Entry]  # at least one

    @property
    def kind(self) -> str | None:
        """What several runs differ in, "seed" or "fold"; None for one run."""
        return Path(self.entries[0].run).name.partition("-")[0] if self.entries[1:] else None

    @property
    def run(self) -> str:
        """The folder of the run, or of the several."""
        first = self.entries[0]
        return first.series or first.run if self.kind else first.run

    def value(self, column: str) -> Any:
        """What the run has in a column; of several, their mean, sum or what all have."""
        values = [entry.value(column) for entry in self.entries]
        if column == "run":
            return self.run
        known = [value for value in values if value is not None]
        if not known:
            return None
        if column in SUMMARIES:
            return SUMMARIES[column](known)
        return known[0] if all(value == known[0] for value in values) else None

    def sd(self, column: str) -> float | None:
        """Standard deviation over several runs, with n - 1; None unless all have a value."""
        values = [entry.value(column) for entry in self.entries]
        return stdev(values) if values[1:] and None not in values else None

    @property
    def status(self) -> str:
        """That of the run; of several, how many have finished."""
        finished = sum(entry.status == "finished" for entry in self.entries)
        return self.value("status") or f"{finished} of {len(self.entries)} finished"


SUMMARIES: dict[str, Callable[[list[Any]], Any]] = {
    **dict.fromkeys(("accuracy", "loss", "balanced_accuracy", "macro_f1", "epochs"), fmean),
    "seconds": sum,
    "started": min,
    "tags": lambda tags: tuple(dict.fromkeys(tag for each in tags for tag in each)),
}


def find(name: str, place: str) -> str:
    """The column of that name: a field of Entry, or the dotted key of a setting.

    name: of a field, or of a setting, dotted or short. place: the option, for messages.
    Raises ConfigError with the nearest name.
    """
    word = name.strip().lower().replace("-", "_")
    word = SYNONYMS.get(word, word)
    if word in FIELDS:
        return word
    setting = keys.find(word)
    if setting and word in (setting.key, short_name(setting.key), *setting.synonyms):
        return setting.key
    names = [*FIELDS, *map(short_name, keys.settings()), *keys.settings()]
    near = nearest(word, names) if len(word) > 2 else None  # a letter or two is near anything
    hint = f"did you mean {near!r}?" if near else f"expected one of {', '.join(FIELDS)}, or a"
    raise ConfigError(
        f"{place}: unknown column {name!r}; {hint}"
        + ("" if near else " setting such as lr or optimizer.name")
    )


def short_name(column: str) -> str:
    """The shortest name by which `find` finds a column.

    >>> short_name("optimizer.lr"), short_name("train.epochs"), short_name("accuracy")
    ('lr', 'train.epochs', 'accuracy')
    """
    setting = keys.settings().get(column)
    name = setting.name.replace("-", "_") if setting else column
    return name if setting and name not in FIELDS else column


def differing(entries: Iterable[Entry]) -> list[str]:
    """The settings of which the runs have several values, in the order of the schema.

    A setting that only some runs have, such as the momentum of SGD, counts by the values there.
    """
    seen: dict[str, set[str]] = {}
    for entry in entries:
        for key, value in entry.settings.items():
            seen.setdefault(key, set()).add(repr(value))
    return [
        key
        for key in keys.settings()
        if len(seen.get(key, ())) > 1
        and key not in UNREMARKABLE
        and not key.startswith(UNREMARKABLE_SECTIONS)
    ]


def text(value: Any) -> str:
    """A setting as a person writes it.

    >>> text([512, 256]), text(1e-05), text(None), text(True)
    ('512,256', '1e-05', 'null', 'true')
    """
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, dict):
        return ",".join(f"{key}:{text(each)}" for key, each in value.items())
    if isinstance(value, list | tuple):
        return ",".join(map(text, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
