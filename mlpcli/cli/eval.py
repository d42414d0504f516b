"""`mlp eval`: the accuracy of a run, with its confidence interval."""

from functools import partial
from typing import Annotated

from typer import Option

from mlpcli.cli.options import (
    JsonOpt,
    JunitOpt,
    MarkdownOpt,
    OfflineOpt,
    OtherDataOpt,
    RunArg,
    SplitOpt,
    Threshold,
    WeightsOpt,
    chosen_run,
    parse_threshold,
    say_weights,
)
from mlpcli.cli.output import echo, print_result
from mlpcli.errors import CheckFailed, ConfigError


def eval_(
    run: RunArg = None,
    split: SplitOpt = "test",
    data: OtherDataOpt = None,
    weights: WeightsOpt = "auto",
    fail_under: Annotated[
        list[Threshold] | None,
        Option(
            parser=parse_threshold,
            metavar="[METRIC=]FRACTION",
            help="Exit with 1 if the accuracy or, as in macro_f1=0.9, another metric is lower; "
            "repeatable.",
        ),
    ] = None,
    offline: OfflineOpt = False,
    json: JsonOpt = False,
    markdown: MarkdownOpt = False,
    junit: JunitOpt = None,
) -> None:
    """Evaluate a run on its test images.

    Prints metrics with their 95% intervals, loss, calibration error, scores per class and
    confusion matrix.

    The metrics are accuracy, balanced accuracy (mean recall of the classes) and macro F1.

    --data takes class folders or a test split alone, and images of any size. They are
    prepared as by `mlp predict`, and notes say how.

    For the runs of several seeds: each accuracy, their mean and its 95% interval.

    Examples:

    \b
      mlp eval
      mlp eval first --split validation --json
      mlp eval first --fail-under 0.98
      mlp eval first --fail-under 0.98 --fail-under macro_f1=0.97 --junit eval.xml
      mlp eval first --markdown >> "$GITHUB_STEP_SUMMARY"
      mlp eval first --data photos/
    """
    if junit and not fail_under:
        raise ConfigError("--junit: needs --fail-under, whose thresholds it reports")

    from mlpcli.api.eval import evaluate
    from mlpcli.show.activity import activity
    from mlpcli.show.eval import as_blocks, as_json, cases, checked_blocks, notes
    from mlpcli.show.junit import report

    with report(junit, "eval") as checks:
        folder = chosen_run(run)
        with activity(f"evaluating {folder}", quiet=json):
            result = evaluate(folder, split=split, data=data, weights=weights, offline=offline)
        checks += cases(result, fail_under or ())
    say_weights(weights, folder)
    for note in notes(result):
        echo(f"note: {data}: {note}", err=True)
    blocks = partial(checked_blocks, checks=checks)
    print_result(result, as_blocks, as_json, json=json, markdown=markdown, blocks=blocks)
    if failures := [check.failure for check in checks if check.failure]:
        raise CheckFailed(f"{folder}: {'; '.join(failures)}")
