import numpy as np
import pytest

from mlpcli.data import synth
from tests.data.drawings import Pixels


@pytest.fixture(scope="module")
def digits() -> Pixels:
    return synth.split("train", 100)[0]


@pytest.fixture
def seven() -> Pixels:
    """A digit of 20x12, black and white."""
    shape = np.zeros((20, 12), np.uint8)
    shape[:3] = 255
    shape[:, 8:] = 255
    return shape
