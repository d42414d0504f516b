import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlpcli.checks import mutants, numeric
from mlpcli.checks.problem import Problem
from mlpcli.checks.workbook import output_layer, through_batch, trust
from mlpcli.checks.workbook.statement import Statement, compare
from mlpcli.checks.workbook.statements import STATEMENTS, check_statements
from mlpcli.cli.workbook import workbook as command
from mlpcli.errors import CheckFailed
from mlpcli.nn import Array, batch_norm, batch_statistics, mlp, optim
from mlpcli.nn.batch_norm import Normalized

Sides = dict[str, tuple[Array, Array]]
NUMBERS = {
    output_layer.CALCULUS: range(1, 8),
    output_layer.CONCEPT: range(3),
    output_layer.TO_Z3: range(1, 14),
    output_layer.TO_W3: range(1, 15),
    output_layer.TO_B3: range(1, 7),
}  # workbook 01's own, in each section
QUESTIONS = {2: 55, 3: 33, 4: 26}  # of the workbooks that count through


each_statement = pytest.mark.parametrize("statement", STATEMENTS, ids=lambda s: s.id)


def images() -> Problem:
    rng = np.random.default_rng(3)
    params = mlp.init((1024, 512, 256, 10), rng=rng, dtype="float64")
    params = tuple(layer._replace(b=0.1 * rng.standard_normal(len(layer.b))) for layer in params)
    x = rng.random((4, 1024)) * (rng.random((4, 1024)) > 0.7)
    return Problem(params, x, mlp.one_hot(np.array([4, 0, 9, 5]), 10))


@pytest.fixture(scope="module")
def sides() -> Sides:
    """Both sides of every statement."""
    return {r.statement.id: (r.left, r.right) for r in check_statements(images())}


@pytest.fixture(autouse=True)
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command sees drawn images everywhere."""
    monkeypatch.setenv("MLPCLI_DATA", str(tmp_path))


def moved_at(side: Array, k: int, tolerance: float) -> Array:
    """A side with entry k off by 1e-4 of its size, or by more where the statement is rough."""
    moved = np.array(side, float)
    moved.flat[k] += max(1e-4, 3 * tolerance) * (abs(moved.flat[k]) or 1)
    return moved


@each_statement
def test_the_statement_holds(statement: Statement, sides: Sides) -> None:
    result = compare(statement, *sides[statement.id])

    assert result.ok, result


@each_statement
def test_the_statement_fails_when_either_side_is_moved(statement: Statement, sides: Sides) -> None:
    left, right = sides[statement.id]

    for k in range(0, left.size, max(1, left.size // 20)):
        assert not compare(statement, moved_at(left, k, statement.tolerance), right).ok
        assert not compare(statement, left, moved_at(right, k, statement.tolerance)).ok


@each_statement
def test_the_statement_fails_when_a_side_has_another_shape_or_is_not_finite(
    statement: Statement, sides: Sides
) -> None:
    left, right = sides[statement.id]

    assert not compare(statement, left[None], right).ok
    assert not compare(statement, left, np.full(right.shape, np.nan)).ok


def test_every_number_of_workbook_01_has_its_statement() -> None:
    for section, expected in NUMBERS.items():
        numbers = {int(re.sub("[a-z]", "", s.number)) for s in STATEMENTS if s.section == section}

        assert numbers == set(expected)


def test_the_numbers_of_later_workbooks_count_through() -> None:
    for workbook, count in QUESTIONS.items():
        numbers = [s.number for s in STATEMENTS if s.workbook == workbook]
        parts = [re.fullmatch(r"(\d+)([a-z]?)", number) for number in numbers]
        questions = [(int(p[1]), p[2]) for p in parts if p]
        letters: dict[int, str] = {}
        for question, letter in questions:
            letters[question] = letters.get(question, "") + (letter or "-")

        assert len(questions) == len(numbers)
        assert questions == sorted(questions)
        assert list(letters) == list(range(1, count + 1))
        assert all("-abcdef".startswith(a) or "abcdef".startswith(a) for a in letters.values())


def test_every_statement_has_its_own_id() -> None:
    assert len({s.id.lower() for s in STATEMENTS}) == len(STATEMENTS)
    assert {"calculus.7", "concept.2a", "z3.11b", "W3.14", "b3.6c", "2.21a"} <= {
        s.id for s in STATEMENTS
    }


def of(workbook: int) -> list[Statement]:
    return [s for s in STATEMENTS if s.workbook == workbook]


def fails(workbook: int) -> set[str]:
    return {r.statement.id for r in check_statements(images(), of(workbook)) if not r.ok}


def all_fail(ids: str) -> bool:
    chosen = [s for s in STATEMENTS if s.id in ids.split()]
    assert len(chosen) == len(ids.split())
    return not any(result.ok for result in check_statements(images(), chosen))


def test_a_wrong_grad_z3_in_the_code_breaks_the_statements_about_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right = mlp.backward

    def without_y(params: mlp.Params, run: mlp.ForwardPass, y: Array, **options: Any) -> mlp.Params:
        return right(params, run, 0 * y, **options)

    monkeypatch.setattr(mlp, "backward", without_y)

    assert fails(1) == {"concept.1b", "W3.14"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mistake", "broken"),
    [
        ("no derivative of relu", "2.36 2.43"),
        ("sum, not mean", "2.36 2.38b"),
        ("decay on biases", "2.46b"),
        ("first row only", "2.36 3.28 3.29a"),
        ("decay forgotten", "2.46a"),
        ("bias lost", "2.43 2.46b 2.53"),
        ("z for h", "2.38b"),
    ],
)
def test_a_wrong_line_of_backward_breaks_the_statements_about_it(
    mistake: str, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (mutant,) = (m for m in mutants.MUTANTS if m.name == mistake)
    monkeypatch.setattr(mlp, "backward", mutants.mutate(mutant))

    assert all_fail(broken)


def test_a_wrong_update_breaks_the_statements_about_it(monkeypatch: pytest.MonkeyPatch) -> None:
    right = optim.sgd

    def twice(momentum: float) -> optim.UpdateRule:
        return lambda theta, grad, state, lr, t: right(momentum)(theta, grad, state, 2 * lr, t)

    monkeypatch.setattr(optim, "sgd", twice)

    assert fails(2) == {"2.42", "2.44", "2.47", "2.48"}


def another_temperature(right: Any, z: Array) -> Array:
    return right(1.001 * z)


def a_factor(right: Any, z: Array) -> Array:
    return 1.001 * right(z)


def reversed_columns(right: Any, params: mlp.Params, x: Array, **options: Any) -> mlp.ForwardPass:
    W, b = params[-1]
    return right((*params[:-1], mlp.Layer(W[..., ::-1], b)), x, **options)


def a_hundredth_more(right: Any, *args: Any, **options: Any) -> Any:
    return 1.01 * right(*args, **options)


def slopes_off(right: Any, *args: Any, **options: Any) -> Any:
    slopes, crossed = right(*args, **options)
    return 1.01 * slopes, ~crossed


def another_rule(right: Any, name: str, derived: Array, central: Any) -> Any:
    error = abs(derived - central.derivative).max()
    verdict = right(name, derived, central)
    return verdict._replace(max_rel_error=error, right=error < 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("where", "function", "change", "broken"),
    [
        (numeric, "slopes", slopes_off, "3.18a 3.18b 3.23b 3.24"),
        (mlp, "cross_entropy", a_hundredth_more, "3.8b 3.10a 3.17 3.19 3.28 3.29a"),
        (trust, "check_tensor", another_rule, "3.20 3.21 3.22 3.23b 3.24"),
        (trust, "engine_gradient", lambda right, problem: right(problem)[::-1], "3.32a"),
    ],
)
def test_a_wrong_measurement_breaks_the_statements_about_it(
    where: Any, function: str, change: Any, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(where, function, partial(change, getattr(where, function)))

    assert all_fail(broken)


def without_mean_term(right: Any, grad_z: Array, normalized: Normalized) -> Array:
    return right(grad_z, normalized) + grad_z.mean(axis=0) / normalized.sigma


def without_sigma_term(right: Any, grad_z: Array, normalized: Normalized) -> Array:
    u_hat, sigma = normalized
    return right(grad_z, normalized) + u_hat * (grad_z * u_hat).mean(axis=0) / sigma


def unbiased(right: Any, u: Array) -> Normalized:
    u_hat, sigma = right(u)
    factor = np.sqrt(len(u) / max(len(u) - 1, 1))
    return Normalized(u_hat / factor, sigma * factor)


def mean_left(right: Any, u: Array) -> Normalized:
    return right(u)._replace(u_hat=u / right(u).sigma)


def without_shift(right: Any, params: mlp.Params, statistics: Any) -> mlp.Params:
    folded = right(params, statistics)
    return tuple(mlp.Layer(W, b) for (W, _), (_, b) in zip(folded, params, strict=True))


@pytest.mark.parametrize(
    ("where", "function", "change", "broken"),
    [
        (batch_norm, "backward", without_mean_term, "4.16b 4.16c"),
        (batch_norm, "backward", without_sigma_term, "4.16b 4.16c"),
        (batch_norm, "normalize", unbiased, "4.2 4.3 4.5 4.10 4.11 4.12 4.13"),
        (batch_norm, "normalize", mean_left, "4.1 4.3 4.4 4.6 4.8a 4.9 4.12 4.13"),
        (through_batch, "fold", without_shift, "4.26b 4.26c"),
        (batch_statistics, "ema_update", lambda right, *args: right(*args[:3], 0.8, 5), "4.24"),
    ],
)
def test_a_wrong_line_of_batch_norm_breaks_the_statements_about_it(
    where: Any, function: str, change: Any, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(where, function, partial(change, getattr(where, function)))

    assert all_fail(broken)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "change", "broken"),
    [
        ("softmax", another_temperature, "z3.3b z3.9 z3.11a z3.12 W3.13 b3.5"),
        ("log_softmax", a_factor, "z3.1c z3.2 z3.4 z3.10 z3.12 W3.10 W3.14"),
        ("forward", reversed_columns, "concept.2a W3.3 W3.8"),
    ],
)
def test_a_wrong_function_breaks_the_statements_about_it(
    function: str, change: Any, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlp, function, partial(change, getattr(mlp, function)))

    assert all_fail(broken)


@pytest.mark.slow
def test_the_command_prints_every_statement_and_the_count(
    capsys: pytest.CaptureFixture[str],
) -> None:
    command(verify=True)

    out = capsys.readouterr().out
    assert all(statement.text in out for statement in STATEMENTS)
    assert f"{len(STATEMENTS)} of {len(STATEMENTS)} statements of the workbooks hold" in out


@pytest.mark.slow
def test_the_command_prints_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    command(verify=True, json=True)

    printed = json.loads(capsys.readouterr().out)
    assert printed["ok"] is True
    assert [s["statement"] for s in printed["statements"]] == [s.text for s in STATEMENTS]
    assert all(s["error"] <= s["tolerance"] for s in printed["statements"])


@pytest.mark.slow
def test_the_command_fails_with_the_names_of_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mlp, "softmax", partial(another_temperature, mlp.softmax))

    with pytest.raises(CheckFailed, match=r"wrong: .*z3.12"):
        command(verify=True)
    assert "WRONG" in capsys.readouterr().out
