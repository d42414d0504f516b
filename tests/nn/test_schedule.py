import numpy as np
import pytest
from numpy.testing import assert_allclose

from mlpcli.nn import schedule
from mlpcli.nn.schedule import Schedule

SHAPES = {
    "constant": schedule.constant,
    "step": schedule.step([0.5, 0.75], 0.1),
    "cosine": schedule.cosine,
}


def test_cosine_falls_monotonically_from_one_to_zero() -> None:
    values = [schedule.cosine(p) for p in np.linspace(0, 1, 11)]

    assert values[0] == 1
    assert abs(values[-1]) < 1e-15
    assert (np.diff(values) < 0).all()


def test_step_falls_at_each_point_in_any_order() -> None:
    rate = schedule.step([0.75, 0.5], 0.2)

    assert_allclose([rate(p) for p in (0.49, 0.5, 0.74, 0.75)], [1, 0.2, 0.2, 0.04])


def test_step_without_a_point_is_constant() -> None:
    assert schedule.step([], 0.1)(1.0) == 1


@pytest.mark.parametrize("peak", [0.1, 0.45, 0.5])
@pytest.mark.parametrize("start", [0.0, 0.04, 1.0])
def test_one_cycle_passes_its_corners(peak: float, start: float) -> None:
    rate = schedule.one_cycle(peak, start)
    corners, values = [0, peak, 2 * peak], [start, 1, start]
    if peak < 0.5:
        corners, values = [*corners, 1], [*values, 0]

    places = np.union1d(np.linspace(0, 1, 1001), corners)
    expected = np.interp(places, corners, values)
    assert_allclose([rate(p) for p in places], expected, atol=1e-14)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_warm_up_rises_along_a_line_and_leaves_the_shape_its_rest(shape: Schedule) -> None:
    rate = schedule.with_warmup(shape, 0.2)

    assert_allclose([rate(p) for p in (0, 0.05, 0.15)], [0, 0.25, 0.75])
    assert_allclose([rate(0.2 + 0.8 * p) for p in (0, 0.3, 1)], [shape(p) for p in (0, 0.3, 1)])


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_no_warm_up_leaves_the_shape_as_it_is(shape: Schedule) -> None:
    places = np.linspace(0, 1, 101)

    assert [schedule.with_warmup(shape, 0.0)(p) for p in places] == [shape(p) for p in places]
