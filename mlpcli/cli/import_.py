"""`mlp import`: a network of PyTorch as a run."""

from pathlib import Path
from typing import Annotated

import typer

from mlpcli.cli.options import ConfigOpt, JsonOpt, OfflineOpt, SetOpt
from mlpcli.cli.output import echo


def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A state_dict saved as safetensors.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder of the run.")],
    config: ConfigOpt = None,
    set_: SetOpt = None,
    mean: Annotated[
        float, typer.Option(metavar="M", help="What its training took off pixels in [0, 1].")
    ] = 0.0,
    std: Annotated[
        float, typer.Option(metavar="S", min=1e-6, help="What it then divided them by.")
    ] = 1.0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a run that lies in the folder.")
    ] = False,
    offline: OfflineOpt = False,
    json: JsonOpt = False,
) -> None:
    """Make a run of a network of linear layers that PyTorch trained.

    The settings name its data and its activation, the file has the widths of its
    layers. It takes 784 inputs, 28x28 pixels, or 1024. The run is one for eval,
    predict and export.

    In PyTorch: safetensors.torch.save_file(model.state_dict(), "net.safetensors")

    Examples:

      mlp import net.safetensors --out runs/torch --config mnist

      mlp import net.safetensors --out runs/torch --mean 0.1307 --std 0.3081
    """
    from mlpcli.runs.transplant import transplant
    from mlpcli.show import exchange as text

    result = transplant(
        file,
        out,
        config,
        set_ or [],
        mean=mean,
        std=std,
        overwrite=overwrite,
        offline=offline,
    )
    echo(text.imported(result, json=json))
