import numpy as np
from numpy.testing import assert_array_equal

from mlpcli.data import synth


def test_an_image_depends_on_its_number_alone() -> None:
    images, labels = synth.draw("train", 0, 1300)

    for first, last in ((0, 3), (499, 502), (700, 1300), (1299, 1300)):
        part, part_labels = synth.draw("train", first, last)
        assert_array_equal(part, images[first:last])
        assert_array_equal(part_labels, labels[first:last])


def test_splits_and_seeds_differ() -> None:
    train = synth.draw("train", 0, 10)[0]

    assert (train != synth.draw("test", 0, 10)[0]).any()
    assert (train != synth.draw("train", 0, 10, seed=1)[0]).any()


def test_every_glyph_is_drawn_inside_the_image() -> None:
    images, labels = synth.draw("test", 0, 2000)

    assert images.dtype == np.uint8
    assert np.bincount(labels).min() > 100
    ink = images > 128
    assert ink.sum(axis=(1, 2)).min() >= 10  # no image is empty
    border = ink[:, [0, -1]].sum() + ink[:, :, [0, -1]].sum()
    assert border < 0.005 * ink.sum()


def test_the_curve_passes_its_control_points() -> None:
    matrix = synth._catmull_rom(4, 31)
    points = np.array([0.0, 2.0, -1.0, 5.0])

    np.testing.assert_allclose((matrix @ points)[::10], points, atol=1e-12)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-12)
