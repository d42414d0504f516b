"""`mlp reproduce`: retrain a run and check that the result is bit-identical."""

from pathlib import Path
from typing import Annotated

from mlpcli.cli.options import JsonOpt, OfflineOpt, QuietOpt, RunArg, chosen_run, out_option
from mlpcli.cli.output import print_result
from mlpcli.errors import CheckFailed


def reproduce(
    run: RunArg = None,
    out: Annotated[Path | None, out_option("DIR", "Keep the retrained run in this folder.")] = None,
    offline: OfflineOpt = False,
    json: JsonOpt = False,
    quiet: QuietOpt = False,
) -> None:
    """Retrain a run and compare every bit.

    Every epoch and the weights are compared; a difference exits with 1, unless it is
    small and versions, BLAS, threads or processor differ too.

    Examples:

    \b
      mlp reproduce first
      mlp reproduce first --out runs/again --json
    """
    from mlpcli.api import reproduce as api
    from mlpcli.show import console
    from mlpcli.show.activity import activity
    from mlpcli.show.reproduce import as_json, as_text

    original = chosen_run(run)
    with activity(f"reading {original} and its data", quiet=quiet or json):
        then = api.recorded(original, offline=offline)
    console.warn_of_threads(then.record.environment.threads)
    with api.repetition_folder(original, out) as folder:
        events = api.train_again(then, folder)
        console.watch(events, epochs=then.last.metadata.config.train.epochs, quiet=quiet)
        result = api.compare(then, folder)
    if out is None and folder.exists():
        console.warn(f"{folder}: cannot be removed; the next `mlp reproduce {original}` removes it")
    print_result(result, as_text, as_json, json=json)
    if result.verdict == "different":
        raise CheckFailed(f"{original}: the repetition differs from epoch {result.since} on")
