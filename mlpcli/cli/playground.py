"""`mlp playground`: a run's network as a page to draw on."""

from pathlib import Path
from typing import Annotated

import typer

from mlpcli.cli.options import (
    JsonOpt,
    OverwriteFileOpt,
    RunArg,
    WeightsOpt,
    chosen_run,
    flag,
    out_option,
    say_weights,
)
from mlpcli.cli.output import print_result


def playground(
    run: RunArg = None,
    out: Annotated[
        Path | None,
        out_option("FILE.html", "The file (default: playground.html, in the run's folder)."),
    ] = None,
    weights: WeightsOpt = "auto",
    overwrite: OverwriteFileOpt = False,
    open_: Annotated[bool, flag("--open", "Open it in the browser.")] = False,
    json: JsonOpt = False,
) -> None:
    """Write an HTML page to draw on.

    The page runs the network on what you draw, on a picture that you drop, or on
    test images. It shows what the network sees and computes, asks why, and teaches
    the network one step at a time.

    The file is self-contained and works offline. Test images come from the cache.

    Examples:

    \b
      mlp playground --open
      mlp playground first --out first.html
    """
    from mlpcli.api.playground import claim, collect, default_path
    from mlpcli.show import console
    from mlpcli.show import playground as show
    from mlpcli.show.activity import activity

    folder = chosen_run(run)
    path = out or default_path(folder)
    claim(path, folder, overwrite=overwrite)
    with activity(f"evaluating {folder}", quiet=json):
        found = collect(folder, weights=weights)
        written = show.write(path, found)
    say_weights(weights, folder)
    if found.missing:
        console.warn(f"{found.missing}; the page has no test images")
    print_result(written, show.as_text, show.as_json, json=json)
    if open_ and typer.launch(str(path.resolve())):
        console.warn(f"no browser could be started; open {path}")
