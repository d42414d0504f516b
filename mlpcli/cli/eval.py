"""`mlp eval`: how good is a run, with honest bounds."""

from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from mlpcli.cli.options import DataOpt, JsonOpt, OfflineOpt, RunArg, Weights, WeightsOpt
from mlpcli.cli.output import echo
from mlpcli.errors import CheckFailed


class SplitName(StrEnum):
    """The parts of a data set."""

    test = "test"
    validation = "validation"
    train = "train"


def eval_(
    run: RunArg,
    split: Annotated[SplitName, typer.Option(help="Images to judge it on.")] = SplitName.test,
    data: DataOpt = None,
    weights: WeightsOpt = Weights.best,
    fail_under: Annotated[
        float | None,
        typer.Option(
            metavar="FRACTION", min=0, max=1, help="Exit with 1 when the accuracy is lower."
        ),
    ] = None,
    offline: OfflineOpt = False,
    json: JsonOpt = False,
) -> None:
    """Print a run's loss, accuracy with its 95 % interval, and what it confuses.

    Of the runs of several seeds: each accuracy, their average and its 95 % interval.

    Examples:

      mlp eval runs/first

      mlp eval runs/first --split validation --json

      mlp eval runs/first --fail-under 0.98
    """
    from mlpcli.runs import record, several
    from mlpcli.runs.evaluate import evaluate
    from mlpcli.show import several as show
    from mlpcli.show import text

    judge = partial(evaluate, split=split.value, data=data, weights=weights.value, offline=offline)
    if record.members(run):
        evaluations = several.evaluate(run, judge)
        echo(show.evaluated(run, evaluations, json=json))
        accuracy = evaluations.accuracy.mean
    else:
        result = judge(run)
        echo(text.evaluated(result, json=json))
        accuracy = result.scores.accuracy
    if fail_under is not None and accuracy < fail_under:
        raise CheckFailed(f"{run}: accuracy must be at least {fail_under}, got {accuracy}")
