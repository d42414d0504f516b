"""`mlp reproduce`: train a run again, and say whether the same came out."""

from pathlib import Path
from typing import Annotated

import typer

from mlpcli.cli.options import JsonOpt, OfflineOpt, QuietOpt, RunArg
from mlpcli.cli.output import echo
from mlpcli.errors import CheckFailed


def reproduce(
    run: RunArg,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Keep the repetition in this folder."),
    ] = None,
    offline: OfflineOpt = False,
    json: JsonOpt = False,
    quiet: QuietOpt = False,
) -> None:
    """Train a run again from its record, and compare every epoch and the weights.

    The bits are identical, or different from some epoch on, which exits with 1.

    They may differ within a tolerance where versions, BLAS, threads or processor do.

    Examples:

      mlp reproduce runs/first

      mlp reproduce runs/first --out runs/again --json
    """
    from mlpcli.runs import repeat
    from mlpcli.runs import threads as machine
    from mlpcli.show import console
    from mlpcli.show import repeat as shown

    then = repeat.recorded(run, offline=offline)
    if warning := machine.oversubscribed(then.threads):
        console.warn(warning)
    with repeat.place(run, out) as folder:
        events = repeat.again(then, folder)
        console.watch(events, epochs=then.last.facts.config.train.epochs, quiet=quiet)
        result = repeat.compare(then, folder)
    echo(shown.as_object(result) if json else shown.text(result))
    if result.verdict == "different":
        raise CheckFailed(f"{run}: the repetition differs from epoch {result.since} on")
