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


def predict(
    run: RunArg,
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE|FOLDER|-...",
            help="Pictures, IDX or npz files, folders of pictures, or - for standard input.",
        ),
    ],
    top: Annotated[int, typer.Option(metavar="K", min=1, help="Classes to name.")] = 3,
    form: Annotated[Form, typer.Option("--format", help="How to write them.")] = Form.table,
    invert: Annotated[
        bool | None,
        typer.Option(
            "--invert/--no-invert", help="Swap light and dark; without it, the border decides."
        ),
    ] = None,
    center: Annotated[
        bool | None,
        typer.Option(
            "--center/--no-center", help="Fit and centre as MNIST does, or only shrink to fit."
        ),
    ] = None,
    weights: WeightsOpt = Weights.best,
) -> None:
    """Say which classes images belong to, with probabilities, as the images come.

    Images larger than 32x32 are prepared as MNIST's were: light on dark, the
    digit fitted into 20x20 and centred by its mass. Smaller ones keep their place.

    From standard input come file names, one a line, or the bytes of one file.

    Examples:

      mlp predict runs/first digit.png

      mlp predict runs/first scans/ --top 1 --format csv

      find . -name '*.jpg' | mlp predict runs/first - --format jsonl
    """
    from mlpcli.runs import checkpoint
    from mlpcli.runs.predict import predict as events_of
    from mlpcli.show import predictions as text

    kept = checkpoint.of_run(run, weights.value)
    stdin = getattr(sys.stdin, "buffer", None) or io.BytesIO()  # None where it was closed
    events = events_of(kept, images, stdin, top=top, invert=invert, center=center)
    if not text.stream(events, form.value, kept.facts.classes, decided=invert is None, echo=echo):
        raise typer.Exit(2)
