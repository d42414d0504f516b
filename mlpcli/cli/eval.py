"""`mlp eval`: the accuracy of a run, with its confidence interval."""

from typing import Annotated

from typer import Option

from mlpcli.cli.options import JsonOpt, OfflineOpt, OtherDataOpt, RunArg, SplitOpt, WeightsOpt
from mlpcli.cli.output import echo, print_result
from mlpcli.errors import CheckFailed


def eval_(
    run: RunArg,
    split: SplitOpt = "test",
    data: OtherDataOpt = None,
    weights: WeightsOpt = "best",
    fail_under: Annotated[
        float | None,
        Option(metavar="FRACTION", min=0, max=1, help="Exit with 1 if the accuracy is lower."),
    ] = None,
    offline: OfflineOpt = False,
    json: JsonOpt = False,
) -> None:
    """Evaluate a run: loss, accuracy with its 95% interval, confusion matrix.

    Other data may be class folders alone, a test split alone, and of any size: its
    images are prepared as `mlp predict` does, and notes say how.

    For the runs of several seeds: each accuracy, their mean and its 95% interval.

    Examples:

    \b
      mlp eval runs/first
      mlp eval runs/first --split validation --json
      mlp eval runs/first --fail-under 0.98
      mlp eval runs/first --data photos/
    """
    from mlpcli.api.eval import evaluate
    from mlpcli.show.eval import as_json, as_text, notes

    result = evaluate(run, split=split, data=data, weights=weights, offline=offline)
    for note in notes(result):
        echo(f"note: {data}: {note}", err=True)
    print_result(result, as_text, as_json, json=json)
    if fail_under is not None and result.accuracy < fail_under:
        raise CheckFailed(f"{run}: accuracy must be at least {fail_under}, got {result.accuracy}")
