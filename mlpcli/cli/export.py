"""`mlp export`: a run's network as a file for other programs."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mlpcli.cli.options import JsonOpt, RunArg, Weights, WeightsOpt
from mlpcli.cli.output import echo


class Form(StrEnum):
    """The formats of a file."""

    onnx = "onnx"
    safetensors = "safetensors"
    npz = "npz"


def export(
    run: RunArg,
    form: Annotated[Form, typer.Option("--format", help="Kind of file.")] = Form.onnx,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="The file; RUN.FORMAT without it."),
    ] = None,
    weights: WeightsOpt = Weights.best,
    json: JsonOpt = False,
) -> None:
    """Write a run's network into a file for other programs.

    onnx (extra `onnx`): a graph from uint8 pixels (n, 32, 32) to probabilities,
    with normalisation and softmax inside. Before it is written, onnxruntime must
    give the same probabilities.

    safetensors, npz: the weights W1, b1, ... and what using them needs.

    Examples:

      mlp export runs/first

      mlp export runs/first --format npz --out digits.npz
    """
    from mlpcli.runs import export as runs
    from mlpcli.show import exchange as text

    file = out or Path(f"{run.resolve().name}.{form.value}")
    result = runs.export(run, file, form=form.value, weights=weights.value)
    echo(text.exported(result, json=json))
