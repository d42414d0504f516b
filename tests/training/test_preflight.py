from collections.abc import Callable

import numpy as np
import pytest

from mlpcli.config.schema import Config
from mlpcli.data.dataset import Split
from mlpcli.errors import DataError
from mlpcli.training.loader import load_split, prepare
from mlpcli.training.preflight import Finding, preflight
from tests.trainings import changed


def unchanged(split: Split) -> Split:
    return split


def findings(
    settings: Config, *changes: str, change: Callable[[Split], Split] = unchanged
) -> list[Finding]:
    """What is found with these settings, and with the training images after this change."""
    config = changed(settings, *changes)
    return preflight(config, prepare(config, change(load_split(config, "train"))))


@pytest.mark.parametrize(
    "changes",
    [
        [],
        ["schedule.warmup=0.9"],
        ["schedule.name=one_cycle"],
        ["train.batch_size=1", "optimizer.lr=0.01"],
        ["train.batch_size=60000"],
        ["train.ema=0.999"],
        ["network.hidden=[]"],
        ["optimizer.name=adamw"],
        ["data.validation=0.9"],  # too few images are left to tell
    ],
    ids=lambda changes: " ".join(changes),
)
def test_a_sound_training_gets_no_warning(settings: Config, changes: list[str]) -> None:
    assert findings(settings, *changes) == []


def test_the_findings_depend_on_settings_seed_and_data_alone(settings: Config) -> None:
    slow = ("optimizer.lr=1e-4",)

    assert findings(settings, *slow) == findings(settings, *slow)
    assert findings(settings, *slow) != findings(settings, *slow, "seed=1")


def test_a_learning_rate_that_is_too_low_is_reported_with_a_better_one(settings: Config) -> None:
    ((cause, text),) = findings(settings, "optimizer.lr=1e-7")

    assert cause == "learning rate too low"
    assert text.startswith("learning rate 1e-07 is too low: its first steps lead to a loss of 1.")
    assert text.endswith("try --set optimizer.lr=0.1")


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_a_learning_rate_that_is_too_high_is_reported(settings: Config, name: str) -> None:
    ((cause, text),) = findings(settings, f"optimizer.name={name}", "optimizer.lr=50")

    assert cause == "learning rate too high"
    assert text.startswith("learning rate 50 is too high: its first steps lead to a loss of ")


def test_a_loss_that_decay_holds_up_is_no_matter_of_the_learning_rate(settings: Config) -> None:
    ((cause, text),) = findings(settings, "optimizer.weight_decay=1")

    assert cause == "no learning"
    assert text.startswith("cannot overfit 20 images at any learning rate from 1e-05 to ")
    assert "check optimizer.weight_decay" in text


def test_a_gradient_that_vanishes_is_reported_with_its_layer(settings: Config) -> None:
    deep = [f"network.hidden={[8] * 12}", "network.activation=sigmoid", "network.init=lecun"]

    first, *_ = findings(settings, *deep)

    assert first.text.startswith("hardly any gradient reaches W1: at most ")


def test_units_that_are_zero_for_all_images_are_reported(settings: Config) -> None:
    ((cause, text),) = findings(settings, f"network.hidden={[1] * 20}")

    assert cause == "dead units"
    assert text.startswith("100% of the units in h")


CHANGES: dict[str, Callable[[Split], Split]] = {  # by what the text begins with
    "100% of the images are blank": lambda s: s._replace(images=np.zeros_like(s.images)),
    "no pixel is brighter than 1, though white is 255; let data.white=null": lambda s: s._replace(
        images=s.images // 255
    ),
    "100% of the images are dark on light": lambda s: s._replace(images=255 - s.images),
    "no training image has the label 'x' and 1 more": lambda s: s._replace(
        classes=(*s.classes, "x", "y")
    ),
    "78% of the images are copies": lambda s: s._replace(images=s.images[np.arange(300) % 60]),
    "90% of the images are there with several labels": lambda s: s._replace(
        images=s.images[np.arange(300) // 2]
    ),
    "the labels seem unrelated to the images": lambda s: s._replace(
        labels=np.random.default_rng(0).permutation(s.labels)
    ),
}


@pytest.mark.parametrize("begin", CHANGES)
def test_a_mistake_in_the_data_is_reported(settings: Config, begin: str) -> None:
    (finding,) = findings(settings, change=CHANGES[begin])

    assert finding.text.startswith(begin)


def test_images_of_one_class_are_refused(settings: Config) -> None:
    def constant(split: Split) -> Split:
        return split._replace(labels=np.full_like(split.labels, 2))

    with pytest.raises(DataError, match="all training images are of one class, '2'; there must be"):
        findings(settings, change=constant)


def test_blank_images_of_one_class_are_no_mistake(settings: Config) -> None:
    def blank(split: Split) -> Split:
        return split._replace(images=split.images * (split.labels != 1)[:, None, None])

    assert findings(settings, change=blank) == []


def test_rare_classes_are_no_mistake(settings: Config) -> None:
    def unequal(split: Split) -> Split:
        rows = (split.labels == 0) | (np.arange(len(split.labels)) % 20 == 1)
        return split._replace(images=split.images[rows], labels=split.labels[rows])

    assert findings(settings, change=unequal) == []
