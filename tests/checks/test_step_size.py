import json
from pathlib import Path

import numpy as np
import pytest

from mlpcli.api import gradcheck as api
from mlpcli.api.gradcheck import StepSizes
from mlpcli.checks import problem as problems
from mlpcli.checks import step_size as checks
from mlpcli.checks.problem import Problem
from mlpcli.checks.step_size import STEPS, Curve
from mlpcli.cli.gradcheck import gradcheck as command
from mlpcli.errors import CheckFailed, OutputError
from mlpcli.nn import mlp
from mlpcli.show.step_size import png
from tests.cli.outcome import documented


@pytest.fixture(scope="module")
def problem() -> Problem:
    rng = np.random.default_rng(0)
    params = mlp.init((40, 60, 10), rng=rng, dtype="float64")
    return Problem(params, rng.random((4, 40)), mlp.one_hot(np.array([1, 7, 3, 3]), 10))


@pytest.fixture(scope="module")
def curves(problem: Problem) -> list[Curve]:
    return checks.sweep(problem, rng=np.random.default_rng(1))


@pytest.fixture(scope="module")
def workbook_sizes(tmp_path_factory: pytest.TempPathFactory) -> StepSizes:
    """The result of the command, on drawn images everywhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLPCLI_DATA", str(tmp_path_factory.mktemp("cache")))
        return api.step_sizes()


@pytest.fixture(autouse=True)
def computed_once(workbook_sizes: StepSizes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command does not compute the curves again."""
    monkeypatch.setattr(api, "step_sizes", lambda: workbook_sizes)


@pytest.mark.slow
def test_rounding_falls_as_1_over_h_and_truncation_rises_as_h_squared(curves: list[Curve]) -> None:
    for curve in curves[:2]:
        assert curve.rounding.measured == pytest.approx(-1, abs=0.25)
        assert curve.truncation.measured == pytest.approx(2, abs=0.1)
    assert curves[2].rounding.measured == pytest.approx(-1, abs=0.25)
    assert curves[2].truncation.measured == pytest.approx(1, abs=0.1)


def test_the_best_step_is_longer_and_its_error_larger_in_float32(curves: list[Curve]) -> None:
    single, double, forward = curves

    assert STEPS[single.best] > 30 * STEPS[double.best]
    assert single.error[single.best] > 1e4 * double.error[double.best]
    assert forward.error[forward.best] > 30 * double.error[double.best]


@pytest.mark.parametrize("order", [1, 2])
def test_slopes_are_those_of_a_curve_made_by_hand(order: int) -> None:
    error = STEPS**order / 2 + 1e-16 / STEPS

    _, rounding, truncation = checks.slope(error, order=order)

    assert rounding.measured == pytest.approx(-1, abs=0.05)
    assert truncation.measured == pytest.approx(order, abs=0.05)
    assert rounding.ok
    assert truncation.ok


def test_a_curve_without_sides_has_no_slope_and_fails() -> None:
    _, rounding, truncation = checks.slope(np.full(len(STEPS), 0.003), order=2)

    assert not rounding.ok
    assert not truncation.ok


def test_a_wrong_gradient_bends_the_curve(
    problem: Problem, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scaled(problem: Problem) -> mlp.Params:
        (layer,) = problems.derived_gradient(problem)
        return (mlp.Layer(1.001 * layer.W, layer.b),)

    monkeypatch.setattr(checks, "derived_gradient", scaled)

    assert not any(curve.ok for curve in checks.sweep(problem, rng=rng)[:2])


def test_the_command_prints_table_slopes_and_plot(capsys: pytest.CaptureFixture[str]) -> None:
    command(sweep=True)

    out = capsys.readouterr().out
    assert "central, float64" in out
    assert "truncation side" in out
    assert "every slope is that of theory" in out
    assert all(mark * 2 in out for mark in "ox.")
    assert max(len(line) for line in out.splitlines()[1:]) <= 100


def test_the_command_prints_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    command(sweep=True, json=True)

    printed = json.loads(capsys.readouterr().out)
    assert printed["ok"] is True
    assert documented(printed)
    assert len(printed["curves"]) == 3
    assert all(len(curve["error"]) == len(printed["h"]) for curve in printed["curves"])


def test_the_command_fails_on_a_wrong_slope(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checks, "SLOPE_TOLERANCE", 0.0)

    with pytest.raises(CheckFailed, match="not those of theory: central, float32"):
        command(sweep=True, json=True)
    assert json.loads(capsys.readouterr().out)["ok"] is False


def test_the_curves_are_drawn_into_a_png(tmp_path: Path, curves: list[Curve]) -> None:

    png(tmp_path / "sweep.png", curves)

    assert (tmp_path / "sweep.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(OutputError, match="cannot write"):
        png(tmp_path / "missing" / "sweep.png", curves)
