import io
from typing import Any

import numpy as np
import pytest

from mlpcli.api.grade_results import answers, messages
from mlpcli.api.grade_worker import Runner, sender
from mlpcli.checks import reference
from mlpcli.checks.grading.answers import FUNCTIONS, LAYOUTS, Answers
from mlpcli.checks.grading.verdict import GradeVerdict, evaluate
from mlpcli.checks.problem import Problem
from mlpcli.nn import mlp
from mlpcli.nn.mlp import Layer
from tests.checks.grading.submissions import PLACES, RIGHT, WRONG

SIZES = (31, 23, 17, 10)  # all different, as in the workbook


@pytest.fixture
def problem(rng: np.random.Generator) -> Problem:
    params = mlp.init(SIZES, rng=rng, dtype="float64")
    params = tuple(Layer(W, 0.1 * rng.standard_normal(len(b))) for W, b in params)
    y = mlp.one_hot(np.array([3, 1, 4, 5]), SIZES[-1])
    return Problem(params, rng.random((4, SIZES[0])), y)


@pytest.fixture
def verdict(problem: Problem) -> Any:
    """Evaluates the functions of a source, called in this process."""

    def of(source: str) -> GradeVerdict:
        return evaluate(problem, called(source, problem))

    return of


def called(source: str, problem: Problem) -> Answers:
    arrays = {f"h{i}": h for i, h in enumerate(reference.forward(problem).h)} | {"y": problem.y}
    for i, (W, b) in enumerate(problem.params, start=1):
        arrays |= {f"W{i}": W, f"b{i}": b}
    layouts = [layout._asdict() for layout in LAYOUTS]
    job = {"file": "mywork.py", "functions": FUNCTIONS, "memory": 1, "timeout": 1}
    out = io.BytesIO()
    runner = Runner(job, arrays, sender(out))
    space: dict[str, Any] = {}
    exec(compile(source, "mywork.py", "exec"), space)
    functions = {name: space[name] for name in FUNCTIONS if name in space}
    with np.errstate(all="ignore"):
        for number, layout in enumerate(layouts):
            runner.call_all(functions, number, layout)
    out.seek(0)
    return answers(messages(out), "mywork.py")


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_submission_is_right_with_any_conventions(name: str, verdict: Any) -> None:
    source, conventions = RIGHT[name]

    result = verdict(source.replace("256", str(SIZES[-2])))

    assert result.ok, [s.text for s in result.steps if not s.ok]
    notes = {note for step in result.steps for note in step.conventions}
    accepts = {layout for part in result.parts for layout in part.accepts}
    for convention in conventions:
        convention = convention.replace("256", str(SIZES[-2]))
        assert any(convention in note for note in notes | accepts), (convention, notes, accepts)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_submission_loses_the_wrong_steps_alone(name: str, verdict: Any) -> None:
    source, wrong, total = WRONG[name]

    result = verdict(source)

    assert {s.step: s.kind for s in result.steps if not s.ok} == wrong
    assert (result.right, len(result.steps)) == (total - len(wrong), total)
    assert not result.ok


def test_steps_are_in_the_order_of_the_workbook(verdict: Any) -> None:
    result = verdict(RIGHT["rows, mean at once"][0])

    assert [s.step for s in result.steps] == ["grad_z3", "grad_W3", "grad_b3", *PLACES]


def test_a_step_after_a_wrong_one_is_checked_given_its_inputs(verdict: Any) -> None:
    result = verdict(WRONG["sign"][0])

    first, *others = (s.text for s in result.steps)
    assert first == "grad_z3 has the wrong sign"
    assert others == ["grad_W3, given your grad_z3", "grad_b3, given your grad_z3"]


def test_missing_functions_are_named_and_not_counted(verdict: Any) -> None:
    result = verdict("def grad_b3(grad_z3):\n    return grad_z3.sum(axis=0)\n")

    assert (result.right, len(result.steps)) == (1, 1)
    assert result.missing == ("grad_z3", "grad_W3", "backward")


def test_a_batch_counts_more_than_one_image_on_which_n_cannot_be_wrong(verdict: Any) -> None:
    result = verdict(WRONG["n twice"][0])

    assert result.parts[0].accepts == ("a batch in rows (n, k)",)


@pytest.mark.parametrize("value", ["0.0", "1e200", "-1e300"])
def test_a_constant_in_place_of_every_gradient_earns_nothing(value: str, verdict: Any) -> None:
    source = f"""
def grad_z3(h3, y): return h3 * 0 + {value}
def grad_W3(h2, grad_z3): return h2.T @ grad_z3 * 0 + {value}
def grad_b3(grad_z3): return grad_z3.sum(axis=0) * 0 + {value}
def backward(params, h, y): return [(W * 0 + {value}, b * 0 + {value}) for W, b in params]
"""

    assert verdict(source).right == 0


def test_no_answer_at_all_is_not_right(problem: Problem) -> None:
    assert not evaluate(problem, {}).ok
