"""`mlp export`: a run's network as a file for other programs."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mlpcli.cli.options import JsonOpt, RunArg, Weights, WeightsOpt
from mlpcli.cli.output import print_result


class Form(StrEnum):
    """The formats of a file."""

    onnx = "onnx"
    safetensors = "safetensors"
    npz = "npz"


def export(
    run: RunArg,
    form: Annotated[Form, typer.Option("--format", help="File format.")] = Form.onnx,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="The file (default: RUN.FORMAT)."),
    ] = None,
    weights: WeightsOpt = Weights.best,
    json: JsonOpt = False,
) -> None:
    """Write a run's network into a file for other programs.

    onnx (extra `onnx`): a graph from uint8 pixels (n, 32, 32) to probabilities,
    including normalization and softmax. It is written only if onnxruntime gives
    the same probabilities.

    safetensors, npz: the weights W1, b1, ... and the metadata to use them.

    Examples:

      mlp export runs/first

      mlp export runs/first --format npz --out digits.npz
    """
    from mlpcli.api import export as api
    from mlpcli.show.export import as_json, as_text

    result = api.export(run, out, form=form.value, weights=weights.value)
    print_result(result, as_text, as_json, json=json)
