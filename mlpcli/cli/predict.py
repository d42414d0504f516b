"""`mlp predict`: what a run's network sees in images."""

import io
import sys
from enum import StrEnum
from typing import Annotated

import typer

from mlpcli.cli.options import RunArg, Weights, WeightsOpt
from mlpcli.cli.output import echo


class Form(StrEnum):
    """How predictions are written."""

    table = "table"
    csv = "csv"
    jsonl = "jsonl"


def predict_(
    run: RunArg,
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE|FOLDER|-...",
            help="Pictures, IDX or npz files, folders of pictures, or - for standard input.",
        ),
    ],
    top: Annotated[int, typer.Option(metavar="K", min=1, help="Number of classes to name.")] = 3,
    form: Annotated[Form, typer.Option("--format", help="Output format.")] = Form.table,
    invert: Annotated[
        bool | None,
        typer.Option(
            "--invert/--no-invert", help="Swap light and dark (default: as the border suggests)."
        ),
    ] = None,
    center: Annotated[
        bool | None,
        typer.Option(
            "--center/--no-center", help="Fit and center as MNIST does, or only shrink to fit."
        ),
    ] = None,
    weights: WeightsOpt = Weights.best,
) -> None:
    """Classify images: the most probable classes, with probabilities.

    Images larger than 32x32 are prepared like MNIST's: light on dark, the digit
    fitted into 20x20 and centered by its mass. Smaller ones keep their place.

    Standard input holds file names, one per line, or the bytes of one file.

    Examples:

      mlp predict runs/first digit.png

      mlp predict runs/first scans/ --top 1 --format csv

      find . -name '*.jpg' | mlp predict runs/first - --format jsonl
    """
    from mlpcli.api.predict import open_run, predict
    from mlpcli.show.predict import stream

    checkpoint = open_run(run, weights.value)
    stdin = getattr(sys.stdin, "buffer", None) or io.BytesIO()  # None where it was closed
    events = predict(checkpoint, images, stdin, top=top, invert=invert, center=center)
    classes = checkpoint.metadata.classes
    if not stream(events, form.value, classes, decided=invert is None, echo=echo):
        raise typer.Exit(2)
