"""Which weights `auto` took, in words and as JSON."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from mlpcli.runs.folder import RunFolder
from mlpcli.runs.selection import SAME, Selection, Weights, select
from mlpcli.show.format import METRICS, percent, pick
from mlpcli.training.progress import Metrics

EITHER = "best or last"  # of several runs of which `auto` took both


def notes(folders: Iterable[Path], weights: Weights) -> Iterator[str]:
    """A line for each run, or folder of several, of which `auto` had a choice."""
    for folder in folders:
        place = RunFolder(folder)
        members = {run.number: select(run, weights) for run in place.series()}
        kind = place.series_kind()
        if kind:
            yield from (f"{folder}: {text}" for text in of_series(members, kind))
        elif not kind and place.path.is_dir() and (one := select(place, weights)).is_choice:
            yield f"{folder}: {line(one)}"


def line(selection: Selection) -> str:
    """The weights, what both have on the validation images, and why."""
    scores = ""
    if selection.best and selection.last:
        own, other = _values([selection])
        scores = (
            f", validation {METRICS[selection.metric]} {percent(own)} "
            f"({_other(selection)} weights {percent(other)})"
        )
    return f"{selection.weights} weights{scores}: {selection.reason}"


def of_series(members: dict[int, Selection], kind: str) -> list[str]:
    """A line for several seeds or folds, as kind says, where `auto` had a choice."""
    if not any(each.is_choice for each in members.values()):
        return []
    parts = []
    default = "last" if any(each.weights == "last" for each in members.values()) else "best"
    taken = {n: default if each.reason == SAME else each.weights for n, each in members.items()}
    for which in ("last", "best"):
        numbers = [str(n) for n, weights in taken.items() if weights == which]
        if len(numbers) == len(members):
            parts = [f"{which} weights of all {len(members)} {kind}s"]
        elif numbers:
            parts.append(
                f"{which} weights of {kind}{'s' * (len(numbers) > 1)} {', '.join(numbers)}"
            )
    text, known = ", ".join(parts), [each for each in members.values() if each.best and each.last]
    if len(known) < len(members):
        return [text]
    own, other = _values(known)
    metric = METRICS[known[0].metric]
    return [f"{text}: mean validation {metric} {percent(own)} ({percent(other)} with the others)"]


def as_json(selection: Selection | None) -> dict[str, Any] | None:
    """The choice of `auto`, and what both weights have; None where they were asked for by name."""
    if not selection or not selection.reason:
        return None
    return {
        **pick(selection, "weights", "reason"),
        "best": _scores(selection.best),
        "last": _scores(selection.last),
    }


def named(weights: str) -> str:
    """The weights of one or several runs, in words."""
    return f"{EITHER if weights == 'auto' else weights} weights"


def _values(selections: Sequence[Selection]) -> tuple[float, float]:
    """The means of the metric on the validation images, of these weights and of the others."""
    own, other = [], []
    for each in selections:
        assert each.best
        assert each.last
        pair = each.best.validation(each.metric), each.last.validation(each.metric)
        own.append(pair[each.weights == "last"])
        other.append(pair[each.weights == "best"])
    return fmean(own), fmean(other)


def _other(selection: Selection) -> str:
    return "best" if selection.weights == "last" else "last"


def _scores(epoch: Metrics | None) -> dict[str, Any] | None:
    names = (f"validation_{name}" for name in ("loss", *METRICS))
    return pick(epoch, "epoch", *names) if epoch else None
