"""`mlp eval`: how good is a run, with honest bounds."""

from enum import StrEnum
from typing import Annotated

import typer

from mlpcli.cli.options import DataOpt, JsonOpt, OfflineOpt, RunArg, Weights, WeightsOpt
from mlpcli.cli.output import print_result
from mlpcli.errors import CheckFailed


class SplitName(StrEnum):
    """The parts of a data set."""

    test = "test"
    validation = "validation"
    train = "train"


def eval_(
    run: RunArg,
    split: Annotated[SplitName, typer.Option(help="Split to evaluate on.")] = SplitName.test,
    data: DataOpt = None,
    weights: WeightsOpt = Weights.best,
    fail_under: Annotated[
        float | None,
        typer.Option(
            metavar="FRACTION", min=0, max=1, help="Exit with 1 if the accuracy is lower."
        ),
    ] = None,
    offline: OfflineOpt = False,
    json: JsonOpt = False,
) -> None:
    """Evaluate a run: loss, accuracy with its 95% interval, confusion matrix.

    For the runs of several seeds: each accuracy, their mean and its 95% interval.

    Examples:

      mlp eval runs/first

      mlp eval runs/first --split validation --json

      mlp eval runs/first --fail-under 0.98
    """
    from mlpcli.api.eval import evaluate
    from mlpcli.show.eval import as_json, as_text

    result = evaluate(run, split=split.value, data=data, weights=weights.value, offline=offline)
    print_result(result, as_text, as_json, json=json)
    if fail_under is not None and result.accuracy < fail_under:
        raise CheckFailed(f"{run}: accuracy must be at least {fail_under}, got {result.accuracy}")
