"""`mlp download`: fetch data sets into the cache, list and verify them."""

from typing import Annotated

from typer import Argument, Option

from mlpcli.cli.completion import published
from mlpcli.cli.options import JsonOpt, OfflineOpt, flag, refuse_beside
from mlpcli.cli.output import moved, print_next, print_result
from mlpcli.errors import CheckFailed


def download(
    names: Annotated[
        list[str] | None,
        Argument(
            metavar="NAME", help="Data sets; `mlp data list` shows them.", autocompletion=published
        ),
    ] = None,
    all_: Annotated[bool, flag("--all", "All data sets.")] = False,
    list_: Annotated[bool, Option("--list", hidden=True)] = False,
    verify: Annotated[
        bool, flag("--verify", "Only verify the checksums of files in the cache.")
    ] = False,
    source: Annotated[
        str | None,
        Option(
            "--from", metavar="DIR|URL", help="Get files from DIR or URL (checksums are verified)."
        ),
    ] = None,
    offline: OfflineOpt = False,
    json: JsonOpt = False,
) -> None:
    """Fetch data sets into the cache.

    The cache is the folder MLPCLI_DATA or, without it, the platform's cache folder.

    Mirrors are tried in order; only files with the published checksum are kept.

    Examples:

    \b
      mlp download mnist fashion-mnist
      mlp download mnist --from /media/usb/mnist
    """
    from mlpcli.api import download as api
    from mlpcli.show import download as show
    from mlpcli.show.activity import activity

    fetching = {"--from": source, "--offline": offline}
    if list_:
        refuse_beside("--list", {"NAME": names, "--all": all_, "--verify": verify, **fetching})
        moved("mlp download --list", "mlp data list")
        print_result(api.list_datasets(), show.list_as_text, show.list_as_json, json=json)
        return
    if all_:
        refuse_beside("--all", {"NAME": names})
    if verify:
        refuse_beside("--verify", fetching)
    chosen = api.select(names, every=all_)
    if not verify:
        with activity("checking and fetching files", quiet=json):
            paths = api.download(chosen, source=source, offline=offline)
        print_result(paths, show.paths_as_text, show.paths_as_json, json=json)
        if not json:
            print_next("train", next(iter(paths)))
        return
    with activity("verifying checksums", quiet=json):
        files = api.verify(chosen)
    print_result(files, show.files_as_text, show.files_as_json, json=json)
    if not all(right for each in files.values() for right in each.values()):
        raise CheckFailed("files are missing or wrong; `mlp download NAME` fetches them")
