"""`mlp import`: a PyTorch network as a run."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from mlpcli.cli.options import ConfigOpt, JsonOpt, OfflineOpt, OverwriteOpt, SetOpt, out_option
from mlpcli.cli.output import print_result


def import_(
    file: Annotated[Path, Argument(metavar="FILE", help="A state_dict saved as safetensors.")],
    out: Annotated[Path, out_option("DIR", "Folder of the run.")],
    config: ConfigOpt = None,
    set_: SetOpt = None,
    mean: Annotated[float, Option(metavar="M", help="Mean used to normalize the inputs.")] = 0.0,
    std: Annotated[
        float,
        Option(
            metavar="S", min=1e-6, max=1e6, help="Standard deviation used to normalize the inputs."
        ),
    ] = 1.0,
    overwrite: OverwriteOpt = False,
    offline: OfflineOpt = False,
    json: JsonOpt = False,
) -> None:
    """Make a run of a PyTorch network.

    It must be a chain of linear layers with 784 inputs (28x28 pixels) or 1024. Settings give its
    data and activation, the file its widths. The run works with eval, predict and export.

    In PyTorch: safetensors.torch.save_file(model.state_dict(), "net.safetensors")

    Examples:

    \b
      mlp import net.safetensors --out runs/torch --config mnist
      mlp import net.safetensors --out runs/torch --mean 0.1307 --std 0.3081
    """
    from mlpcli.api.import_weights import import_weights
    from mlpcli.show.activity import activity
    from mlpcli.show.import_weights import as_json, as_text

    with activity(f"importing {file}", quiet=json):
        result = import_weights(
            file, out, config, set_ or [], mean=mean, std=std, overwrite=overwrite, offline=offline
        )
    print_result(result, as_text, as_json, json=json)
