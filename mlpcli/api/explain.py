"""`mlp explain`: one image through the network and back, with the numbers in the formulas."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from mlpcli.api.gradcheck import Point, batch, point_of_run, points_of_config
from mlpcli.checks import explain as checks
from mlpcli.checks.explain import Explanation
from mlpcli.checks.problem import Problem
from mlpcli.config.keys import Overrides
from mlpcli.config.load import load_for_check
from mlpcli.config.schema import Config
from mlpcli.data.registry import DATASETS
from mlpcli.errors import ConfigError, DataError
from mlpcli.nn import mlp
from mlpcli.runs.selection import Selection, Weights
from mlpcli.training.loader import load_split


class Explained(NamedTuple):
    """An explanation, whose network and image have a name."""

    title: str
    explanation: Explanation
    layer: int | None  # the one to show, counted from 1; None for all
    selection: Selection | None = None  # of a run's weights


def explain(
    config: str | None = None,
    changes: Overrides = (),
    *,
    run: Path | None = None,
    weights: Weights = "auto",
    image: int | None = None,
    layer: int | None = None,
) -> Explained:
    """An image of a configured or trained network or, without any of these, a small example.

    image: number of a training image; without it, the first image that is checked.
    Raises ConfigError for a layer that the network lacks, and DataError.
    """
    selection = None
    if run or config or changes or image is not None:
        if run:
            selection, point = point_of_run(run, weights)
        else:
            point = next(points_of_config(load_for_check(config, changes)))
        problem, title = _full_network(point, image)
    else:
        problem, title = checks.example(), "A 5-4-3-2 network and one image"
    if layer and layer > len(problem.params):
        raise ConfigError(f"--layer: must be in [1, {len(problem.params)}], got {layer}")
    return Explained(title, checks.explain(problem), layer, selection)


def _full_network(point: Point, image: int | None) -> tuple[Problem, str]:
    """A configured or trained network at an image, and their name."""
    problem, name = point.problem, f"the first image that is checked, of {point.data}"
    if problem.batch_norm:  # whose gradient at one image depends on the others
        raise ConfigError(
            "network.batch_norm: one image has no explanation of its own; train with it, then "
            "`mlp explain --run RUN` explains the network, with the statistics folded into it"
        )
    if image is not None:
        problem, name = _training_image(problem, point.config, image)
    sizes = "-".join(map(str, mlp.layer_sizes(problem.params)))
    return problem, f"{sizes} ({point.name}) and {name}"


def _training_image(problem: Problem, settings: Config, image: int) -> tuple[Problem, str]:
    """The problem at one training image of the configured data, which must be in the cache."""
    name = settings.data.name
    try:
        split = load_split(settings, "train", offline=True)
    except DataError as err:
        if name not in DATASETS:
            raise
        raise DataError(
            f"--image: {name} is not in the cache; run `mlp download {name}`, "
            "or add `--config quickstart` for drawn digits"
        ) from err
    if image >= len(split.labels):
        raise DataError(f"--image: must be in [0, {len(split.labels) - 1}], got {image}")
    x, y, weights = batch(settings, split, np.array([image]))
    label = split.classes[split.labels[image]]
    return problem._replace(
        x=x, y=y, weights=weights
    ), f"training image {image} of {split.name}, a {label!r}"
