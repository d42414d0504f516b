from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mlpcli.api.gradcheck import points_of_config
from mlpcli.checks import gradcheck
from mlpcli.config.load import load_config
from mlpcli.training.loader import load_split, prepare
from mlpcli.training.rng import stream

SMALL = ["data.images=100", "network.hidden=[16, 8]"]


def test_the_checked_loss_has_the_dropout_of_the_config() -> None:
    dropped = [*SMALL, "network.dropout=0.5", "network.input_dropout=0.2"]

    for point in points_of_config(load_config(None, dropped)):
        masks = point.problem.masks
        verdict = gradcheck.check(point.problem, point=point.name, rng=stream(0, "check"))

        assert masks is not None
        assert [m.shape for m in masks if m is not None] == [(4, 1024), (4, 16), (4, 8)]
        assert all((m == 0).any() for m in masks if m is not None)
        assert verdict.ok


def test_batch_normalization_is_checked_at_the_start_and_while_it_trains() -> None:
    normalized = [*SMALL, "network.batch_norm=true", "network.dropout=0.2"]

    points = list(points_of_config(load_config(None, normalized)))

    assert [point.problem.batch_norm for point in points] == [True, True]
    for point in points:
        verdict = gradcheck.check(point.problem, point=point.name, rng=stream(0, "check"))
        assert verdict.ok


@pytest.mark.parametrize(("name", "expected"), [("sgd", 0.1), ("adam", 0.1), ("adamw", 0.0)])
def test_the_checked_loss_has_the_decay_that_is_in_the_loss(name: str, expected: float) -> None:
    decayed = [*SMALL, f"optimizer.name={name}", "optimizer.weight_decay=0.1"]

    assert next(points_of_config(load_config(None, decayed))).problem.weight_decay == expected


def test_the_checked_loss_has_the_class_weights_of_the_config() -> None:
    for setting in ("balanced", "[0.5, 2, 0.5, 2, 0.5, 2, 0.5, 2, 0.5, 2]"):
        config = load_config(None, [*SMALL, f"train.class_weight={setting}"])
        for point in points_of_config(config):
            verdict = gradcheck.check(point.problem, point=point.name, rng=stream(0, "check"))

            data = prepare(config, load_split(config, "train"))
            assert data.class_weights is not None
            assert point.problem.weights is not None
            expected = data.class_weights[point.problem.y.argmax(axis=1)]
            assert_array_equal(point.problem.weights[:, 0], expected)
            assert len(np.unique(expected)) > 1
            assert verdict.ok


def test_data_of_fewer_images_than_are_checked_is_checked_on_all(tmp_path: Path) -> None:
    images, labels = np.full((3, 4, 4), 99, np.uint8), np.array([0, 1, 0])
    np.savez(tmp_path / "few.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    few = load_config(None, [f"data.name={tmp_path / 'few.npz'}", "data.validation=0.4"])

    assert [len(point.problem.x) for point in points_of_config(few)] == [3, 3]
