"""`mlp download`: data sets into the cache, and what is known about them."""

from typing import Annotated

import typer

from mlpcli.cli import complete
from mlpcli.cli.options import JsonOpt, OfflineOpt
from mlpcli.cli.output import echo
from mlpcli.errors import CheckFailed, ConfigError


def download(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME",
            help="Data sets, as --list has them.",
            autocompletion=complete.published,
        ),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every data set that has a name.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="Show the data sets, and stop.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Only check the sums of what is in the cache.")
    ] = False,
    source: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="DIR|URL", help="Take the files from here; their sums decide."
        ),
    ] = None,
    offline: OfflineOpt = False,
    json: JsonOpt = False,
) -> None:
    """Fetch data sets into the cache: MLPCLI_DATA, or the platform's cache folder.

    Mirrors are tried in order, and only files with the published sum are kept.

    Examples:

      mlp download mnist fashion-mnist

      mlp download --list

      mlp download mnist --from /media/usb/mnist
    """
    from mlpcli.data import cache, fetch
    from mlpcli.show import text

    if list_:
        echo(text.catalogue(cache.held(fetch.ALL), json=json))
        return
    chosen = fetch.ALL if all_ else tuple(names or ())
    if not chosen:
        raise ConfigError("NAME: name a data set, or give --all; `mlp download --list` shows them")
    if verify:
        held = cache.held(chosen, verify=True)
        echo(text.verified(held, json=json))
        if not all(all(files.values()) for files in held.values()):
            raise CheckFailed("files are missing or wrong; `mlp download NAME` fetches them")
    else:
        paths = fetch.fetch_all(chosen, source=source, offline=offline)
        echo(text.downloaded(paths, json=json))
