"""`mlp data`: check a data set, look at it, or write it to files."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from mlpcli.cli.help import Group
from mlpcli.cli.options import (
    ConfigOpt,
    DataArg,
    JsonOpt,
    JunitOpt,
    MarkdownOpt,
    OfflineOpt,
    OverwriteFileOpt,
    SetOpt,
    flag,
    out_option,
)
from mlpcli.cli.output import print_result
from mlpcli.errors import CheckFailed

app = typer.Typer(
    name="data", cls=Group, no_args_is_help=True, help="List, check, draw or write data sets."
)


@app.command("list")
def list_(json: JsonOpt = False) -> None:
    """List the data sets that have a name.

    Examples:

    \b
      mlp data list
    """
    from mlpcli.api.download import list_datasets
    from mlpcli.show.download import list_as_json, list_as_text

    print_result(list_datasets(), list_as_text, list_as_json, json=json)


@app.command()
def show(
    name: DataArg,
    augment: Annotated[bool, flag("--augment", "Show images beside variants of them.")] = False,
    config: ConfigOpt = None,
    set_: SetOpt = None,
    out: Annotated[Path | None, out_option("FILE.png", "The picture (default: NAME.png).")] = None,
    overwrite: OverwriteFileOpt = False,
    offline: OfflineOpt = False,
    json: JsonOpt = False,
) -> None:
    """Draw images of each class.

    One picture shows training images of all classes.

    With --augment, draw variants of one image of each class, by the settings or, if
    they have no augmentation, by ranges that suit handwriting.

    Examples:

    \b
      mlp data show mnist
      mlp data show mnist --augment
      mlp data show mnist --augment --set augment.elastic=2
      mlp data show fashion-mnist --augment --set augment.flip=true --out f.png
    """
    from mlpcli.api.data import samples
    from mlpcli.show import figure
    from mlpcli.show.activity import activity
    from mlpcli.show.data import png, samples_as_json, samples_as_text

    path = out or Path(f"{Path(name).stem}{'-augmented' if augment else ''}.png")
    figure.claim(path, overwrite=overwrite)
    with activity(f"reading {name}", quiet=json):
        drawn = samples(name, config, set_ or [], augment=augment, offline=offline)
        png(path, drawn)
    print_result(
        drawn, partial(samples_as_text, path=path), partial(samples_as_json, path=path), json=json
    )


@app.command()
def check(
    name: DataArg,
    set_: SetOpt = None,
    offline: OfflineOpt = False,
    json: JsonOpt = False,
    markdown: MarkdownOpt = False,
    junit: JunitOpt = None,
) -> None:
    """Find suspect images and classes.

    Counts images and classes, and looks for images with several labels, test images that are
    also in training, many copies, blank images, classes without images and unknown labels.
    Exits with 1 if it finds any.

    Examples:

    \b
      mlp data check path/to/digits
      mlp data check digits.csv --set data.label=kind --json
    """
    from mlpcli.api import data as api
    from mlpcli.show.activity import activity
    from mlpcli.show.data import quality_as_blocks, quality_as_json, quality_cases
    from mlpcli.show.format import counted
    from mlpcli.show.junit import report

    with report(junit, "data check") as cases:
        with activity(f"checking {name}", quiet=json):
            quality = api.check(name, set_ or [], offline=offline)
        cases += quality_cases(quality)
    print_result(quality, quality_as_blocks, quality_as_json, json=json, markdown=markdown)
    if quality.findings:
        raise CheckFailed(f"{name}: {counted(len(quality.findings), 'finding')}")


@app.command()
def formats(json: JsonOpt = False) -> None:
    """List the data formats that can be read.

    Examples:

    \b
      mlp data formats
    """
    from mlpcli.api import data as api
    from mlpcli.show.data import formats_as_json, formats_as_text

    print_result(api.formats(), formats_as_text, formats_as_json, json=json)


@app.command()
def write(
    name: DataArg,
    folder: Annotated[Path, Argument(metavar="FOLDER", help="A new folder for the files.")],
    images: Annotated[
        int | None,
        Option(
            metavar="N",
            min=1,
            max=100_000_000,
            help="Training images to draw; synth only (default: 20,000).",
        ),
    ] = None,
    offline: OfflineOpt = False,
    json: JsonOpt = False,
) -> None:
    """Write a data set as plain IDX files.

    Training memory-maps them, so more images can be drawn than memory holds.

    Examples:

    \b
      mlp data write synth digits --images 1000000
      mlp train --data digits
      mlp data write mnist unpacked
    """
    from mlpcli.api import data as api
    from mlpcli.show import activity
    from mlpcli.show.data import written_as_text
    from mlpcli.show.format import json_object

    writing = api.write(name, folder, images=images, offline=offline)
    activity.run(writing, f"writing {folder}", quiet=json)
    print_result(api.written(folder), written_as_text, json_object, json=json)
