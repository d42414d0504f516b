import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlpcli.checks.problem import Problem
from mlpcli.checks.workbook import statements
from mlpcli.checks.workbook.statements import STATEMENTS, Statement
from mlpcli.cli.workbook import workbook as command
from mlpcli.errors import CheckFailed, ConfigError
from mlpcli.nn import Array, mlp

Sides = dict[str, tuple[Array, Array]]
NUMBERS = {
    statements.CALCULUS: range(1, 8),
    statements.CONCEPT: range(3),
    statements.TO_Z3: range(1, 14),
    statements.TO_W3: range(1, 15),
    statements.TO_B3: range(1, 7),
}  # the workbook's own, in each section


def name(statement: Statement) -> str:
    return f"{statement.section.split()[-1]}-{statement.number}"


each_statement = pytest.mark.parametrize("statement", STATEMENTS, ids=name)


def one_image() -> Problem:
    rng = np.random.default_rng(3)
    params = mlp.init((1024, 512, 256, 10), rng=rng, dtype="float64")
    params = tuple(layer._replace(b=0.1 * rng.standard_normal(len(layer.b))) for layer in params)
    x = rng.random((1, 1024)) * (rng.random((1, 1024)) > 0.7)
    return Problem(params, x, mlp.one_hot(np.array([4]), 10))


@pytest.fixture(scope="module")
def sides() -> Sides:
    """Both sides of every statement."""
    return {name(r.statement): (r.left, r.right) for r in statements.check_statements(one_image())}


@pytest.fixture(autouse=True)
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command sees drawn images everywhere."""
    monkeypatch.setenv("MLPCLI_DATA", str(tmp_path))


def moved_at(side: Array, k: int) -> Array:
    """A side with entry k off by 1e-4 of its size."""
    moved = np.array(side, float)
    moved.flat[k] += 1e-4 * (abs(moved.flat[k]) or 1)
    return moved


@each_statement
def test_the_statement_holds(statement: Statement, sides: Sides) -> None:
    result = statements.compare(statement, *sides[name(statement)])

    assert result.ok, result


@each_statement
def test_the_statement_fails_when_either_side_is_moved(statement: Statement, sides: Sides) -> None:
    left, right = sides[name(statement)]

    for k in range(0, left.size, max(1, left.size // 20)):
        assert not statements.compare(statement, moved_at(left, k), right).ok
        assert not statements.compare(statement, left, moved_at(right, k)).ok


@each_statement
def test_the_statement_fails_when_a_side_has_another_shape_or_is_not_finite(
    statement: Statement, sides: Sides
) -> None:
    left, right = sides[name(statement)]

    assert not statements.compare(statement, left[None], right).ok
    assert not statements.compare(statement, left, np.full(right.shape, np.nan)).ok


def test_every_number_of_the_workbook_has_its_statement() -> None:
    for section, expected in NUMBERS.items():
        numbers = {int(re.sub("[a-z]", "", s.number)) for s in STATEMENTS if s.section == section}

        assert numbers == set(expected)
    assert len({name(s) for s in STATEMENTS}) == len(STATEMENTS)


def fails(problem: Problem) -> set[str]:
    return {name(r.statement) for r in statements.check_statements(problem) if not r.ok}


def test_a_wrong_grad_z3_in_the_code_breaks_the_statements_about_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right = mlp.backward

    def without_y(params: mlp.Params, run: mlp.ForwardPass, y: Array, **options: Any) -> mlp.Params:
        return right(params, run, 0 * y, **options)

    monkeypatch.setattr(mlp, "backward", without_y)

    assert fails(one_image()) == {"Concept-1b", "W3-14"}


def another_temperature(right: Any, z: Array) -> Array:
    return right(1.001 * z)


def a_factor(right: Any, z: Array) -> Array:
    return 1.001 * right(z)


def reversed_columns(right: Any, params: mlp.Params, x: Array, **options: Any) -> mlp.ForwardPass:
    W, b = params[-1]
    return right((*params[:-1], mlp.Layer(W[..., ::-1], b)), x, **options)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "change", "broken"),
    [
        ("softmax", another_temperature, "z3-3b z3-9 z3-11a z3-12 W3-13 b3-5"),
        ("log_softmax", a_factor, "z3-1c z3-2 z3-4 z3-10 z3-12 W3-10 W3-14"),
        ("forward", reversed_columns, "Concept-2a W3-3 W3-8"),
    ],
)
def test_a_wrong_function_breaks_the_statements_about_it(
    function: str, change: Any, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlp, function, partial(change, getattr(mlp, function)))

    assert set(broken.split()) <= fails(one_image())


@pytest.mark.slow
def test_the_command_prints_every_statement_and_the_count(
    capsys: pytest.CaptureFixture[str],
) -> None:
    command(verify=True)

    out = capsys.readouterr().out
    assert all(statement.text in out for statement in STATEMENTS)
    assert f"{len(STATEMENTS)} of {len(STATEMENTS)} statements of the workbook hold" in out


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

    with pytest.raises(CheckFailed, match=r"wrong: .*Backpropagation to z3 12"):
        command(verify=True)
    assert "WRONG" in capsys.readouterr().out


def test_the_command_verifies_only_when_asked() -> None:
    with pytest.raises(ConfigError, match="give --verify"):
        command()
