"""`mlp explain`: one image through the network and back, with the numbers in the formulas."""

from pathlib import Path
from typing import Annotated

from typer import Option

from mlpcli.cli.options import (
    ConfigOpt,
    DataOpt,
    JsonOpt,
    MarkdownOpt,
    RunOpt,
    SetOpt,
    WeightsOpt,
    chosen_run,
    require_run,
    say_weights,
)
from mlpcli.cli.output import echo, print_result
from mlpcli.cli.settings import SettingsArg, read_settings, refuse_settings_of
from mlpcli.errors import ConfigError


def explain_(
    words: SettingsArg = None,
    config: ConfigOpt = None,
    set_: SetOpt = None,
    data: DataOpt = None,
    run: RunOpt = None,
    weights: WeightsOpt = "auto",
    image: Annotated[
        int | None,
        Option(
            metavar="N",
            min=0,
            help="A training image, counted from 0 (default: the first of gradcheck's).",
        ),
    ] = None,
    layer: Annotated[
        int | None,
        Option(metavar="K", min=1, help="Only this layer, counted from 1 (default: all)."),
    ] = None,
    markdown: MarkdownOpt = False,
    html: Annotated[Path | None, Option(metavar="FILE", help="Write an HTML page instead.")] = None,
    json: JsonOpt = False,
) -> None:
    """Show a forward and backward pass in numbers.

    By default, a 5-4-3-2 network in full. A config, data, --run or --image shows a real image
    in a full network, with the largest terms.

    Examples:

    \b
      mlp explain
      mlp explain --layer 2 --markdown
      mlp explain --html explained.html
      mlp explain --run first --image 7
    """
    given = read_settings(words, config, set_, {"data.name": data})
    refuse_settings_of(run, given)
    require_run(run, weights)
    if html and (markdown or json):
        other = "--markdown" if markdown else "--json"
        raise ConfigError(f"--html: writes a page and prints nothing else; leave out {other}")

    from mlpcli.api.explain import explain
    from mlpcli.show import explain as show
    from mlpcli.show.activity import activity

    if html:
        from mlpcli.show import explain_page

        explain_page.claim(html)
    folder = chosen_run(run) if run else None
    with activity("computing", quiet=json):
        result = explain(*given, run=folder, weights=weights, image=image, layer=layer)
    say_weights(weights, *([folder] if folder else []))
    if html:
        explain_page.write(html, result)
        echo(f"page: {html}")
        return
    form = show.as_markdown if markdown else show.as_text
    print_result(result, form, show.as_json, json=json, wrap=not markdown)
