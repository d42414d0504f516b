import numpy as np
import pytest
from numpy.testing import assert_array_equal, assert_equal

from mlpcli.nn import mlp
from mlpcli.nn.flat_params import FlatLayout

ACTIVE = np.array([4, 0, 3])


def test_what_is_written_is_read_back(tiny: mlp.Params) -> None:
    layout = FlatLayout((6, 5, 4, 3), ACTIVE)
    flat = np.full(layout.length, np.nan)

    layout.write(tiny, flat)

    assert layout.length == sum(W.size + b.size for W, b in tiny)
    assert_equal(layout.read(flat), tiny)


def test_slices_separate_biases_from_weights_and_active_from_inactive(tiny: mlp.Params) -> None:
    layout = FlatLayout((6, 5, 4, 3), ACTIVE)
    flat = np.zeros(layout.length)
    biases_alone = tuple(mlp.Layer(0 * W, b + 1) for W, b in tiny)

    layout.write(biases_alone, flat)

    assert_array_equal(flat[layout.weights], 0)
    assert_array_equal(flat[: layout.weights.start], 1)
    assert_array_equal(flat[layout.inactive_weights], 0)
    assert layout.inactive_weights.stop - layout.inactive_weights.start == 3 * 5


def test_views_have_the_rows_of_active_inputs_in_their_order(tiny: mlp.Params) -> None:
    layout = FlatLayout((6, 5, 4, 3), ACTIVE)
    flat = np.zeros(layout.length)
    layout.write(tiny, flat)

    views = layout.views(flat)

    assert_array_equal(views[0].W, tiny[0].W[ACTIVE])
    views[2].b[1] = 9
    assert layout.read(flat)[2].b[1] == 9


@pytest.mark.parametrize("sizes", [(6, 5, 4, 3), (1024, 512, 256, 10), (200, 2500, 10), (6, 3)])
@pytest.mark.parametrize("members", [2, 32])
def test_blocks_make_up_the_vector_and_name_its_rows(sizes: tuple[int, ...], members: int) -> None:
    layout = FlatLayout(sizes, ACTIVE)
    flat = np.arange(layout.length, dtype=float)
    params, covered = layout.read(flat), np.zeros(layout.length)

    for layer, rows, part in layout.blocks(members, inactive=True):
        covered[part] += 1
        if layer is not None:
            order = np.r_[ACTIVE, layout.inactive_inputs] if layer == 0 else np.arange(sizes[layer])
            block = flat[part].reshape(-1, sizes[layer + 1])
            assert_array_equal(block, params[layer].W[order[rows]])
    assert (covered == 1).all()


def test_without_inactive_rows_the_blocks_end_before_them() -> None:
    layout = FlatLayout((6, 5, 4, 3), ACTIVE)

    ends = [block.flat.stop for block in layout.blocks(2, inactive=False)]
    assert max(ends) == layout.inactive_weights.start
