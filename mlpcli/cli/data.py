"""`mlp data`: data sets to look at, and as files."""

import json as json_
from pathlib import Path
from typing import Annotated

import typer

from mlpcli.cli.help import Group
from mlpcli.cli.options import ConfigOpt, DataArg, JsonOpt, OfflineOpt, SetOpt
from mlpcli.cli.output import echo

app = typer.Typer(
    name="data", cls=Group, no_args_is_help=True, help="Look at a data set, or write it to files."
)


@app.callback()
def main() -> None:
    """Look at a data set, or write it to files."""


@app.command()
def show(
    name: DataArg,
    augment: Annotated[
        bool, typer.Option("--augment", help="Show images beside variants of them.")
    ] = False,
    config: ConfigOpt = None,
    set_: SetOpt = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE.png", help="The picture; NAME.png without it."),
    ] = None,
    offline: OfflineOpt = False,
    json: JsonOpt = False,
) -> None:
    """Draw training images of each class into a picture (extra `plots`).

    With --augment they are variants of one image of each class, by the settings
    or, where those have no augmentation, by ranges that suit handwriting.

    Examples:

      mlp data show mnist

      mlp data show mnist --augment

      mlp data show mnist --augment --set augment.elastic=2

      mlp data show fashion-mnist --augment --set augment.flip=true --out f.png
    """
    from mlpcli.data.augment import HANDWRITING
    from mlpcli.runs import config as configs
    from mlpcli.runs.batches import ranges
    from mlpcli.runs.samples import samples
    from mlpcli.runs.train import load
    from mlpcli.show import samples as show

    settings = configs.load(config, [*(set_ or []), f"data.name={json_.dumps(name)}"])
    found = samples(
        settings,
        load(settings, "train", offline=offline),
        ranges=(ranges(settings) or HANDWRITING) if augment else None,
    )
    path = out or Path(f"{Path(name).stem}{'-augmented' if augment else ''}.png")
    show.png(path, found)
    echo(show.as_object(path, found) if json else show.as_text(path, found))


@app.command()
def write(
    name: DataArg,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder for the files.")],
    images: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Training images to draw; synth only."),
    ] = None,
    offline: OfflineOpt = False,
    json: JsonOpt = False,
) -> None:
    """Write a data set as plain IDX files, which a training maps into memory and need not hold.

    The number of drawn images is limited by the disk alone.

    Examples:

      mlp data write synth digits --images 1000000

      mlp train --set data.name=digits

      mlp data write mnist unpacked
    """
    from mlpcli.data import store
    from mlpcli.show import console, text

    progress = store.write(name, folder, images=images, offline=offline)
    console.bar(progress, what=f"writing {folder}")
    echo(text.written(folder, store.counts(folder), json=json))
