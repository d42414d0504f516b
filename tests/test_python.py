"""What `import mlpcli` offers; `make check` holds its types to what a user would write here."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import assert_type

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray

import mlpcli
from mlpcli import python
from mlpcli.api.gradcheck import point_of_params
from mlpcli.checks import gradcheck
from mlpcli.checks.problem import derived_gradient
from mlpcli.nn import mlp
from mlpcli.nn.mlp import Layer
from mlpcli.runs.folder import RunFolder
from mlpcli.show import console

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"


@pytest.fixture
def model(settings: mlpcli.Config, tmp_path: Path) -> mlpcli.Model:
    return mlpcli.train(settings, tmp_path / "run")


def test_importing_the_package_imports_nothing_heavy() -> None:
    script = "import mlpcli, sys; 'train' in dir(mlpcli); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)

    assert not {"numpy", "pydantic", "mlpcli.api"} & set(done.stdout.decode().split())


@pytest.mark.parametrize("name", mlpcli.__all__)
def test_every_name_leads_to_something_documented(name: str) -> None:
    assert getattr(mlpcli, name).__doc__
    assert name in dir(mlpcli)


def test_an_unknown_name_raises_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'mlpcli' has no attribute 'fit'"):
        getattr(mlpcli, "fit")  # noqa: B009  # mypy knows that it is none


def test_a_trained_network_predicts_what_its_evaluation_counts(
    settings: mlpcli.Config, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    seen: list[mlpcli.Metrics] = []
    model = mlpcli.train(settings, tmp_path / "run", on_epoch=seen.append)
    test = mlpcli.load_data(settings.data.name, "test")
    labels = assert_type(model.predict(test.images), NDArray[np.intp])
    found = assert_type(mlpcli.evaluate(model.run), mlpcli.Evaluation)

    assert ((labels == test.labels) == found.scores.right).all()
    assert [metrics.epoch for metrics in seen] == [1, 2, 3]
    assert capfd.readouterr() == ("", "")


def test_probabilities_are_the_softmax_of_the_workbook(model: mlpcli.Model) -> None:
    images = mlpcli.load_data(model.config.data.name, "test").images[:7]
    x = np.zeros((7, 32, 32), np.float32)
    x[:, 13:19, 13:19] = images / np.float32(255)

    run = mlp.forward(model.params, x.reshape(7, 1024))

    assert_allclose(model.probabilities(images), mlp.softmax(run.z[-1]), atol=1e-6)
    assert model.predict(images[:0]).shape == (0,)


def test_the_last_weights_can_be_asked_for(model: mlpcli.Model) -> None:
    last = mlpcli.load(model.run, weights="last")

    assert last.weights == "last"
    assert mlpcli.load(str(model.run)).params[0].W.tobytes() == model.params[0].W.tobytes()


def test_an_exception_in_on_epoch_leaves_an_interrupted_run(
    settings: mlpcli.Config, tmp_path: Path
) -> None:
    def stop(_: mlpcli.Metrics) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        mlpcli.train(settings, tmp_path, on_epoch=stop)

    assert RunFolder(tmp_path).load_record().status == "interrupted"
    assert mlpcli.train(settings, tmp_path, overwrite=True).run == tmp_path


def test_a_gradient_is_right_at_the_start_on_the_way_and_at_the_end(model: mlpcli.Model) -> None:
    verdicts = assert_type(mlpcli.check_gradient(model.config), list[mlpcli.Verdict])
    verdicts += mlpcli.check_gradient(model, quick=True)

    assert [verdict.ok for verdict in verdicts] == [True, True, True]
    assert repr(verdicts[-1]) == f"<{model.run}: right; by the complex step>"


def test_a_wrong_gradient_says_so(model: mlpcli.Model, rng: np.random.Generator) -> None:
    run, _, config, classes, params = model[:5]
    problem = point_of_params(params, config, classes, name=str(run)).problem
    flipped = tuple(Layer(-W, -b) for W, b in derived_gradient(problem))

    verdict = gradcheck.check(problem, point="here", rng=rng, gradients={"mine": flipped})

    assert repr(verdict).startswith("<here: wrong; mine: ")
    assert "sign" in repr(verdict)


def test_results_read_well(model: mlpcli.Model) -> None:
    data = model.config.data.name
    found = mlpcli.evaluate(model.run)

    assert repr(model) == (
        f"<model 1024-16-8-3 of {model.run}: relu, 16,563 parameters, last weights>"
    )
    assert repr(mlpcli.load_data(data)) == f"<{data}: 300 images of 6x6, 3 classes>"
    assert repr(found).startswith(f"<{model.run}, last weights, test split of {data}: accuracy ")
    assert repr(found).endswith(" nats, 90 images>")


def test_the_history_is_that_of_the_run(settings: mlpcli.Config, tmp_path: Path) -> None:
    seen: list[mlpcli.Metrics] = []
    model = mlpcli.train(settings, tmp_path / "run", on_epoch=seen.append)

    assert len(seen) == 3
    assert assert_type(model.history, list[mlpcli.Metrics]) == seen
    assert mlpcli.load(model.run, weights="last").history == seen


def test_settings_may_be_a_name_or_a_dict(dots: str, tmp_path: Path) -> None:
    file = tmp_path / "small.yaml"
    file.write_text(f"data: {{name: {dots}}}\nnetwork: {{hidden: [8]}}\ntrain: {{epochs: 1}}\n")
    changes = {"data": {"name": dots}, "network.hidden": [8], "train.epochs": 1}

    by_name = mlpcli.train(str(file), tmp_path / "a")
    by_dict = mlpcli.train(changes, tmp_path / "b")

    assert by_name.config == by_dict.config == mlpcli.load_config(file)
    assert by_name.params[0].W.tobytes() == by_dict.params[0].W.tobytes()
    assert [v.ok for v in mlpcli.check_gradient(changes, quick=True)] == [True, True]


def test_a_section_is_changed_and_not_replaced() -> None:
    shipped = mlpcli.load_config("mnist").train

    changed = mlpcli.load_config("mnist", {"train": {"epochs": 2}}).train

    assert changed == shipped.replace(epochs=2)


def test_the_order_of_a_dict_does_not_matter() -> None:
    one = mlpcli.load_config({"optimizer.lr": 2e-3, "optimizer.name": "adam"})
    other = mlpcli.load_config({"optimizer.name": "adam", "optimizer.lr": 2e-3})

    assert one == other
    assert one.optimizer.lr == 2e-3


def test_a_section_may_be_given_by_its_name() -> None:
    config = mlpcli.load_config({"optimizer": "adam", "data": Path("digits"), "schedule": "cosine"})

    assert (config.optimizer.name, config.schedule.name) == ("adam", "cosine")
    assert config.data.name == "digits"
    with pytest.raises(mlpcli.MlpError, match=r"optimizer\.name=.*adamm.*; did you mean 'adam'"):
        mlpcli.load_config({"optimizer": "adamm"})


def test_values_of_a_dict_may_be_of_numpy_or_paths(dots: str) -> None:
    values = {"network.hidden": np.array([4, 3]), "optimizer.lr": np.float64(0.05)}
    config = mlpcli.load_config({**values, "data.name": Path(dots), "seed": np.int64(3)})

    assert (config.network.hidden, config.optimizer.lr) == ((4, 3), 0.05)
    assert (config.data.name, config.seed) == (dots, 3)


def test_progress_is_shown_if_asked(
    settings: mlpcli.Config, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    seen: list[mlpcli.Metrics] = []
    mlpcli.train(settings, tmp_path / "run", progress=True, on_epoch=seen.append)
    out, err = capfd.readouterr()

    assert out == ""
    data, *epochs = err.splitlines()
    assert data.startswith("data: 300 images")
    assert [line[:9] for line in epochs] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]
    assert len(seen) == 3


def test_progress_on_a_terminal_ends_with_the_curves(
    settings: mlpcli.Config,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(console, "is_live", lambda _: True)
    mlpcli.train(settings, tmp_path / "run", progress=True)
    out, err = capsys.readouterr()

    assert out == ""
    assert err.rstrip().splitlines()[-1].split()[-1] == "3\x1b[0m"
    assert "validation accuracy" in err.rpartition("epoch 3/3")[2]


def test_a_model_can_be_evaluated_with_its_own_weights(model: mlpcli.Model) -> None:
    last = mlpcli.load(model.run, weights="last")

    assert mlpcli.evaluate(last).weights == "last"
    assert mlpcli.evaluate(last, weights="best").weights == "best"
    assert repr(mlpcli.evaluate(model)) == repr(mlpcli.evaluate(model.run))


def test_a_notebook_shows_a_model_also_after_its_folder_has_gone(model: mlpcli.Model) -> None:
    there = model._repr_html_()
    shutil.rmtree(model.run)
    gone = model._repr_html_()

    assert "1024-16-8-3, relu" in there
    assert "16,563" in gone
    assert ("<svg" in there, "<svg" in gone) == (True, False)


def test_a_notebook_shows_an_evaluation_as_a_table(model: mlpcli.Model) -> None:
    found = mlpcli.evaluate(model)

    assert isinstance(found, mlpcli.Evaluation)
    assert found._repr_html_().count("<td ") == 9


BAD: dict[str, tuple[Callable[[mlpcli.Model], object], str]] = {
    "data": (lambda _: mlpcli.load_data("minst"), "'minst'.*did you mean 'mnist'"),
    "split": (
        lambda m: mlpcli.load_data(m.config.data.name, "tset"),  # type: ignore[arg-type]  # wrong
        "split: must be one of 'train', 'test', got 'tset'",
    ),
    "config": (lambda _: mlpcli.load_config("minst"), "did you mean 'mnist'"),
    "change": (lambda _: mlpcli.load_config(changes="seed"), "seed"),
    "key": (
        lambda m: mlpcli.train({"optimizer.learning_rate": 1}, m.run / "new"),
        r"^optimizer.learning_rate=1: unknown key 'learning_rate' in optimizer; did you mean 'lr'",
    ),
    "value": (
        lambda _: mlpcli.load_config("mnist", {"train": {"epochs": 0}}),
        r"^train.epochs=0: epochs must be an integer in \[1, 100000\], got 0",
    ),
    "object": (
        lambda _: mlpcli.load_config({"seed": len}),
        "^seed: expected text, a number, a list or a section, got <built-in function len>",
    ),
    "folder": (lambda m: mlpcli.train(m.config, m.run), "already contains a run"),
    "run": (lambda m: mlpcli.load(m.run / "none"), "no such run"),
    "part": (
        lambda m: mlpcli.evaluate(m.run, split="val"),  # type: ignore[arg-type]  # wrong
        "split: must be one of 'test', 'validation', 'train', got 'val'",
    ),
    "type": (lambda m: m.predict(np.zeros((1, 6, 6))), "predict: images must be uint8"),  # type: ignore[arg-type]  # wrong
    "shape": (lambda m: m.predict(np.zeros((6, 6), np.uint8)), r"got uint8 of shape \(6, 6\)"),
    "size": (lambda m: m.predict(np.zeros((1, 40, 6), np.uint8)), "at most 32x32, got 40x6"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_raises_mlp_error(model: mlpcli.Model, case: str) -> None:
    use, message = BAD[case]

    with pytest.raises(mlpcli.MlpError, match=message):
        use(model)


def test_the_names_are_those_of_the_module() -> None:
    own = {
        name
        for name, it in vars(python).items()
        if getattr(it, "__module__", "") == python.__name__
    }

    assert {name for name in own if not name.startswith("_")} <= set(mlpcli.__all__)


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="needs the published files in ../shared/data")
def test_the_example_of_the_readme_runs_as_it_stands(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```python\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", example + "print(test.images.shape, wrong.shape[1:], len(wrong))"],
        cwd=tmp_path,
        env=os.environ | {"MLPCLI_DATA": str(DATA), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        timeout=600,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "runs" / "first" / "best.safetensors").is_file()
    assert re.fullmatch(r"\(10000, 28, 28\) \(28, 28\) [1-9]\d{1,2}\n", done.stdout)


def test_an_image_that_is_too_large_is_reported_in_terms_of_python(tmp_path: Path) -> None:
    large, labels = np.zeros((4, 40, 40), np.uint8), np.arange(4) % 2
    np.savez(tmp_path / "x.npz", x_train=large, y_train=labels, x_test=large, y_test=labels)

    with pytest.raises(mlpcli.MlpError, match=r"got 40x40; resize=True shrinks them$"):
        mlpcli.load_data(tmp_path / "x.npz")
