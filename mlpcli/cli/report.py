"""`mlp report`: everything about a run, or about several side by side, in one HTML file."""

from pathlib import Path
from typing import Annotated

import typer

from mlpcli.cli import complete
from mlpcli.cli.eval import SplitName
from mlpcli.cli.options import JsonOpt, OfflineOpt
from mlpcli.cli.output import echo
from mlpcli.errors import ConfigError

MOST = 8  # runs: as many as there are colours and markers


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN",
            help="Folders of runs, or of several seeds' runs.",
            autocompletion=complete.runs,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE.html",
            help="Where to write it; report.html, in the folder of a single RUN.",
        ),
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    split: Annotated[SplitName, typer.Option(help="Images to judge it on.")] = SplitName.test,
    offline: OfflineOpt = False,
    json: JsonOpt = False,
) -> None:
    """Write an HTML page about a run: curves, mistakes, calibration, filters, gradient, settings.

    Several runs stand side by side, compared with the first. The file needs nothing else.

    Examples:

      mlp report runs/first --open

      mlp report runs/first runs/second --out both.html
    """
    try:
        from mlpcli.show.report import claim, page, save
    except ImportError as err:
        raise ConfigError(
            "report: needs matplotlib, jinja2 and pillow; `pip install 'mlpcli[report]'`"
        ) from err
    from mlpcli.runs import record
    from mlpcli.runs.analysis import analyse
    from mlpcli.show import console, text

    folders = [folder for run in runs for folder in record.members(run) or [run]]
    if len(folders) > MOST:
        raise ConfigError(f"report: takes at most {MOST} runs, got {len(folders)}")
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise ConfigError("report: takes each run once; leave out the repeated one")
    for folder in folders:
        record.require(folder)
    path = out or (runs[0] if len(runs) == 1 else Path()) / record.REPORT
    claim(path)
    analyses = [analyse(folder, split=split.value, offline=offline) for folder in folders]
    size = save(path, page(analyses))
    echo(text.reported(path, size, analyses, json=json))
    if open_ and typer.launch(str(path.resolve())):
        console.warn(f"no browser could be started; open {path}")
