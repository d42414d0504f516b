"""`mlp export`: a run's network as a file for other programs."""

from pathlib import Path
from typing import Annotated, Literal

from typer import Option

from mlpcli.cli.options import (
    JsonOpt,
    OverwriteFileOpt,
    RunArg,
    WeightsOpt,
    chosen_run,
    out_option,
    say_weights,
)
from mlpcli.cli.output import print_result


def export(
    run: RunArg = None,
    form: Annotated[
        Literal["onnx", "safetensors", "npz"], Option("--format", help="File format.")
    ] = "onnx",
    out: Annotated[Path | None, out_option("FILE", "The file (default: RUN.FORMAT).")] = None,
    weights: WeightsOpt = "auto",
    overwrite: OverwriteFileOpt = False,
    json: JsonOpt = False,
) -> None:
    """Write a network for other programs.

    onnx (extra `onnx`): a graph from uint8 pixels (n, 32, 32) to probabilities,
    including normalization and softmax. It is written only if onnxruntime gives
    the same probabilities.

    safetensors, npz: the weights W1, b1, ... and the metadata to use them.

    Examples:

    \b
      mlp export
      mlp export first --format npz --out digits.npz
    """
    from mlpcli.api import export as api
    from mlpcli.show.activity import activity
    from mlpcli.show.export import as_json, as_text

    folder = chosen_run(run)
    with activity(f"exporting {folder}", quiet=json):
        result = api.export(folder, out, form=form, weights=weights, overwrite=overwrite)
    say_weights(weights, folder)
    print_result(result, as_text, as_json, json=json)
