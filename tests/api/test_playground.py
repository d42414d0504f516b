from pathlib import Path

import numpy as np
import pytest

from mlpcli.api import playground
from mlpcli.api.eval import open_subject
from mlpcli.errors import CheckpointError
from mlpcli.runs.folder import RunFolder


def test_mistakes_come_first_then_right_images_of_each_class_in_turn(run: Path) -> None:
    subject = open_subject(run, "test", None, "best", offline=True)
    labels = subject.images.labels
    p = np.full((len(labels), 3), 0.01)
    p[np.arange(len(labels)), labels] = 0.9
    for row, sure in ((5, 0.95), (50, 0.99), (7, 0.97)):  # wrong ones
        p[row] = 0.01
        p[row, (labels[row] + 1) % 3] = sure

    chosen = playground.choose(p, subject, count=9)

    assert chosen.rows == [50, 7, 5, 0, 1, 2, 3, 4, 8]
    assert chosen.labels == labels[chosen.rows].tolist()
    assert chosen.pixels.shape == (9, 6, 6)


def test_there_are_at_most_ten_mistakes(run: Path) -> None:
    subject = open_subject(run, "test", None, "best", offline=True)
    labels = subject.images.labels
    p = np.full((len(labels), 3), 0.1)
    p[np.arange(len(labels)), np.where(np.arange(len(labels)) < 60, (labels + 1) % 3, labels)] = 0.8

    chosen = playground.choose(p, subject)

    wrong = sum(row < 60 for row in chosen.rows)
    assert (wrong, len(chosen.rows)) == (10, 40)  # of 60 mistakes, and all 30 right ones


def test_weights_beyond_float16_are_refused(run: Path) -> None:
    folder = RunFolder(run)
    checkpoint = folder.load_weights("best")
    checkpoint.params[0].W[0, 0] = 1e5
    folder.save_weights("best", checkpoint)

    with pytest.raises(CheckpointError, match="a weight must be at most 65504 in a page, got"):
        playground.collect(run, weights="best")
