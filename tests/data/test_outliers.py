import numpy as np
import pytest
from numpy.typing import NDArray

from mlpcli.data import outliers, pictures, synth
from mlpcli.data.outliers import Traits, in_pieces, is_outlier, measure

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def traits() -> Traits:
    found = measure(np.asarray(synth.split("train", 2000)[0]))
    assert found is not None
    return found


@pytest.fixture(scope="module")
def digits() -> Pixels:
    return np.asarray(synth.split("test", 2000)[0])


def disc() -> Pixels:
    y, x = np.ogrid[:28, :28]
    return np.where((y - 13.5) ** 2 + (x - 13.5) ** 2 < 100, 255, 0).astype(np.uint8)[None]


def test_images_of_the_same_kind_are_hardly_ever_outliers(traits: Traits, digits: Pixels) -> None:
    assert is_outlier(digits, traits).mean() <= 0.005


def test_soft_edges_make_no_outlier(traits: Traits, digits: Pixels) -> None:
    large = [pictures.resize(each.astype(np.float32), 280).clip(0, 255) for each in digits[:300]]
    soft = np.stack([pictures.shrink(each.astype(np.uint8), 28) for each in large])

    assert is_outlier(soft, traits).mean() <= 0.01


def test_a_disc_and_noise_are_outliers(traits: Traits, rng: np.random.Generator) -> None:
    assert is_outlier(disc(), traits).all()
    assert is_outlier(rng.integers(0, 256, (50, 28, 28), np.uint8), traits).all()


def test_few_images_tell_nothing(digits: Pixels) -> None:
    assert measure(digits[: outliers.MIN_IMAGES - 1]) is None


def test_two_characters_are_pieces_and_one_is_not(digits: Pixels) -> None:
    digits = digits[:50]
    beside = np.concatenate([digits, digits[::-1]], axis=2).repeat(3, axis=1).repeat(3, axis=2)

    assert in_pieces(digits).mean() < 0.05
    assert in_pieces(beside).mean() > 0.95
    assert in_pieces(beside.swapaxes(1, 2)).mean() > 0.95
    assert in_pieces(255 - beside).mean() > 0.95


def test_pieces_are_found_in_large_pictures(digits: Pixels) -> None:
    sheet = np.zeros((1, 900, 1200), np.uint8)
    sheet[0, 100:380, 100:380] = digits[0].repeat(10, axis=0).repeat(10, axis=1)

    assert not in_pieces(sheet).any()
    sheet[0, 500:780, 700:980] = digits[1].repeat(10, axis=0).repeat(10, axis=1)
    assert in_pieces(sheet).all()


def test_a_dot_is_no_piece(digits: Pixels) -> None:
    dotted = np.zeros((1, 28, 40), np.uint8)
    dotted[0, :, :28] = digits[0]
    dotted[0, 10:12, 35:37] = 255

    assert not in_pieces(dotted).any()
