from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from mlpcli.config.schema import Config
from mlpcli.data import preprocessing
from mlpcli.data.dataset import Split
from mlpcli.errors import ConfigError
from mlpcli.nn.team import share
from mlpcli.training import loader
from mlpcli.training.loader import TrainingData, active_inputs, batches, load_split, prepare
from tests.trainings import changed


def with_inputs(split: Split, active_inputs: NDArray[np.intp]) -> TrainingData:
    """A split whose batches have these columns."""
    none = np.empty(0, np.intp)
    return TrainingData(split, none, none, active_inputs, light_share=0.0)


def test_each_row_comes_once_an_epoch_with_a_short_last_batch(settings: Config) -> None:
    split = load_split(settings, "train")
    rows, _ = loader.split_rows(settings, split)
    numbers = np.arange(300, dtype="uint16").view("uint8").reshape(300, 1, 2)
    data = with_inputs(split._replace(images=numbers), preprocessing.input_indices((1, 2)))

    found = [x for x, _ in batches(settings, data, rows, epoch=1)]

    assert [len(x) for x in found] == [32] * 8 + [14]
    # a batch whose images are all black in the second pixel leaves it out
    seen = np.concatenate([np.pad(x, ((0, 0), (0, 2 - x.shape[1]))) for x in found]) * 255
    assert_allclose(np.sort(seen @ [1, 256]), rows, atol=1e-3)


def test_a_batch_holds_the_lit_inputs_up_to_the_last_that_it_lights(
    settings: Config, rng: np.random.Generator
) -> None:
    split = load_split(settings, "train")
    images = rng.integers(0, 256, split.images.shape, dtype="uint8")
    images[:, 0] = 0
    images[40:, 3] = 0
    lit = preprocessing.active_inputs(images)
    full = preprocessing.inputs(images)

    data = with_inputs(split._replace(images=images), lit)
    for first, (x, y) in enumerate(batches(settings, data, np.arange(300), epoch=1)):
        rows = slice(32 * first, 32 * first + len(x))
        k = x.shape[1]
        assert_array_equal(x, full[rows][:, lit[:k]])
        assert not full[rows][:, lit[k:]].any()
        assert k == (30 if first < 2 else 24)
        assert_array_equal(y.argmax(axis=1), split.labels[rows])


VARIED = ["augment.shift=1", "augment.rotate=20", "augment.elastic=0.5", "augment.erase=0.3"]


def varied(settings: Config, *overrides: str) -> Config:
    """The settings with augmentation and other changes."""
    return changed(settings, *VARIED, *overrides)


def epoch(settings: Config, number: int, first_step: int = 0) -> tuple[Any, Any]:
    """All inputs of one epoch, on all 1024 places, and all targets."""
    data = prepare(settings, load_split(settings, "train"))
    order = np.arange(len(data.split.labels))[::-1]
    made = list(batches(settings, data, order, epoch=number, first_step=first_step))
    x = np.zeros((sum(len(part) for part, _ in made), 1024), np.float32)
    for end, (part, _) in zip(np.cumsum([len(part) for part, _ in made]), made, strict=True):
        x[end - len(part) : end, data.active_inputs[: part.shape[1]]] = part
    return x, np.concatenate([y for _, y in made])


def test_a_variant_depends_on_seed_epoch_and_position_alone(settings: Config) -> None:
    x, y = epoch(varied(settings, "train.batch_size=32"), 3)

    for size, first_step in [(7, 0), (300, 0), (32, 2), (32, 9)]:
        found, targets = epoch(varied(settings, f"train.batch_size={size}"), 3, first_step)
        first = size * first_step
        assert found.tobytes() == x[first:].tobytes()
        assert_array_equal(targets, y[first:])


def test_another_epoch_or_seed_gives_other_variants_of_the_same_labels(settings: Config) -> None:
    x, y = epoch(varied(settings), 3)
    for other in (epoch(varied(settings), 4), epoch(varied(settings, "seed=1"), 3)):
        assert (other[0] != x).any(axis=1).mean() > 0.99
        assert_array_equal(other[1], y)


@pytest.mark.parametrize("members", [2, 3])
@pytest.mark.parametrize("augmented", [False, True])
def test_members_that_fill_their_own_rows_make_the_same_batch(
    settings: Config, members: int, augmented: bool
) -> None:
    if augmented:
        settings = varied(settings)
    data = prepare(settings, load_split(settings, "train"))
    order = np.arange(len(data.split.labels))[::-1].copy()
    x = np.full((32, len(data.active_inputs)), np.nan, np.float32)
    y = np.full((32, 3), np.nan, np.float32)
    ((whole, targets),) = batches(settings, data, order[:64], epoch=2, first_step=1)

    fill = loader.source(settings, data, order, members=members).fill
    parts = [share(32, rank, members) for rank in range(members)]
    used = [fill(x[rows], y[rows], rank, rows, 2, 32) for rank, rows in enumerate(parts)]

    assert max(used) == whole.shape[1]
    for rows, k in zip(parts, used, strict=True):
        assert_array_equal(x[rows, :k], whole[rows, :k])
        assert not whole[rows, k:].any()
    assert_array_equal(y, targets)


def test_without_augmentation_the_lit_inputs_of_the_images_are_in_use(settings: Config) -> None:
    split = load_split(settings, "train")
    lit = preprocessing.active_inputs(split.images)

    assert_array_equal(active_inputs(settings, split), lit)
    assert set(active_inputs(varied(settings), split)) > set(lit)


@pytest.mark.parametrize(("amount", "count"), [("0.2", 60), ("30", 30), ("299", 299)])
def test_some_of_the_images_are_chosen_by_the_seed_from_every_class(
    settings: Config, amount: str, count: int
) -> None:
    chosen = changed(settings, f"data.images={amount}")
    split = load_split(chosen, "train")

    training, validation = loader.split_rows(chosen, split)
    again, _ = loader.split_rows(chosen, split)
    other, _ = loader.split_rows(chosen.replace(seed=1), split)

    rows = np.union1d(training, validation)
    assert len(rows) == len(training) + len(validation) == count
    assert np.ptp(np.bincount(split.labels[rows])) <= 1
    assert_array_equal(training, again)
    assert training.tolist() != other.tolist()


def test_batches_of_one_image_are_refused_with_batch_normalization(settings: Config) -> None:
    single = changed(settings, "network.batch_norm=true", "train.batch_size=1")

    with pytest.raises(
        ConfigError, match=r"network.batch_norm: one image has no variance; .*got 1 "
    ):
        prepare(single, load_split(single, "train"))


def test_more_images_than_there_are_cannot_be_chosen(settings: Config) -> None:
    many = changed(settings, "data.images=301")

    with pytest.raises(ConfigError, match=r"data\.images: must be at most the 300 training images"):
        loader.split_rows(many, load_split(many, "train"))


def test_a_number_of_images_can_be_kept_for_validation(settings: Config) -> None:
    some = changed(settings, "data.validation=45")

    training, validation = loader.split_rows(some, load_split(some, "train"))

    assert (len(training), len(validation)) == (255, 45)


@pytest.fixture
def with_own(tmp_path: Path, settings: Config) -> Config:
    """Settings of data with a validation split, whose white is 1 as in its training images."""
    arrays = dict(np.load(settings.data.name))
    arrays |= {name: images / 255 for name, images in arrays.items() if name.startswith("x_")}
    arrays |= {"x_val": arrays["x_test"][:12] / 2, "y_val": arrays["y_test"][:12]}
    np.savez(tmp_path / "own.npz", allow_pickle=False, **arrays)
    return changed(settings, f"data.name={tmp_path / 'own.npz'}")


def test_a_validation_split_of_the_data_is_used(with_own: Config) -> None:
    split = load_split(with_own, "train")

    training, validation = loader.split_rows(with_own, split)

    assert_array_equal(training, np.arange(300))
    assert_array_equal(validation, np.arange(300, 312))
    assert split.images[300:].max() == 128  # half of the training images' white
    assert split.classes == ("0", "1", "2")


def test_a_share_takes_the_place_of_the_validation_split_of_the_data(with_own: Config) -> None:
    share = changed(with_own, "data.validation=0.2")

    training, validation = loader.split_rows(share, load_split(share, "train"))

    assert (len(training), len(validation)) == (240, 60)


def test_each_image_is_kept_for_validation_in_one_of_the_folds(settings: Config) -> None:
    split = load_split(settings, "train")
    parts = [
        loader.split_rows(changed(settings, "data.folds=4", f"data.fold={fold}"), split)
        for fold in range(4)
    ]

    kept = np.concatenate([validation for _, validation in parts])
    assert_array_equal(np.sort(kept), np.arange(300))
    for training, validation in parts:
        assert_array_equal(np.sort(np.concatenate([training, validation])), np.arange(300))
        assert np.bincount(split.labels[validation]).tolist() == [25, 25, 25]


@pytest.mark.parametrize("others", [["data.fold=4"], ["data.validation=0.1"]])
def test_folds_stand_alone(settings: Config, others: list[str]) -> None:
    folds = changed(settings, "data.folds=4", *others)

    with pytest.raises(ConfigError, match=r"data\.folds: needs data\.fold below it"):
        loader.split_rows(folds, load_split(folds, "train"))


def test_other_data_can_be_validated_on(with_own: Config, settings: Config) -> None:
    other = changed(settings, f"data.validation={with_own.data.name}")
    split = load_split(other, "train")

    _, validation = loader.split_rows(other, split)

    assert_array_equal(validation, np.arange(300, 312))
    assert split.files.keys() == {"dots.npz", "own.npz"}
