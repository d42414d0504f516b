import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from mlpcli.data import dataset
from mlpcli.runs import fit
from mlpcli.runs.batches import batches
from mlpcli.runs.settings import Config
from mlpcli.runs.train import load


def test_each_row_comes_once_an_epoch_with_a_short_last_batch(settings: Config) -> None:
    split = load(settings, "train")
    rows, _ = fit.rows(settings, split)
    numbered = split._replace(
        images=np.arange(300, dtype="uint16").view("uint8").reshape(300, 1, 2),
    )

    lit = dataset.places((1, 2))
    found = [x for x, _ in batches(settings, numbered, rows, lit)]

    assert [len(x) for x in found] == [32] * 8 + [14]
    # a batch whose images are all black in the second pixel leaves it out
    seen = np.concatenate([np.pad(x, ((0, 0), (0, 2 - x.shape[1]))) for x in found]) * 255
    assert_allclose(np.sort(seen @ [1, 256]), rows, atol=1e-3)


def test_a_batch_holds_the_lit_inputs_up_to_the_last_that_it_lights(
    settings: Config, rng: np.random.Generator
) -> None:
    split = load(settings, "train")
    images = rng.integers(0, 256, split.images.shape, dtype="uint8")
    images[:, 0] = 0
    images[40:, 3] = 0
    lit = dataset.lit(images)
    full = dataset.inputs(images)

    drawn = split._replace(images=images)
    for first, (x, y) in enumerate(batches(settings, drawn, np.arange(300), lit)):
        rows = slice(32 * first, 32 * first + len(x))
        k = x.shape[1]
        assert_array_equal(x, full[rows][:, lit[:k]])
        assert not full[rows][:, lit[k:]].any()
        assert k == (30 if first < 2 else 24)
        assert_array_equal(y.argmax(axis=1), split.labels[rows])
