from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mlpcli.checks import directional, gradcheck, mutants, reference, selftest
from mlpcli.checks.mutants import MUTANTS
from mlpcli.checks.numeric import CentralDifferences
from mlpcli.checks.problem import Problem, derived_gradient
from mlpcli.nn import Array, batch_norm, engine, mlp
from mlpcli.nn.activation import ACTIVATIONS
from mlpcli.nn.batch_norm import Normalized
from mlpcli.nn.engine import Engine
from mlpcli.nn.flat_params import Block
from mlpcli.nn.mlp import Layer, Params
from tests.checks.test_numeric import kinked_problem


@pytest.fixture
def problem(rng: np.random.Generator) -> Problem:
    params = mlp.init((20, 12, 8, 5), rng=rng, dtype="float64")
    return Problem(params, x=rng.random((4, 20)), y=mlp.one_hot(np.array([0, 1, 2, 3]), 5))


def changed(gradient: Params, layer: int, by: float) -> Params:
    """A gradient with one entry of one W off by a relative error."""
    W = gradient[layer].W.copy()
    at = np.unravel_index(np.abs(W).argmax(), W.shape)
    W[at] *= 1 + by
    return tuple(g._replace(W=W) if i == layer else g for i, g in enumerate(gradient))


def test_derivation_engine_and_step_pass(problem: Problem, rng: np.random.Generator) -> None:
    verdict = gradcheck.check(problem, point="here", rng=rng)

    assert verdict.ok
    assert [g.name for g in verdict.gradients] == ["derivation", "engine", "step"]
    for each in verdict.gradients:
        assert sum(t.checked for t in each.tensors) == 20 * 12 + 12 + 12 * 8 + 8 + 8 * 5 + 5


@pytest.mark.parametrize("scale", [1, 8, 13])
def test_a_network_that_is_right_and_certain_passes(
    problem: Problem, rng: np.random.Generator, scale: float
) -> None:
    """Its `h - y` is 1e-5 and less, so that the gradient has fewer exact digits."""
    *hidden, last = problem.params
    h = reference.forward(problem).h[-2]
    W = np.linalg.lstsq(h, scale * (2 * problem.y - 1), rcond=None)[0]
    certain = problem._replace(params=(*hidden, Layer(W, np.zeros_like(last.b))))

    right = gradcheck.check(certain, point="here", rng=rng, quick=True)
    wrong = changed(derived_gradient(certain), 1, 1e-3)

    assert right.ok
    gradients = {"derivation": wrong}
    assert not gradcheck.check(certain, point="here", rng=rng, quick=True, gradients=gradients).ok


def without_sigma(grad_z: Array, normalized: Normalized) -> Array:
    """A backward pass that takes sigma for a constant."""
    return (grad_z - grad_z.mean(axis=0)) / normalized.sigma


def without_statistics(grad_z: Array, normalized: Normalized) -> Array:
    """One that takes both statistics for constants."""
    return grad_z / normalized.sigma


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_batch_normalization_passes(
    problem: Problem, rng: np.random.Generator, activation: str
) -> None:
    normalized = problem._replace(batch_norm=True, activation=ACTIVATIONS[activation])

    verdict = gradcheck.check(normalized, point="here", rng=rng)

    assert verdict.ok
    assert verdict.forward_error is not None


@pytest.mark.parametrize("backward", [without_sigma, without_statistics])
def test_a_backward_pass_past_the_batch_statistics_is_wrong_by_every_method(
    problem: Problem, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, backward: Any
) -> None:
    monkeypatch.setattr(batch_norm, "backward", backward)

    verdict = gradcheck.check(problem._replace(batch_norm=True), point="here", rng=rng)

    derivation, engine, step = verdict.gradients
    # b2 is behind the last normalization, b1 and W1 before it
    assert [t.name for t in derivation.tensors if not t.right] == ["W1", "b1", "W2"]
    assert max(d.error for d in derivation.complex_step) > 1e-3
    assert max(d.error for d in derivation.central) > 1e-3
    assert engine.right
    assert step.right
    kind = {without_sigma: "sigma-term-missing", without_statistics: "statistics-held"}[backward]
    assert [(f.place, f.kind) for f in derivation.findings] == [
        ("grad_u2", kind),
        ("grad_u1", kind),
    ]


def undecayed(params: Params, x: Array, y: Array, **options: Any) -> Array:
    """The loss with a weight decay that lacks its half."""
    decay = options.pop("weight_decay")
    penalty = sum((W**2).sum() for W, _ in params)
    return mlp.loss(params, x, y, **options) + decay * penalty


def over_classes(params: Params, x: Array, y: Array, **options: Any) -> Array:
    """The loss with its cross-entropy divided by y.size."""
    plain = mlp.loss(params, x, y, **options | {"weight_decay": 0.0})
    return mlp.loss(params, x, y, **options) - plain * (1 - 1 / y.shape[1])


@pytest.mark.parametrize("loss", [undecayed, over_classes])
def test_a_wrong_loss_is_named_as_such(
    problem: Problem, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, loss: Any
) -> None:
    wrong = SimpleNamespace(**vars(mlp) | {"loss": loss})
    monkeypatch.setattr("mlpcli.checks.problem.mlp", wrong)

    verdict = gradcheck.check(problem._replace(weight_decay=0.05), point="", rng=rng, quick=True)

    first, *others = [g.findings[0] for g in verdict.gradients]
    assert (first.place, first.kind) == ("loss", "loss")
    assert "the gradient is right for CE + weight_decay / 2 * sum(W**2), which is" in first.text
    assert "; its loss is " in first.text
    assert all(other.text.endswith("; the loss is another") for other in others)


def test_a_wrong_loss_of_the_engine_fails(
    problem: Problem, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = engine._fused_cross_entropy
    monkeypatch.setattr(engine, "_fused_cross_entropy", lambda *args: right(*args) * (1 + 1e-11))

    verdict = gradcheck.check(problem, point="", rng=rng, quick=True)

    assert [g.right for g in verdict.gradients] == [True, False, False]
    assert "; its loss is " in verdict.gradients[1].findings[0].text


def test_a_step_that_moves_by_another_gradient_fails(
    problem: Problem, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Engine._update

    def update(self: Engine, block: Block, n: int, t: int, grad: Array, scratch: Array) -> None:
        right(self, block, n - 1, t, grad, scratch)

    monkeypatch.setattr(Engine, "_update", update)

    verdict = gradcheck.check(problem, point="", rng=rng, quick=True)

    assert [g.right for g in verdict.gradients] == [True, True, False]
    assert verdict.gradients[2].findings[0].kind == "one-row"


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_one_entry_off_by_1e_8_fails(
    problem: Problem, rng: np.random.Generator, layer: int
) -> None:
    claimed = changed(derived_gradient(problem), layer, 1e-8)

    verdict = gradcheck.check(problem, point="here", rng=rng, gradients={"mine": claimed})

    assert not verdict.right
    wrong = [t for t in verdict.gradients[0].tensors if not t.right]
    assert [t.name for t in wrong] == [f"W{layer + 1}"]
    assert wrong[0].derived / wrong[0].numeric == pytest.approx(1 + 1e-8, rel=1e-10)
    assert verdict.gradients[0].findings[0].kind == "one-entry"


def test_a_quick_check_sees_one_entry_off_by_1e_9(
    problem: Problem, rng: np.random.Generator
) -> None:
    claimed = changed(derived_gradient(problem), 1, 1e-9)

    verdict = gradcheck.check(
        problem, point="here", rng=rng, quick=True, gradients={"mine": claimed}
    )

    assert not verdict.ok


def test_too_few_informative_derivatives_give_no_pass(rng: np.random.Generator) -> None:
    params = mlp.init((300, 4, 2), rng=rng, dtype="float64")
    x = np.zeros((1, 300))
    x[0, 7] = 1.0  # one of 300 pixels is not black
    problem = Problem(params, x, np.array([[1.0, 0.0]]))

    verdict = gradcheck.check(problem, point="here", rng=rng)

    assert verdict.right
    assert not verdict.enough
    assert not verdict.ok


def test_a_kink_is_named_and_not_counted_as_checked(rng: np.random.Generator) -> None:
    verdict = gradcheck.check(kinked_problem(), point="here", rng=rng)

    b1 = verdict.gradients[0].tensors[1]
    assert (b1.parameters, b1.checked, b1.kinks) == (2, 1, 1)
    kink = verdict.kinks[0]
    assert (kink.tensor, kink.at, kink.layer, kink.unit, kink.sample) == ("b1", (0,), 1, 0, 0)
    assert kink.z == 0


def test_both_zero_is_no_error() -> None:
    zero = CentralDifferences(np.zeros(3), np.zeros(3, bool))

    assert gradcheck.check_tensor("b1", np.zeros(3), zero).right


def test_a_wrong_zero_is_an_error() -> None:
    numeric = CentralDifferences(np.array([1.0, 0.0]), np.zeros(2, bool))

    assert not gradcheck.check_tensor("b1", np.zeros(2), numeric).right
    assert not gradcheck.check_tensor("b1", np.array([1.0, np.nan]), numeric).right


def test_plain_losses_agree_along_directions(problem: Problem, rng: np.random.Generator) -> None:
    gradient = derived_gradient(problem)
    wrong = tuple(Layer(1.001 * W, b) for W, b in gradient)

    assert all(a.error < 1e-6 for a in directional.central(problem, gradient, rng=rng))
    assert any(a.error > 1e-5 for a in directional.central(problem, wrong, rng=rng))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e200])
def test_a_gradient_without_a_finite_derivative_fails_along_every_direction(
    problem: Problem, rng: np.random.Generator, value: float
) -> None:
    wrong = tuple(Layer(np.full_like(W, value), b) for W, b in derived_gradient(problem))

    for method in (directional.complex_step, directional.central):
        errors = {d.tensor: d.error for d in method(problem, wrong, rng=rng)}
        assert [errors[f"W{i}"] for i in (1, 2, 3)] == [np.inf] * 3
        assert max(errors[f"b{i}"] for i in (1, 2, 3)) < 1e-5


@pytest.mark.slow
def test_random_networks_raise_no_false_alarm(rng: np.random.Generator) -> None:
    assert [v.point for v in selftest.check_networks(40, rng=rng) if not v.right] == []


def test_every_second_random_network_has_batch_normalization(rng: np.random.Generator) -> None:
    points = [verdict.point for verdict in selftest.check_networks(4, rng=rng)]

    assert [point.endswith(", no batch normalization") for point in points] == [True, False] * 2


@pytest.mark.slow
def test_each_method_alone_catches_each_mutant(rng: np.random.Generator) -> None:
    trials = list(selftest.trials(rng=rng))

    assert [t.mutant.name for t in trials if not (t.killed and t.diagnosed)] == []
    assert len(trials) == len(MUTANTS)


def test_the_unchanged_gradient_of_the_mutants_problems_is_right(rng: np.random.Generator) -> None:
    one_of_each = {m.activation: m for m in MUTANTS}  # the problems differ in nothing else
    for mutant in one_of_each.values():
        problem = mutants.make_problem(mutant, rng=rng)

        assert gradcheck.check(problem, point="", rng=rng, quick=True).right
