"""`mlp compare`: are the differences between runs significant?"""

from typing import Annotated

from mlpcli.cli.options import (
    JsonOpt,
    MarkdownOpt,
    OfflineOpt,
    OtherDataOpt,
    RunsArg,
    SplitOpt,
    WeightsOpt,
    chosen_run,
    flag,
    say_weights,
)
from mlpcli.cli.output import print_result
from mlpcli.errors import CheckFailed, ConfigError


def compare(
    runs: RunsArg,
    split: SplitOpt = "test",
    data: OtherDataOpt = None,
    weights: WeightsOpt = "auto",
    fail_if_worse: Annotated[
        bool, flag("--fail-if-worse", "Exit with 1 if a run is worse than the first.")
    ] = False,
    offline: OfflineOpt = False,
    json: JsonOpt = False,
    markdown: MarkdownOpt = False,
) -> None:
    """Test whether runs differ in accuracy.

    Two runs are compared image by image, the runs of several seeds seed by seed. Of more than
    two, each is compared with the best, and the p-values are corrected (Holm).

    Examples:

    \b
      mlp compare first second
      mlp compare five wide --split validation
      mlp compare first second third
    """
    from mlpcli.api import compare as api
    from mlpcli.show import compare as view
    from mlpcli.show.activity import activity

    if len(runs) < 2:
        raise ConfigError(f"compare: takes at least two runs, got {len(runs)}")
    folders = [chosen_run(run) for run in runs]
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise ConfigError("compare: takes each run once; leave out the repeated one")
    if len(runs) == 2:
        with activity("evaluating the runs", quiet=json):
            pair = api.compare(*folders, split=split, data=data, weights=weights, offline=offline)
        say_weights(weights, *folders)
        print_result(pair, view.as_blocks, view.as_json, json=json, markdown=markdown)
        failures = [view.failure(pair, pair.p)] if pair.verdict == "worse" else []
    else:
        with activity("evaluating the runs", quiet=json):
            ranking = api.rank(folders, split=split, data=data, weights=weights, offline=offline)
        say_weights(weights, *folders)
        blocks, as_json = view.ranking_as_blocks, view.ranking_as_json
        print_result(ranking, blocks, as_json, json=json, markdown=markdown)
        failures = [view.failure(worse.comparison, worse.p_holm) for worse in ranking.worse]
    if fail_if_worse and failures:
        raise CheckFailed(*failures)
