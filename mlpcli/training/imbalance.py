"""What classes of unequal size need: their weights in the loss, and warnings about rare ones."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpcli.errors import ConfigError, nearest
from mlpcli.nn import Array

MIN_VALIDATION_IMAGES = 2  # of a class, for a say in the choice of the best weights
MAX_NAMES = 5  # of classes in a message
RARE = 0.5  # of the mean over the classes: fewer images make a class rare


def class_weights(setting: Any, labels: NDArray[Any], classes: tuple[str, ...]) -> Array | None:
    """The weight of each class in the loss, float32 (classes,), by `train.class_weight`.

    labels: of the training images. None where all weights are 1. Balanced weights have the mean 1
    over the images. Raises ConfigError for weights that do not fit the classes.
    Source of "balanced": King and Zeng (2001), "Logistic regression in rare events data", as
    scikit-learn's class_weight has it.
    """
    if setting == "none":
        return None
    if setting == "balanced":
        counts = np.bincount(labels, minlength=len(classes))
        weights = np.zeros(len(classes))  # of a class without images, whose weight has no effect
        np.divide(len(labels), np.count_nonzero(counts) * counts, out=weights, where=counts > 0)
    elif isinstance(setting, dict):
        weights = np.ones(len(classes))
        for name, weight in setting.items():
            weights[_position(name, classes)] = weight
    else:
        weights = np.array(setting, float)
        if len(weights) != len(classes):
            raise ConfigError(
                f"train.class_weight: must have a number for each of the {len(classes)} classes, "
                f"got {len(weights)}"
            )
    if not weights[labels].any():
        raise ConfigError(
            "train.class_weight: the weight of some class with training images must be above 0"
        )
    return weights.astype("float32")


def few_validation_images(
    labels: NDArray[Any], validation_labels: NDArray[Any], classes: tuple[str, ...]
) -> list[str]:
    """A warning of classes with too few validation images to judge by, if there are some.

    labels: of the training images.
    """
    counts = np.bincount(labels, minlength=len(classes))
    validation = np.bincount(validation_labels, minlength=len(classes))
    few = np.flatnonzero((counts + validation > 0) & (validation < MIN_VALIDATION_IMAGES))
    if not few.size:
        return []
    names = _classes(few, classes)
    return [
        f"fewer than {MIN_VALIDATION_IMAGES} validation images of {names}, too few to tell how "
        "well they are learned; add images or raise data.validation"
    ]


def never_predicted(
    numbers: Sequence[int],
    labels: NDArray[Any],
    classes: tuple[str, ...],
    *,
    weights: str,
    weighted: bool,
) -> list[str]:
    """A warning of the classes that the weights in use never predict, if there are some.

    labels: of the training images; weights: "best" or "last"; weighted: whether the classes have
    weights.
    """
    if not numbers:
        return []
    counts = np.bincount(labels, minlength=len(classes))
    rare = counts[list(numbers)].min() < RARE * len(labels) / np.count_nonzero(counts)
    hint = "train longer, or with a smaller optimizer.lr"
    if rare and not weighted:
        hint = "try --set train.class_weight=balanced"
    return [
        f"the {weights} weights never predict {_classes(numbers, classes)} on the validation "
        f"images; {hint}"
    ]


def _position(name: str, classes: tuple[str, ...]) -> int:
    if name in classes:
        return classes.index(name)
    near = nearest(name, classes)
    hint = f"did you mean {near!r}?" if near else f"the classes are {_names(classes)}"
    raise ConfigError(f"train.class_weight: unknown class {name!r}; {hint}")


def _classes(numbers: Iterable[int], classes: tuple[str, ...]) -> str:
    names = [classes[i] for i in numbers]
    return f"{'class' if len(names) == 1 else 'the classes'} {_names(names)}"


def _names(classes: Iterable[str]) -> str:
    """The first few names."""
    names = [repr(name) for name in classes]
    more = [f"and {len(names) - MAX_NAMES} more"] if len(names) > MAX_NAMES else []
    return ", ".join([*names[:MAX_NAMES], *more])
