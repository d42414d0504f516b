import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from PIL import Image

from mlpcli.api import preparation
from mlpcli.api.predict import Prediction, predict
from mlpcli.api.trainer import train
from mlpcli.config.load import load_config
from mlpcli.data import placement, synth
from mlpcli.errors import DataError
from mlpcli.nn.activation import ACTIVATIONS
from mlpcli.runs.checkpoint import Checkpoint
from mlpcli.runs.folder import RunFolder
from mlpcli.training.scoring import probabilities


def trained(folder: Path, *changes: str) -> Checkpoint:
    list(train(load_config(None, changes), folder, preflight=False))
    return RunFolder(folder).load_weights("best")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """A network that knows drawn digits."""
    small = ["data.images=4000", "network.hidden=[64]", "train.epochs=4", "train.batch_size=64"]
    return trained(tmp_path_factory.mktemp("runs") / "digits", *small)


@pytest.fixture(scope="module")
def digits() -> NDArray[np.uint8]:
    return np.asarray(synth.split("test", 200)[0])


def said(
    kept: Checkpoint, *places: str, invert: bool | None = None, center: bool | None = None
) -> list[Prediction]:
    found: list[Prediction] = []
    for some in predict(kept, places, io.BytesIO(), invert=invert, center=center):
        assert not isinstance(some, DataError), some
        found += some if isinstance(some, list) else []
    return found


def labels(found: list[Prediction]) -> NDArray[np.int64]:
    return np.array([each.top[0].label for each in found])


@pytest.fixture
def file(tmp_path: Path, digits: NDArray[np.uint8]) -> str:
    """An npz file of drawn digits."""
    np.savez(tmp_path / "digits.npz", allow_pickle=False, images=digits)
    return str(tmp_path / "digits.npz")


def test_predictions_are_the_networks_probabilities_in_order(
    kept: Checkpoint, file: str, digits: NDArray[np.uint8]
) -> None:
    expected = probabilities(kept.params, digits, activation=ACTIVATIONS["relu"])

    found = said(kept, file)

    assert [each.row for each in found] == list(range(200))
    for each, row in zip(found, expected, strict=True):
        assert (each.image, each.light, each.inverted, each.blank) == (file, False, False, False)
        assert [guess.name for guess in each.top] == [str(guess.label) for guess in each.top]
        assert [guess.label for guess in each.top] == np.argsort(-row)[:3].tolist()
        best = sorted(row, reverse=True)[:3]
        assert_allclose([guess.probability for guess in each.top], best, atol=1e-6)


def test_more_classes_than_there_are_cannot_be_named(kept: Checkpoint, file: str) -> None:
    found = next(predict(kept, [file], io.BytesIO(), top=99))

    assert isinstance(found, list)
    assert len(found[0].top) == 10
    assert_allclose(sum(guess.probability for guess in found[0].top), 1)


def test_dark_on_light_is_noticed_and_inverted(
    kept: Checkpoint, file: str, tmp_path: Path, digits: NDArray[np.uint8]
) -> None:
    np.savez(tmp_path / "light.npz", allow_pickle=False, images=255 - digits)
    light = str(tmp_path / "light.npz")

    found, left = said(kept, light), said(kept, light, invert=False)

    assert all(each.light and each.inverted for each in found)
    assert (labels(found) == labels(said(kept, file))).mean() > 0.9
    assert all(each.light and not each.inverted for each in left)
    assert (labels(left) == labels(said(kept, file))).mean() < 0.6


def test_digits_on_large_paper_are_found_by_the_rule_of_the_training_images(
    kept: Checkpoint, file: str, tmp_path: Path, digits: NDArray[np.uint8]
) -> None:
    for i, digit in enumerate(digits[:60]):
        ink = Image.fromarray(digit).resize((140, 140))
        paper = Image.new("L", (320, 400), 0)
        paper.paste(ink, (10 + i, 230 - 3 * i))
        Image.fromarray(220 - np.asarray(paper) // 2).save(tmp_path / f"{i:02}.png")

    found = said(kept, str(tmp_path), center=True)

    assert all(each.inverted and each.centered and each.row is None for each in found)
    assert (labels(found) == labels(said(kept, file))[:60]).mean() > 0.7
    assert (labels(said(kept, str(tmp_path), center=False)) == labels(found)).mean() < 0.5


@pytest.fixture(scope="module")
def arranged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkpoint, NDArray[np.uint8]]:
    """A network that knows drawn digits as MNIST has them, and its test images."""
    folder = tmp_path_factory.mktemp("arranged")
    arrays: dict[str, NDArray[Any]] = {}
    for split, n in (("train", 2000), ("test", 200)):
        images, labels, _ = synth.split(split, n)
        arrays[f"x_{split}"] = np.stack([placement.arrange(image) for image in images])
        arrays[f"y_{split}"] = labels
    np.savez(folder / "own.npz", allow_pickle=False, **arrays)
    settings = [f"data.name={folder}/own.npz", "network.hidden=[64]", "train.epochs=6"]
    return trained(folder / "run", *settings, "train.batch_size=32"), arrays["x_test"]


def test_images_that_obey_the_training_images_rule_stay_bit_for_bit(
    arranged: tuple[Checkpoint, NDArray[np.uint8]],
) -> None:
    kept, images = arranged

    fitted = preparation.fit(images, kept.metadata)

    assert kept.metadata.placement
    assert kept.metadata.placement.is_rule
    assert_array_equal(fitted.images[~fitted.centered], images[~fitted.centered])
    assert fitted.centered.mean() < 0.02
    assert not fitted.shrunk


def test_digits_of_any_size_and_place_are_brought_where_the_training_digits_lie(
    arranged: tuple[Checkpoint, NDArray[np.uint8]], tmp_path: Path
) -> None:
    kept, images = arranged
    np.savez(tmp_path / "as_trained.npz", images=images, allow_pickle=False)
    elsewhere = np.pad(images, ((0, 0), (6, 2), (0, 5)))
    ten = elsewhere.repeat(10, axis=1).repeat(10, axis=2)
    expected = labels(said(kept, str(tmp_path / "as_trained.npz")))

    for name, pixels in (("moved", elsewhere), ("large", ten), ("paper", 255 - ten)):
        np.savez(tmp_path / f"{name}.npz", images=pixels, allow_pickle=False)
        found = said(kept, str(tmp_path / f"{name}.npz"))

        assert all(each.centered for each in found), name
        assert (labels(found) == expected).mean() > 0.98, name
    left = said(kept, str(tmp_path / "moved.npz"), center=False)
    assert not any(each.centered for each in left)
    assert (labels(left) == expected).mean() < 0.8


def test_without_a_rule_a_picture_shrinks_to_the_training_images_size(
    kept: Checkpoint, file: str, tmp_path: Path, digits: NDArray[np.uint8]
) -> None:
    ten = digits.repeat(10, axis=1).repeat(10, axis=2)
    np.savez(tmp_path / "ten.npz", images=ten, allow_pickle=False)

    found = said(kept, str(tmp_path / "ten.npz"))

    assert all(each.shrunk and not each.centered for each in found)
    assert (labels(found) == labels(said(kept, file))).mean() > 0.98
    assert preparation.fit(ten[:2], kept.metadata).images.shape == (2, 28, 28)


def test_a_picture_of_two_characters_and_one_unlike_any_are_marked(
    kept: Checkpoint, tmp_path: Path, digits: NDArray[np.uint8], rng: np.random.Generator
) -> None:
    Image.fromarray(np.concatenate([digits[0], digits[1]], axis=1)).save(tmp_path / "two.png")
    Image.fromarray(rng.integers(0, 256, (28, 28), np.uint8)).save(tmp_path / "noise.png")
    Image.fromarray(digits[2]).save(tmp_path / "digit.png")

    two, noise, digit = (
        said(kept, str(tmp_path / f"{name}.png"))[0] for name in ("two", "noise", "digit")
    )

    assert two.pieces
    assert noise.outlier
    assert not noise.pieces
    assert not digit.pieces
    assert not digit.outlier


def test_an_image_of_one_shade_is_blank(kept: Checkpoint, tmp_path: Path) -> None:
    Image.new("L", (50, 40), 255).save(tmp_path / "white.png")

    (found,) = said(kept, str(tmp_path / "white.png"))

    assert found.blank


def test_a_run_that_was_not_measured_keeps_the_place_of_small_images(kept: Checkpoint) -> None:
    image = np.zeros((1, 32, 30), np.uint8)
    image[0, 3:9, 3:9] = 200

    old = kept.metadata.replace(placement=None, traits=None)
    same = preparation.fit(image, old)
    centred = preparation.fit(image, old, center=True)

    assert_array_equal(same.images, image)
    assert not same.centered.any()
    assert_array_equal(centred.images[0], placement.arrange(image[0], placement.MNIST))


def test_paper_that_is_not_white_becomes_black(kept: Checkpoint) -> None:
    image = np.full((1, 28, 28), 180, np.uint8)
    image[0, 10:20, 13:15] = 40

    seen = preparation.shade(image, kept.metadata, inverted=True)

    assert_array_equal(seen > 0, image == 40)
    assert seen.max() == 255


def test_a_board_that_is_not_black_becomes_black(
    kept: Checkpoint, digits: NDArray[np.uint8]
) -> None:
    board = (80 + digits * 0.6).astype(np.uint8)
    filled = digits.copy()
    filled[:, -1] = 255  # ink along the border is no background

    seen = preparation.shade(board, kept.metadata, inverted=False)

    assert np.median(seen) < 10
    assert np.abs(seen.astype(int) - digits).mean() < 12
    assert_array_equal(preparation.shade(digits, kept.metadata, inverted=False), digits)
    for kind in (filled, 255 - digits):  # nor is a light one among dark ones
        assert_array_equal(preparation.shade(kind, kept.metadata, inverted=False), kind)


def test_faint_ink_is_strengthened(kept: Checkpoint, digits: NDArray[np.uint8]) -> None:
    seen = preparation.shade(digits // 4, kept.metadata, inverted=False)

    assert seen.max(axis=(1, 2)).min() == 255
    assert np.abs(seen.astype(int) - digits).mean() < 12


def test_without_centring_the_whole_image_shrinks_to_fit(kept: Checkpoint) -> None:
    image = np.zeros((1, 280, 140), np.uint8)
    image[0, :140] = 255

    seen = preparation.fit(image, kept.metadata, center=False).images

    assert seen.shape == (1, 28, 14)
    assert_allclose(seen[0, :13], 255, atol=8)


def test_images_are_shown_to_a_network_as_those_it_was_trained_on(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    images = rng.integers(200, 256, (60, 40, 40), np.uint8)
    images[::2, 10:30, 10:20] = 0
    images[1::2, 10:20, 10:30] = 0
    own = {"x_train": images, "y_train": np.arange(60) % 2, "x_test": images}
    np.savez(tmp_path / "own.npz", allow_pickle=False, **own)
    data = str(tmp_path / "own.npz")
    changes = [f"data.name={data}", "data.resize=true", "network.hidden=[8]", "train.epochs=2"]

    kept = trained(tmp_path / "run", *changes, "data.background=dark")
    found = said(kept, data)

    assert kept.metadata.light_share == 1
    assert not any(each.inverted for each in found)
    assert preparation.fit(images, kept.metadata).images.shape == (60, 32, 32)


def test_a_network_that_saw_both_grounds_gets_images_as_they_are(
    kept: Checkpoint, tmp_path: Path
) -> None:
    image = np.full((28, 28), 255, np.uint8)
    image[10:15, 10:15] = 0
    Image.fromarray(image).save(tmp_path / "x.png")
    both = kept._replace(metadata=kept.metadata.replace(light_share=0.3))

    (found,) = said(both, str(tmp_path / "x.png"))

    assert (found.light, found.inverted) == (True, False)
