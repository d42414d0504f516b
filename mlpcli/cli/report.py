"""`mlp report`: everything about a run, or about several side by side, in one HTML file."""

from pathlib import Path
from typing import Annotated

import typer

from mlpcli.cli.options import (
    JsonOpt,
    OfflineOpt,
    OverwriteFileOpt,
    RunsOrLatestArg,
    SplitOpt,
    WeightsOpt,
    chosen_runs,
    flag,
    out_option,
    say_weights,
)
from mlpcli.cli.output import print_result


def report(
    runs: RunsOrLatestArg = None,
    out: Annotated[
        Path | None,
        out_option("FILE.html", "The file (default: report.html, in the folder of a single RUN)."),
    ] = None,
    overwrite: OverwriteFileOpt = False,
    open_: Annotated[bool, flag("--open", "Open it in the browser.")] = False,
    split: SplitOpt = "test",
    weights: WeightsOpt = "auto",
    offline: OfflineOpt = False,
    json: JsonOpt = False,
) -> None:
    """Write an HTML page about a run.

    It has curves, mistakes, calibration, filters, gradient and settings.

    Several runs are shown side by side, compared with the best. The file is self-contained.

    Examples:

    \b
      mlp report --open
      mlp report first second --out both.html
    """
    from mlpcli.api.report import analyze, claim, default_path, select_runs
    from mlpcli.show import console
    from mlpcli.show import report as show
    from mlpcli.show.activity import activity
    from mlpcli.show.format import counted

    chosen = chosen_runs(runs)
    folders = select_runs(chosen)
    path = out or default_path(chosen)
    claim(path, folders, overwrite=overwrite)
    what = folders[0] if len(folders) == 1 else counted(len(folders), "run")
    with activity(f"analyzing {what}", quiet=json) as shown:
        analyses = [
            analyze(folder, split=split, weights=weights, offline=offline)
            for folder in shown.each(folders)
        ]
        written = show.write(path, analyses)
    say_weights(weights, *folders)
    print_result(written, show.as_text, show.as_json, json=json)
    if open_ and typer.launch(str(path.resolve())):
        console.warn(f"no browser could be started; open {path}")
