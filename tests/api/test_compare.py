from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlpcli.api import multi_seed, significance
from mlpcli.api.compare import compare
from mlpcli.api.eval import evaluate
from mlpcli.api.trainer import train
from mlpcli.config.load import load_config
from mlpcli.config.schema import Config
from mlpcli.errors import CheckpointError


@pytest.fixture
def hard(tmp_path: Path, rng: np.random.Generator) -> str:
    """Path of a data set that is hard to learn: the light of a class is hidden in noise."""
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for split, n in (("train", 300), ("test", 400)):
        labels = np.arange(n) % 3
        images = rng.integers(0, 140, (n, 6, 6))
        images[np.arange(n), 2, 2 * labels] += 60
        arrays |= {f"x_{split}": images.astype("uint8"), f"y_{split}": labels}
    np.savez(tmp_path / "hard.npz", allow_pickle=False, **arrays)
    return str(tmp_path / "hard.npz")


def changed(data: str, *overrides: str) -> Config:
    same = [f"data.name={data}", "network.hidden=[16]", "train.batch_size=32", "train.epochs=5"]
    return load_config(None, [*same, *overrides])


def trained(settings: Config, folder: Path) -> Path:
    for _ in train(settings, folder, preflight=False):
        pass
    return folder


def seeds(settings: Config, folder: Path, n: int = 3) -> Path:
    for each in multi_seed.train(settings, folder, seeds=n, preflight=False):
        for _ in each.events:
            pass
    return folder


def test_two_runs_are_compared_image_by_image(hard: str, tmp_path: Path) -> None:
    weak = trained(changed(hard, "optimizer.lr=1e-4"), tmp_path / "weak")
    strong = trained(changed(hard), tmp_path / "strong")

    found = compare(weak, strong, evaluate)

    right = [evaluate(folder).scores.right for folder in (weak, strong)]
    only = (int((right[0] > right[1]).sum()), int((right[1] > right[0]).sum()))
    assert found.only == only
    assert (found.test, found.p) == significance.mcnemar(*only)
    assert found.n == 400
    assert found.difference == pytest.approx(found.accuracy[1] - found.accuracy[0])
    assert found.ci95[0] < found.difference < found.ci95[1]
    assert found.p < 0.05
    assert found.verdict == "better"
    assert compare(strong, weak, evaluate).verdict == "worse"


def test_a_run_is_not_told_from_itself(settings: Config, tmp_path: Path) -> None:
    run = trained(settings, tmp_path / "run")

    found = compare(run, run, evaluate)

    assert (found.only, found.p, found.verdict) == ((0, 0), 1, "cannot tell")


def test_several_seeds_are_compared_seed_by_seed(hard: str, tmp_path: Path) -> None:
    weak = seeds(changed(hard, "optimizer.lr=1e-4"), tmp_path / "weak", 4)
    strong = seeds(changed(hard, "seed=1"), tmp_path / "strong", 4)

    found = compare(weak, strong, evaluate)

    assert found.seeds == (1, 2, 3)
    sides = [
        [
            multi_seed.evaluate(folder, evaluate).results[seed].scores.accuracy
            for seed in found.seeds
        ]
        for folder in (weak, strong)
    ]
    differences = np.subtract(sides[1], sides[0])
    assert found.difference == pytest.approx(differences.mean())
    assert found.p == pytest.approx(significance.paired_t(list(differences)))
    assert found.ci95 == pytest.approx(significance.summary(list(differences)).ci95)
    assert found.verdict == "better"


def test_the_same_seeds_have_the_same_validation_images(hard: str, tmp_path: Path) -> None:
    a = seeds(changed(hard, "train.epochs=1"), tmp_path / "a")
    b = seeds(changed(hard, "train.epochs=2"), tmp_path / "b")

    assert compare(a, b, partial(evaluate, split="validation")).n == 30


def test_other_images_are_no_comparison(hard: str, dots: str, tmp_path: Path) -> None:
    a = trained(changed(hard), tmp_path / "a")
    b = trained(changed(hard, "seed=1"), tmp_path / "b")
    c = trained(changed(dots), tmp_path / "c")

    with pytest.raises(CheckpointError, match=r"different images, the test splits .* --data names"):
        compare(a, c, evaluate)
    with pytest.raises(CheckpointError, match=r"different images, the validation .* --split test"):
        compare(a, b, partial(evaluate, split="validation"))
    assert compare(a, c, partial(evaluate, data=hard)).n == 400


def test_one_of_each_kind_is_refused(settings: Config, tmp_path: Path) -> None:
    one, many = trained(settings, tmp_path / "one"), seeds(settings, tmp_path / "many")

    for pair in ((one, many), (many, one)):
        with pytest.raises(CheckpointError, match=r"one: is a single run, but .*many holds"):
            compare(*pair, evaluate)
    with pytest.raises(CheckpointError, match="none: no such run folder"):
        compare(many, tmp_path / "none", evaluate)


def test_two_seeds_must_be_shared(settings: Config, tmp_path: Path) -> None:
    a = seeds(settings, tmp_path / "a", 2)
    b = seeds(settings.model_copy(update={"seed": 1}), tmp_path / "b", 2)

    with pytest.raises(CheckpointError, match="at least two seeds in common, got 1"):
        compare(a, b, evaluate)
