import numpy as np
import pytest

from mlpcli.checks import diagnosis, mutants
from mlpcli.checks.ground_truth import ground_truth
from mlpcli.checks.mutants import MUTANTS, Mutant
from mlpcli.checks.problem import Problem, derived_gradient
from mlpcli.nn.mlp import Layer


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_located_and_named(mutant: Mutant) -> None:
    for seed in range(3):
        problem = mutants.make_problem(mutant, rng=np.random.default_rng(seed))

        truth, gradient = ground_truth(problem), mutants.gradient(mutant, problem)
        findings = diagnosis.diagnose(truth, gradient)

        assert (findings[0].place, findings[0].kind) == (mutant.place, mutant.kind), findings


@pytest.mark.slow
def test_nearly_all_other_mistakes_are_named_with_batch_normalization_too() -> None:
    named = []
    for mutant in [m._replace(batch_norm=True) for m in MUTANTS if not m.batch_norm]:
        problem = mutants.make_problem(mutant, rng=np.random.default_rng(0))
        findings = diagnosis.diagnose(ground_truth(problem), mutants.gradient(mutant, problem))
        named.append((findings[0].place, findings[0].kind) == (mutant.place, mutant.kind))

    assert np.mean(named) > 0.95


def test_a_right_gradient_through_the_batch_has_no_finding(problem: Problem) -> None:
    normalized = problem._replace(batch_norm=True)

    assert diagnosis.diagnose(ground_truth(normalized), derived_gradient(normalized)) == []


def test_there_are_at_least_forty_mutants_of_different_kinds() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 40
    assert len({mutant.kind for mutant in MUTANTS}) >= 30


@pytest.fixture
def problem(rng: np.random.Generator) -> Problem:
    return mutants.make_problem(MUTANTS[0], rng=rng)


def test_a_right_gradient_has_no_finding(problem: Problem) -> None:
    assert diagnosis.diagnose(ground_truth(problem), derived_gradient(problem)) == []


def test_a_mistake_that_fits_only_nearly_is_not_named(
    problem: Problem, rng: np.random.Generator
) -> None:
    *rest, last = derived_gradient(problem)
    noise = 1e-6 * rng.standard_normal(last.W.shape)
    gradient = (*rest, Layer(-last.W * (1 + noise), last.b))

    assert diagnosis.diagnose(ground_truth(problem), gradient)[0].kind == "unknown"


def test_a_gradient_that_is_not_finite_is_located(problem: Problem) -> None:
    *rest, last = derived_gradient(problem)
    W = last.W.copy()
    W[1, 1] = np.nan

    findings = diagnosis.diagnose(ground_truth(problem), (*rest, Layer(W, last.b)))

    assert (findings[0].place, findings[0].kind) == ("grad_W4", "non-finite")


def test_a_mutant_whose_piece_is_gone_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"is not in mlp\.backward"):
        mutants.mutate(MUTANTS[0]._replace(old="no such piece"))
