"""`mlp predict`: the classes that a run's network predicts for images."""

import io
import sys
from typing import Annotated, Literal

import typer
from typer import Argument, Option

from mlpcli.cli.options import RunArg, WeightsOpt
from mlpcli.cli.output import echo


def predict_(
    run: RunArg,
    images: Annotated[
        list[str],
        Argument(
            metavar="IMAGE|FOLDER|-...",
            help="Pictures, IDX or npz files, folders of pictures, or - for standard input.",
        ),
    ],
    top: Annotated[int, Option(metavar="K", min=1, help="Number of classes to name.")] = 3,
    form: Annotated[
        Literal["table", "csv", "jsonl"], Option("--format", help="Output format.")
    ] = "table",
    invert: Annotated[
        bool | None, Option(help="Swap light and dark (default: as the border suggests).")
    ] = None,
    center: Annotated[
        bool | None, Option(help="Fit and center as MNIST does, or only shrink to fit.")
    ] = None,
    weights: WeightsOpt = "best",
) -> None:
    """Classify images: the most probable classes, with probabilities.

    Images larger than 32x32 are prepared like MNIST's: light on dark, the digit
    fitted into 20x20 and centered by its mass. Smaller ones keep their place.

    Standard input holds file names, one per line, or the bytes of one file.

    Examples:

    \b
      mlp predict runs/first digit.png
      mlp predict runs/first scans/ --top 1 --format csv
      find . -name '*.jpg' | mlp predict runs/first - --format jsonl
    """
    from mlpcli.api.predict import open_run, predict
    from mlpcli.show.predict import stream

    checkpoint = open_run(run, weights)
    stdin = getattr(sys.stdin, "buffer", None) or io.BytesIO()  # None where it was closed
    events = predict(checkpoint, images, stdin, top=top, invert=invert, center=center)
    classes = checkpoint.metadata.classes
    if not stream(events, form, classes, decided=invert is None, echo=echo):
        raise typer.Exit(2)
