import io
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from PIL import Image

from mlpcli.api.predict import Prediction, predict, prepared
from mlpcli.api.trainer import train
from mlpcli.config.load import load_config
from mlpcli.data import mnist_style, synth
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
        found += some
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

    assert not isinstance(found, DataError)
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


def test_digits_on_large_paper_are_found(
    kept: Checkpoint, file: str, tmp_path: Path, digits: NDArray[np.uint8]
) -> None:
    for i, digit in enumerate(digits[:60]):
        ink = Image.fromarray(digit).resize((140, 140))
        paper = Image.new("L", (320, 400), 0)
        paper.paste(ink, (10 + i, 230 - 3 * i))
        Image.fromarray(220 - np.asarray(paper) // 2).save(tmp_path / f"{i:02}.png")

    found = said(kept, str(tmp_path))

    assert all(each.inverted and each.row is None for each in found)
    assert (labels(found) == labels(said(kept, file))[:60]).mean() > 0.7
    assert (labels(said(kept, str(tmp_path), center=False)) == labels(found)).mean() < 0.5


def test_an_image_of_one_shade_is_blank(kept: Checkpoint, tmp_path: Path) -> None:
    Image.new("L", (50, 40), 255).save(tmp_path / "white.png")

    (found,) = said(kept, str(tmp_path / "white.png"))

    assert found.blank


def test_small_images_keep_their_place_and_size(kept: Checkpoint) -> None:
    image = np.zeros((1, 32, 30), np.uint8)
    image[0, 3:9, 3:9] = 200

    same = prepared(image, kept.metadata, inverted=False)
    centred = prepared(image, kept.metadata, inverted=False, center=True)

    assert_array_equal(same, image)
    assert_array_equal(centred[0], mnist_style.as_mnist(image[0]))


def test_paper_that_is_not_white_becomes_black(kept: Checkpoint) -> None:
    image = np.full((1, 28, 28), 180, np.uint8)
    image[0, 10:20, 13:15] = 40

    seen = prepared(image, kept.metadata, inverted=True)

    assert_array_equal(seen > 0, image == 40)
    assert seen.max() == 255


def test_without_centring_the_whole_image_shrinks_to_fit(kept: Checkpoint) -> None:
    image = np.zeros((1, 280, 140), np.uint8)
    image[0, :140] = 255

    seen = prepared(image, kept.metadata, inverted=False, center=False)

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
    assert prepared(images, kept.metadata, inverted=False).shape == (60, 32, 32)


def test_a_network_that_saw_both_grounds_gets_images_as_they_are(
    kept: Checkpoint, tmp_path: Path
) -> None:
    image = np.full((28, 28), 255, np.uint8)
    image[10:15, 10:15] = 0
    Image.fromarray(image).save(tmp_path / "x.png")
    both = kept._replace(metadata=kept.metadata.replace(light_share=0.3))

    (found,) = said(both, str(tmp_path / "x.png"))

    assert (found.light, found.inverted) == (True, False)
