"""A network's predictions: a table, CSV or JSON lines, each written as the images come."""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from mlpcli.api.predict import Event, Prediction
from mlpcli.data.image_sources import Skipped
from mlpcli.errors import DataError
from mlpcli.runs.selection import Selection
from mlpcli.show import selection
from mlpcli.show.format import csv_line, fitted, json_object, percent
from mlpcli.terminal import one_line, terminal_width

MAX_NAME_WIDTH = 20  # columns of a terminal for the name of a class
PROBABILITY = "probability"


class Change(NamedTuple):
    """Something that is done to images before the network sees them, with a note on the first."""

    applies: Callable[[Prediction], bool]
    text: str  # {0}: the first such prediction
    summary: str = ""  # of the note at the end, which counts them


INVERSION = (
    Change(
        lambda each: each.inverted and each.light,
        "is dark on light, so it was inverted; --no-invert leaves it",
        "inverted",
    ),
    Change(
        lambda each: each.inverted and not each.light,
        "is light on dark, so it was inverted; --no-invert leaves it",
        "inverted",
    ),
)
FITTING = (
    Change(
        lambda each: each.centered,
        "its ink was scaled and moved, as in training; --no-center leaves it",
        "scaled and moved",
    ),
    Change(lambda each: each.shrunk, "was shrunk to the size of the training images"),
)
READING = (Change(lambda each: each.white != 255, "white is {0.white:g}"),)
WARNINGS: tuple[tuple[Callable[[Prediction], bool], str], ...] = (
    (lambda each: each.blank, "blank image; the prediction is meaningless"),
    (lambda each: each.pieces, "several pieces of ink; the network knows one character at a time"),
    (lambda each: each.outlier, "unlike any training image; the prediction may be meaningless"),
)


class Result(NamedTuple):
    """What was found out about the images, and not yet written."""

    predictions: list[Prediction]  # only where they are not written as they come
    errors: list[str]  # of the images that cannot be read


def as_json(run: str, selected: Selection, result: Result) -> str:
    """All predictions as one JSON object."""
    facts = {"weights": selected.weights, "selection": selection.as_json(selected)}
    return json_object({"run": run, **facts, **result._asdict()})


def stream(
    events: Iterable[Event],
    form: str,
    classes: Sequence[str],
    *,
    inverts: bool,
    centers: bool,
    echo: Callable[..., None],
) -> Result:
    """Write predictions as they come, or collect them for JSON.

    form: "table", "csv", "jsonl" or "json". inverts, centers: whether the program chose to, and so
    reports it. echo: writes a text to standard output, or to standard error with err=True.
    """
    result, images = Result([], []), 0
    changes = [*(INVERSION if inverts else ()), *(FITTING if centers else ()), *READING]
    counts = dict.fromkeys(changes, 0)
    warned: dict[str, list[str]] = {}  # of this file, the images of each warning
    skipped: dict[str, list[str]] = {}  # names by reason
    file = ""
    for batch in events:
        if isinstance(batch, Skipped):
            skipped.setdefault(batch.reason, []).append(batch.name)
            continue
        if isinstance(batch, DataError) or batch[0].image != file:
            _warn(warned, echo)
            file = "" if isinstance(batch, DataError) else batch[0].image
        if isinstance(batch, DataError):
            result.errors.append(f"{batch}")
            echo(one_line(f"error: {batch}"), err=True)
            continue
        for change in changes:
            changed = [each for each in batch if change.applies(each)]
            if changed and not counts[change]:
                note = f"note: {changed[0].image}: {change.text.format(*changed)}"
                echo(one_line(note), err=True)
            counts[change] += len(changed)
        for applies, text in WARNINGS:
            if places := [_place(each) for each in batch if applies(each)]:
                warned.setdefault(text, []).extend(places)
        if form == "json":
            result.predictions.extend(batch)
        else:
            head = [] if images else _head(form, batch[0], classes)
            text = "\n".join([*head, *_lines(form, batch, classes)])
            echo(fitted(text, terminal_width(sys.stdout)) if form == "table" else text)
        images += len(batch)
    _warn(warned, echo)
    for change, count in counts.items():
        if change.summary and count > 1:
            echo(f"note: {count:,} of {images:,} images were {change.summary}", err=True)
    for reason, names in skipped.items():
        more = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
        echo(one_line(f"note: left out {names[0]}{more}: {reason}"), err=True)
    return result


def _warn(warned: dict[str, list[str]], echo: Callable[..., None]) -> None:
    """Mutates warned: tells of its images, and empties it."""
    for text, places in warned.items():
        more = f" and {len(places) - 1:,} more" if len(places) > 1 else ""
        echo(one_line(f"warning: {places[0]}{more}: {text}"), err=True)
    warned.clear()


def _head(form: str, first: Prediction, classes: Sequence[str]) -> list[str]:
    """The line before the first prediction."""
    ranks = range(1, len(first.top) + 1)
    if form == "csv":
        names = [f"{what}_{k}" for k in ranks for what in ("class", "probability")]
        return [csv_line(["image", "row", "inverted", *names])]
    if form == "table":
        return [_row([(f"#{k}", PROBABILITY) for k in ranks], "image", _width(classes))]
    return []


def _lines(form: str, batch: Sequence[Prediction], classes: Sequence[str]) -> list[str]:
    """A line for each prediction."""
    if form == "jsonl":
        return list(map(json_object, batch))
    if form == "csv":
        return [csv_line(map(one_line, _cells(each))) for each in batch]
    width = _width(classes)
    return [
        _row([(g.name, percent(g.probability)) for g in each.top], _place(each), width)
        for each in batch
    ]


def _cells(each: Prediction) -> list[str]:
    row = "" if each.row is None else str(each.row)
    guesses = [cell for g in each.top for cell in (g.name, f"{g.probability:.6f}")]
    return [each.image, row, str(each.inverted).lower(), *guesses]


def _place(each: Prediction) -> str:
    return each.image if each.row is None else f"{each.image}[{each.row}]"


def _width(classes: Sequence[str]) -> int:
    """Columns for the name of a class, which may be in any script."""
    return min(max(3, *(cell_len(one_line(name)) for name in classes)), MAX_NAME_WIDTH)


def _row(guesses: list[tuple[str, str]], place: str, width: int) -> str:
    """Guesses in columns, the place last, since its length is not known before."""
    pairs = (
        f"{set_cell_size(one_line(name), width)}  {probability:>{len(PROBABILITY)}}"
        for name, probability in guesses
    )
    return "  ".join([*pairs, one_line(place)])
