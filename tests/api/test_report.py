from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mlpcli.api import report
from mlpcli.api.eval import evaluate_run
from mlpcli.data.dataset import Split
from mlpcli.errors import CheckpointError
from mlpcli.nn import mlp
from mlpcli.runs.folder import METRICS


def predictions(rng: np.random.Generator, n: int) -> tuple[np.ndarray, Split]:
    """Probabilities of a network that is often wrong, and the images they are of."""
    p = mlp.softmax(2 * rng.standard_normal((n, 3)))
    images = rng.integers(0, 256, (n, 4, 4)).astype("uint8")
    return p, Split("noise", images, rng.integers(0, 3, n), ("a", "b", "c"), {})


def test_mistakes_are_the_most_confident_wrong_answers(rng: np.random.Generator) -> None:
    p, split = predictions(rng, 200)
    rows = np.arange(200)
    wrong = [(p[i].max(), i) for i in rows if p[i].argmax() != split.labels[i]]

    found = report.mistakes(p, split, rows)

    assert [m.row for m in found] == [
        i for _, i in sorted(wrong, reverse=True)[: report.MAX_MISTAKES]
    ]
    for m in found:
        assert_array_equal(m.image, split.images[m.row])
        assert (m.true, m.predicted) == (split.labels[m.row], p[m.row].argmax())
        assert (m.probability, m.true_probability) == (p[m.row].max(), p[m.row, m.true])


def test_mistakes_on_some_rows_name_the_rows_of_the_split(rng: np.random.Generator) -> None:
    p, split = predictions(rng, 200)
    rows = np.arange(1, 200, 2)

    found = report.mistakes(p[rows], split, rows)

    assert {m.row % 2 for m in found} == {1}
    assert all(m.true == split.labels[m.row] != m.predicted for m in found)


def test_a_network_without_mistakes_has_none(rng: np.random.Generator) -> None:
    p, split = predictions(rng, 20)
    split = split._replace(labels=p.argmax(axis=1))

    assert report.mistakes(p, split, np.arange(20)) == []


def test_filters_are_the_longest_columns_over_lit_pixels(rng: np.random.Generator) -> None:
    W1 = rng.standard_normal((1024, 5))
    W1[:, 2] = 0
    W1[0] = 1000  # an input that no image lights
    images = np.full((2, 4, 4), 9, np.uint8)
    images[:, 3] = 0
    W1[:, 4] *= 10

    found = report.filters(W1, images, count=4)

    assert (list(found.units), found.of) == ([0, 1, 3, 4], 5)
    square = W1[:, found.units].T.reshape(-1, 32, 32)[:, 14:18, 14:18]
    assert_array_equal(found.weights[:, :3], square[:, :3])
    assert not found.weights[:, 3].any()


def test_an_analysis_agrees_with_the_evaluation(run: Path) -> None:
    found = report.analyze(run)

    scores = evaluate_run(run).scores
    assert_array_equal(found.evaluation.scores.confusion, scores.confusion)
    assert len(found.mistakes) == min(report.MAX_MISTAKES, scores.n - scores.correct)
    assert [m.epoch for m in found.metrics] == [1, 2, 3]
    assert found.gradient.ok


def test_a_run_is_compared_on_the_same_images_alone(run: Path) -> None:
    test, validation = (report.analyze(run, split=name) for name in ("test", "validation"))

    same = report.ranking([test, test._replace(evaluation=evaluate_run(run))])
    assert same is not None
    assert [(each.comparison.only, each.verdict) for each in same.rivals] == [
        ((0, 0), "cannot tell")
    ]
    assert report.ranking([test, validation]) is None


def test_a_run_without_an_epoch_says_how_to_resume(run: Path) -> None:
    (run / METRICS).write_bytes(b"")

    with pytest.raises(CheckpointError, match="no epoch has ended; resume the run with `mlp train"):
        report.analyze(run)
