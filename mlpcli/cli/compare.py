"""`mlp compare`: is the difference of two runs real?"""

from typing import Annotated

import typer

from mlpcli.cli.eval import SplitName
from mlpcli.cli.options import DataOpt, JsonOpt, OfflineOpt, RunArg, Weights, WeightsOpt
from mlpcli.cli.output import print_result
from mlpcli.errors import CheckFailed


def compare(
    first: RunArg,
    second: RunArg,
    split: Annotated[SplitName, typer.Option(help="Split to evaluate on.")] = SplitName.test,
    data: DataOpt = None,
    weights: WeightsOpt = Weights.best,
    fail_if_worse: Annotated[
        bool, typer.Option("--fail-if-worse", help="Exit with 1 if the second is worse.")
    ] = False,
    offline: OfflineOpt = False,
    json: JsonOpt = False,
) -> None:
    """Test whether the second run is significantly better or worse than the first.

    Two runs are compared image by image, the runs of several seeds seed by seed.

    Examples:

      mlp compare runs/first runs/second

      mlp compare runs/five runs/wide --split validation
    """
    from mlpcli.api import compare as api
    from mlpcli.show.compare import as_json, as_text

    result = api.compare(
        first, second, split=split.value, data=data, weights=weights.value, offline=offline
    )
    print_result(result, as_text, as_json, json=json)
    if fail_if_worse and result.verdict == "worse":
        raise CheckFailed(
            f"{second}: is worse than {first} by {-result.difference:.4f} (p {result.p:.2g})"
        )
