"""Drawings survive what demos fail at: small or large, in a corner, thick, thin, slanted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlpcli.api.trainer import train
from mlpcli.config.load import load_config
from tests.show.chromium import MARKS, opened
from tests.show.playground.conftest import LOOK, STROKES, strokes_of, written

DATA = Path(__file__).parents[4] / "shared" / "data" / "mnist"
pytestmark = [
    *MARKS,
    pytest.mark.skipif(not DATA.is_dir(), reason="needs the published files in ../shared/data"),
]

WAYS: dict[str, dict[str, float]] = {
    "as it is": {},
    "small": {"scale": 0.45},
    "large": {"scale": 1.25},
    "top left": {"scale": 0.5, "x": 0.22, "y": 0.24},
    "top right": {"scale": 0.5, "x": 0.78, "y": 0.24},
    "bottom left": {"scale": 0.5, "x": 0.22, "y": 0.76},
    "bottom right": {"scale": 0.5, "x": 0.78, "y": 0.76},
    "thick": {"width": 0.14},
    "thin": {"width": 0.03},
    "slanted right": {"slant": 0.35},
    "slanted left": {"slant": -0.35},
}
GUESS = """drawings => drawings.map(strokes =>
  byProbability(consider({ kind: "drawing", strokes }).pass.h.at(-1))[0])"""


@pytest.fixture(scope="module")
def mnist(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The page of mnist-fast, which is trained in seconds; docs/using.md has mnist-best."""
    run = tmp_path_factory.mktemp("strokes") / "run"
    for _ in train(load_config("mnist-fast", [f"data.name={DATA}"]), run, preflight=False):
        pass
    yield from opened(browser, written(run), LOOK)


@pytest.mark.parametrize("way", WAYS)
def test_stroke_digits_are_recognized_however_they_are_drawn(mnist: Any, way: str) -> None:
    guesses = mnist.evaluate(GUESS, [strokes_of(hand, **WAYS[way]) for hand in STROKES])

    wrong = [hand["digit"] for hand, k in zip(STROKES, guesses, strict=True) if hand["digit"] != k]
    assert len(STROKES) == 20
    # one more than mnist-best, which is trained for minutes: see docs/using.md
    assert len(wrong) <= 2, f"{way}: {wrong} were not recognized"
