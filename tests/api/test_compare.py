from pathlib import Path

import numpy as np
import pytest

from mlpcli.api import significance
from mlpcli.api.compare import compare, rank
from mlpcli.api.eval import Evaluations, evaluate, evaluate_run
from mlpcli.api.trainer import train
from mlpcli.config.schema import Config
from mlpcli.errors import CheckpointError
from tests.trainings import changed, train_seeds


@pytest.fixture
def hard(dots: str, settings: Config, rng: np.random.Generator) -> Config:
    """A training on data that is hard to learn: the light of a class is hidden in noise."""
    arrays = dict(np.load(dots))
    for name in ("x_train", "x_test"):
        lit = arrays[name] == 255
        arrays[name] = rng.integers(0, 140, lit.shape, "uint8") + 60 * lit.astype("uint8")
    path = Path(dots).with_name("hard.npz")
    np.savez(path, allow_pickle=False, **arrays)
    return changed(settings, f"data.name={path}", "network.hidden=[16]", "train.epochs=5")


def trained(settings: Config, folder: Path) -> Path:
    list(train(settings, folder, preflight=False))
    return folder


def test_two_runs_are_compared_image_by_image(hard: Config, tmp_path: Path) -> None:
    weak = trained(changed(hard, "optimizer.lr=1e-4"), tmp_path / "weak")
    strong = trained(hard, tmp_path / "strong")

    found = compare(weak, strong)

    right = [evaluate_run(folder).scores.right for folder in (weak, strong)]
    only = (int((right[0] > right[1]).sum()), int((right[1] > right[0]).sum()))
    assert found.only == only
    assert (found.test, found.p) == significance.mcnemar(*only)
    assert found.n == 90
    assert found.difference == pytest.approx(found.accuracy[1] - found.accuracy[0])
    assert found.ci95[0] < found.difference < found.ci95[1]
    assert found.p < 0.05
    assert found.verdict == "better"
    assert compare(strong, weak).verdict == "worse"


def test_a_run_does_not_differ_from_itself(run: Path) -> None:
    found = compare(run, run)

    assert (found.only, found.p, found.verdict) == ((0, 0), 1, "cannot tell")


def test_several_seeds_are_compared_seed_by_seed(hard: Config, tmp_path: Path) -> None:
    weak = train_seeds(changed(hard, "optimizer.lr=1e-4"), tmp_path / "weak", seeds=4)
    strong = train_seeds(changed(hard, "seed=1"), tmp_path / "strong", seeds=4)

    found = compare(weak, strong)

    assert found.numbers == (1, 2, 3)
    sides = []
    for folder in (weak, strong):
        evaluations = evaluate(folder)
        assert isinstance(evaluations, Evaluations)
        sides.append([evaluations.results[seed].accuracy for seed in found.numbers])
    differences = np.subtract(sides[1], sides[0])
    assert found.difference == pytest.approx(differences.mean())
    assert found.p == pytest.approx(significance.paired_t(list(differences)))
    assert found.ci95 == pytest.approx(significance.summary(list(differences)).ci95)
    assert found.verdict == "better"


def test_the_same_seeds_have_the_same_validation_images(hard: Config, tmp_path: Path) -> None:
    a = train_seeds(changed(hard, "train.epochs=1"), tmp_path / "a")
    b = train_seeds(changed(hard, "train.epochs=2"), tmp_path / "b")

    assert compare(a, b, split="validation").n == 30


def test_more_than_two_are_ranked_and_each_is_compared_with_the_best(
    hard: Config, tmp_path: Path
) -> None:
    rates = {"none": "1e-6", "weak": "1e-3", "strong": "0.1", "other": "0.08"}
    folders = [
        trained(changed(hard, f"optimizer.lr={lr}"), tmp_path / n) for n, lr in rates.items()
    ]

    found = rank(folders)

    accuracies = [evaluate_run(folder).accuracy for folder in folders]
    assert list(found.accuracy) == accuracies
    assert found.best == str(folders[accuracies.index(max(accuracies))])
    assert (found.pairs, len(found.rivals)) == (6, 3)
    assert [r.comparison.accuracy[1] for r in found.rivals] == sorted(
        (a for i, a in enumerate(accuracies) if i != accuracies.index(max(accuracies))),
        reverse=True,
    )
    pairs = [compare(a, b) for i, a in enumerate(folders) for b in folders[i + 1 :]]
    corrected = dict(
        zip([p.runs for p in pairs], significance.holm([p.p for p in pairs]), strict=True)
    )
    for rival in found.rivals:
        a, b = rival.comparison.runs
        assert rival.p_holm == corrected.get((a, b), corrected.get((b, a)))
        assert rival.comparison == compare(Path(a), Path(b))
    assert found.rivals[-1].verdict == "worse"
    assert found.worse == ()


def test_those_worse_than_the_first_are_named(hard: Config, tmp_path: Path) -> None:
    strong = trained(hard, tmp_path / "strong")
    weak = [
        trained(changed(hard, "optimizer.lr=1e-6", f"seed={seed}"), tmp_path / f"{seed}")
        for seed in (1, 2)
    ]

    found = rank([strong, *weak])

    assert [rival.comparison.runs for rival in found.worse] == [(str(strong), str(w)) for w in weak]


def test_the_seeds_that_all_have_are_ranked(hard: Config, tmp_path: Path) -> None:
    a, b = (train_seeds(hard, tmp_path / name, seeds=3) for name in "ab")
    c = train_seeds(changed(hard, "seed=1", "train.epochs=1"), tmp_path / "c", seeds=2)

    found = rank([a, b, c])

    assert {rival.comparison.numbers for rival in found.rivals} == {(1, 2)}
    assert found.accuracy[0] == pytest.approx(
        np.mean([evaluate_run(a / f"seed-{seed}").accuracy for seed in (1, 2)])
    )


def test_other_images_are_no_comparison(hard: Config, settings: Config, tmp_path: Path) -> None:
    a = trained(hard, tmp_path / "a")
    b = trained(changed(hard, "seed=1"), tmp_path / "b")
    c = trained(settings, tmp_path / "c")

    with pytest.raises(CheckpointError, match=r"images differ, the test splits .* --data"):
        compare(a, c)
    with pytest.raises(CheckpointError, match=r"images differ, the validation .* --split test"):
        compare(a, b, split="validation")
    assert compare(a, c, data=hard.data.name).n == 90


def test_one_of_each_kind_is_refused(settings: Config, run: Path, tmp_path: Path) -> None:
    many = train_seeds(settings, tmp_path / "many")

    with pytest.raises(CheckpointError, match=r"run: is a single run, but .*many holds several s"):
        compare(run, many)
    with pytest.raises(CheckpointError, match=r"many: holds several seeds, but .*run is a single"):
        compare(many, run)
    with pytest.raises(CheckpointError, match="none: no such run folder"):
        compare(many, tmp_path / "none")


def test_two_seeds_must_be_shared(settings: Config, tmp_path: Path) -> None:
    a = train_seeds(settings, tmp_path / "a")
    b = train_seeds(settings.replace(seed=1), tmp_path / "b")

    with pytest.raises(CheckpointError, match="at least two seeds in common, got 1"):
        compare(a, b)
