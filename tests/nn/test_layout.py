import numpy as np
from numpy.testing import assert_array_equal

from mlpcli.nn import mlp
from mlpcli.nn.layout import Layout

LIT = np.array([4, 0, 3])


def test_what_is_written_is_read_back(tiny: mlp.Params) -> None:
    layout = Layout((6, 5, 4, 3), LIT)
    flat = np.full(layout.length, np.nan)

    layout.write(tiny, flat)

    assert layout.length == sum(W.size + b.size for W, b in tiny)
    for mine, theirs in zip(layout.read(flat), tiny, strict=True):
        assert_array_equal(mine.W, theirs.W)
        assert_array_equal(mine.b, theirs.b)


def test_slices_part_biases_from_weights_and_live_from_dark(tiny: mlp.Params) -> None:
    layout = Layout((6, 5, 4, 3), LIT)
    flat = np.zeros(layout.length)
    biases_alone = tuple(mlp.Layer(0 * W, b + 1) for W, b in tiny)

    layout.write(biases_alone, flat)

    assert_array_equal(flat[layout.weights], 0)
    assert_array_equal(flat[: layout.weights.start], 1)
    assert_array_equal(flat[layout.dark], 0)
    assert layout.dark.stop - layout.dark.start == 3 * 5
    assert layout.live.stop == layout.dark.start


def test_views_hold_the_rows_of_lit_inputs_in_their_order(tiny: mlp.Params) -> None:
    layout = Layout((6, 5, 4, 3), LIT)
    flat = np.zeros(layout.length)
    layout.write(tiny, flat)

    views = layout.views(flat)

    assert_array_equal(views[0].W, tiny[0].W[LIT])
    views[2].b[1] = 9
    assert layout.read(flat)[2].b[1] == 9
