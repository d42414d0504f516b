"""`mlp explain`: one image through the network and back, with the numbers in the formulas."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlpcli.cli.options import ConfigOpt, JsonOpt, RunOpt, SetOpt, refuse_settings_of
from mlpcli.cli.output import echo
from mlpcli.errors import ConfigError, DataError

if TYPE_CHECKING:
    from mlpcli.checks.problem import Problem
    from mlpcli.runs.settings import Config


def explain(
    config: ConfigOpt = None,
    set_: SetOpt = None,
    run: RunOpt = None,
    image: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Number of a training image, counted from 0."),
    ] = None,
    layer: Annotated[
        int | None, typer.Option(metavar="K", min=1, help="This layer alone, counted from 1.")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    json: JsonOpt = False,
) -> None:
    """Show one image's way through the network and back, with the numbers in the formulas.

    A 4-3-2 network in full; with --config, --run or --image a real image through a full network,
    with the largest terms.

    Examples:

      mlp explain

      mlp explain --layer 2 --markdown

      mlp explain --run runs/first --image 7
    """
    refuse_settings_of(run, config, set_)
    if markdown and json:
        raise ConfigError("--json: prints an object, not Markdown; leave out --json or --markdown")

    from mlpcli.checks import explain as checks
    from mlpcli.show import explain as text

    if run or config or set_ or image is not None:
        problem, title = _real(config, set_, run, image)
    else:
        problem, title = checks.example(), "A 4-3-2 network and one image"
    if layer and layer > len(problem.params):
        raise ConfigError(f"--layer: must be in [1, {len(problem.params)}], got {layer}")
    form = text.as_object if json else text.as_markdown if markdown else text.as_text
    echo(form(checks.explain(problem), title, layer=layer))


def _real(
    config: str | None, set_: list[str] | None, run: Path | None, image: int | None
) -> tuple["Problem", str]:
    """A configured or trained network at an image, and what to call them."""
    from mlpcli.runs import config as configs
    from mlpcli.runs import points

    settings = configs.derived(config, set_ or [])
    point = points.of_run(run) if run else next(points.points(settings))
    problem, which = point.problem, f"the first image that is checked, of {point.data}"
    if image is not None:
        problem, which = _numbered(problem, point.config, image)
    sizes = [len(problem.params[0].W), *(len(b) for _, b in problem.params)]
    return problem, f"{'-'.join(map(str, sizes))} ({point.name}) and {which}"


def _numbered(problem: "Problem", settings: "Config", image: int) -> tuple["Problem", str]:
    """The problem at one training image of the configured data, which must be at hand."""
    import numpy as np

    from mlpcli.data import dataset
    from mlpcli.data.registry import DATASETS
    from mlpcli.nn import mlp
    from mlpcli.runs.train import load

    name = settings.data.name
    try:
        split = load(settings, "train", offline=True)
    except DataError as err:
        if name not in DATASETS:
            raise
        raise DataError(
            f"--image: {name} is not in the cache; run `mlp download {name}`, "
            "or add `--config quickstart` for drawn digits"
        ) from err
    if image >= len(split.labels):
        raise DataError(f"--image: must be in [0, {len(split.labels) - 1}], got {image}")
    x = dataset.inputs(split.images[[image]], np.zeros((1, dataset.INPUTS)))
    smoothing = settings.train.label_smoothing
    y = mlp.one_hot(split.labels[[image]], problem.y.shape[1], smoothing=smoothing)
    label = split.classes[split.labels[image]]
    return problem._replace(x=x, y=y), f"training image {image} of {split.name}, a {label!r}"
