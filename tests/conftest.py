"""Fixtures of every test."""

import numpy as np
import pytest

from mlpcli.nn import mlp


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def tiny(rng: np.random.Generator) -> mlp.Params:
    """A 6-5-4-3 network in float64."""
    return mlp.init((6, 5, 4, 3), rng=rng, dtype="float64")
