"""`mlp plot`: loss and accuracy of runs, drawn in the terminal or into a file."""

from functools import partial
from pathlib import Path
from typing import Annotated

from mlpcli.cli.options import JsonOpt, OverwriteFileOpt, RunsOrLatestArg, chosen_runs, out_option
from mlpcli.cli.output import print_drawing, print_result
from mlpcli.errors import ConfigError


def plot(
    runs: RunsOrLatestArg = None,
    out: Annotated[
        Path | None, out_option("FILE.svg|FILE.png", "Draw into a file instead.")
    ] = None,
    overwrite: OverwriteFileOpt = False,
    json: JsonOpt = False,
) -> None:
    """Draw loss and accuracy by epoch.

    Several runs share the axes: the terminal shows their validation loss and accuracy,
    a file the train loss too. A folder of several seeds gives a curve for each or, with
    more than 8 curves in all, their mean.

    Examples:

    \b
      mlp plot
      mlp plot first second
      mlp plot first --out curves.svg
      mlp plot five --json
    """
    from mlpcli.api.plot import plot as read
    from mlpcli.show import plot as show

    if overwrite and out is None:
        raise ConfigError("--overwrite: works only with --out")
    drawn = read(chosen_runs(runs))
    if out is not None:
        show.claim(out, overwrite=overwrite)
        show.write(drawn, out)
    if out is not None or json:
        as_text = partial(show.figure_as_text, path=out or Path())
        print_result(drawn, as_text, partial(show.as_json, path=out), json=json)
    else:
        print_drawing(partial(show.drawing, drawn))
