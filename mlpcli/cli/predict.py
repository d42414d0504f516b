"""`mlp predict`: the classes that a run's network predicts for images."""

import io
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from typer import Argument, Option

from mlpcli.cli.completion import runs
from mlpcli.cli.options import LATEST, JsonOpt, WeightsOpt, chosen_run, say_weights
from mlpcli.cli.output import echo
from mlpcli.errors import ConfigError


def predict_(
    words: Annotated[
        list[str],
        Argument(
            metavar="[RUN] IMAGE|FOLDER|-...",
            help="A run (default: the latest finished one), then pictures, data of any format, "
            "folders, or - for standard input.",
            autocompletion=runs,
        ),
    ],
    top: Annotated[int, Option(metavar="K", min=1, help="Number of classes to name.")] = 3,
    form: Annotated[
        Literal["table", "csv", "jsonl"] | None,
        Option("--format", help="Output format (default: table)."),
    ] = None,
    invert: Annotated[
        bool | None, Option(help="Swap light and dark (default: as the border suggests).")
    ] = None,
    center: Annotated[
        bool | None,
        Option(help="Scale and center the ink, or only shrink (default: as in training)."),
    ] = None,
    weights: WeightsOpt = "auto",
    json: JsonOpt = False,
) -> None:
    """Classify your own images.

    Prints the most probable classes, with probabilities.

    Images of any size are made like the training images: light on dark or the reverse,
    and scaled and centered if those are. Notes say what was done; warnings name images
    that are unlike any training image.

    Standard input holds file names, one per line, or the bytes of one file.

    Examples:

    \b
      mlp predict digit.png
      mlp predict first scans/ --top 1 --format csv
      mlp predict first digit.png --json
      find . -name '*.jpg' | mlp predict first - --format jsonl
    """
    if json and form:
        raise ConfigError("--json and --format: give one of them")

    from mlpcli.api.predict import open_run, predict
    from mlpcli.show.activity import until_first
    from mlpcli.show.predict import as_json, stream

    run, images = _run_and_images(words)
    folder = chosen_run(run)
    selection, checkpoint = open_run(folder, weights)
    say_weights(weights, folder)
    stdin = getattr(sys.stdin, "buffer", None) or io.BytesIO()  # None where it was closed
    events = predict(checkpoint, images, stdin, top=top, invert=invert, center=center)
    if "-" not in images:  # else it may wait for what is typed
        events = until_first(events, "reading images", quiet=json)
    classes = checkpoint.metadata.classes
    decided = {"inverts": invert is None, "centers": center is None}
    result = stream(events, "json" if json else form or "table", classes, **decided, echo=echo)
    if json:
        echo(as_json(str(folder), selection, result))
    if result.errors:
        raise typer.Exit(2)


def _run_and_images(words: list[str]) -> tuple[str | None, list[str]]:
    """The run, if the first word names one, and the images."""
    from mlpcli.api.find_run import lookup

    first, *rest = words
    if first in LATEST or lookup(first):
        if not rest:
            raise ConfigError(f"{first}: is a run; name images too, or - for standard input")
        return first, rest
    if run := next((word for word in rest if lookup(word)), None):
        raise ConfigError(f"{run}: is a run, and comes first: `mlp predict {run} {first}`")
    named_a_run = rest and first != "-" and not Path(first).exists()
    return (first, rest) if named_a_run else (None, words)
