"""`mlp compare`: is the difference of two runs real?"""

from functools import partial
from typing import Annotated

import typer

from mlpcli.cli.eval import SplitName
from mlpcli.cli.options import DataOpt, JsonOpt, OfflineOpt, RunArg, Weights, WeightsOpt
from mlpcli.cli.output import echo
from mlpcli.errors import CheckFailed


def compare(
    first: RunArg,
    second: RunArg,
    split: Annotated[SplitName, typer.Option(help="Images to judge them on.")] = SplitName.test,
    data: DataOpt = None,
    weights: WeightsOpt = Weights.best,
    fail_if_worse: Annotated[
        bool, typer.Option("--fail-if-worse", help="Exit with 1 when the second is worse.")
    ] = False,
    offline: OfflineOpt = False,
    json: JsonOpt = False,
) -> None:
    """Say whether the second run is better or worse than the first, or that this cannot be told.

    Two runs are compared image by image, the runs of several seeds seed by seed.

    Examples:

      mlp compare runs/first runs/second

      mlp compare runs/five runs/wide --split validation
    """
    from mlpcli.runs import compare as runs
    from mlpcli.runs.evaluate import evaluate
    from mlpcli.show.compare import compared

    judge = partial(evaluate, split=split.value, data=data, weights=weights.value, offline=offline)
    found = runs.compare(first, second, judge)
    echo(compared(found, json=json))
    if fail_if_worse and found.verdict == "worse":
        raise CheckFailed(
            f"{second}: is worse than {first} by {-found.difference:.4f} (p {found.p:.2g})"
        )
