"""`mlp compare`: is the difference between two runs significant?"""

from typing import Annotated

from mlpcli.cli.options import DataOpt, JsonOpt, OfflineOpt, RunArg, SplitOpt, WeightsOpt, flag
from mlpcli.cli.output import print_result
from mlpcli.errors import CheckFailed


def compare(
    first: RunArg,
    second: RunArg,
    split: SplitOpt = "test",
    data: DataOpt = None,
    weights: WeightsOpt = "best",
    fail_if_worse: Annotated[
        bool, flag("--fail-if-worse", "Exit with 1 if the second is worse.")
    ] = False,
    offline: OfflineOpt = False,
    json: JsonOpt = False,
) -> None:
    """Test whether the second run is significantly better or worse than the first.

    Two runs are compared image by image, the runs of several seeds seed by seed.

    Examples:

    \b
      mlp compare runs/first runs/second
      mlp compare runs/five runs/wide --split validation
    """
    from mlpcli.api import compare as api
    from mlpcli.show.compare import as_json, as_text

    result = api.compare(first, second, split=split, data=data, weights=weights, offline=offline)
    print_result(result, as_text, as_json, json=json)
    if fail_if_worse and result.verdict == "worse":
        raise CheckFailed(
            f"{second}: is worse than {first} by {-result.difference:.4f} (p {result.p:.2g})"
        )
