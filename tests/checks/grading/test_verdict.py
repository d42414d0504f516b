import io
from typing import Any

import numpy as np
import pytest

from mlpcli.api.grade import inputs, job_of
from mlpcli.api.grade_constants import Constants
from mlpcli.api.grade_results import answers, messages
from mlpcli.api.grade_worker import Runner, sender
from mlpcli.checks.grading.answers import LAYOUTS, Answers
from mlpcli.checks.grading.verdict import GradeVerdict, evaluate
from mlpcli.checks.problem import Problem
from mlpcli.nn import mlp
from mlpcli.nn.mlp import Layer
from tests.checks.grading.submissions import CHEATS, PLACES, RIGHT, WHOLE, WRONG, but

SIZES = (31, 23, 17, 10)  # all different, as in the workbook
NONE = Constants()


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


def called(source: str, problem: Problem, constants: Constants = NONE) -> Answers:
    layouts = [layout for layout in LAYOUTS if constants.form in (None, layout.form)]
    job = job_of(problem, layouts, constants) | {"file": "mywork.py", "memory": 1, "timeout": 1}
    out = io.BytesIO()
    runner = Runner(job, inputs(problem), sender(out))
    space: dict[str, Any] = {}
    exec(compile(source, "mywork.py", "exec"), space)
    functions = {name: space[name] for name in job["functions"] if name in space}
    with np.errstate(all="ignore"):
        for layout in job["layouts"]:
            runner.call_all(functions, layout)
    out.seek(0)
    return answers(messages(out), "mywork.py", job["functions"])


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
    assert first.startswith("grad_z3 has the wrong sign: it is right only if your update adds")
    assert others == ["grad_W3, given your grad_z3", "grad_b3, given your grad_z3"]


def test_an_update_that_adds_a_gradient_is_said_to(verdict: Any) -> None:
    source = """
import numpy as np
def update(params, h, y, lr):
    g, moved = (h[-1] - y) / len(y), []
    for i in range(len(params) - 1, -1, -1):
        W, b = params[i]
        moved.insert(0, (W + lr * h[i].T @ g, b - lr * g.sum(axis=0)))
        g = (g @ W.T) * (h[i] > 0)
    return moved
"""

    wrong = [s.text for s in verdict(source).steps if not s.ok]

    told = "has the wrong sign: an update must subtract the gradient"
    assert wrong == [f"grad_W{i} {told}" for i in (3, 2, 1)]


def test_missing_functions_are_named_and_not_counted(verdict: Any) -> None:
    result = verdict("def grad_b3(grad_z3):\n    return grad_z3.sum(axis=0)\n")

    assert (result.right, len(result.steps)) == (1, 1)
    assert result.missing == ("grad_z3", "grad_W3", "backward")


def test_a_batch_counts_more_than_one_image_on_which_n_cannot_be_wrong(verdict: Any) -> None:
    result = verdict(WRONG["n twice"][0])

    assert result.parts[0].accepts == ("a batch in rows (n, k)",)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("value", [0.0, 5e-324, 1e200, -1e300, np.inf, -np.inf, np.nan])
def test_a_constant_in_place_of_every_gradient_earns_nothing(
    value: float, dtype: str, verdict: Any
) -> None:
    source = f"""
import numpy as np
def full(like): return np.full(like.shape, float("{value}")).astype("{dtype}")
def grad_z3(h3, y): return full(h3)
def grad_W3(h2, grad_z3): return full(h2.T @ grad_z3)
def grad_b3(grad_z3): return full(grad_z3.sum(axis=0))
def backward(params, h, y): return [(full(W), full(b)) for W, b in params]
"""

    assert verdict(source).right == 0


def test_no_answer_at_all_is_not_right(problem: Problem) -> None:
    assert not evaluate(problem, {}).ok


def named(*keys: str) -> str:
    """A right backward that returns its arrays in a dict, W3, b3, W2, ... under these keys."""
    arrays = "[array for pair in grads for array in pair]"
    return but(WHOLE, "grads[::-1]", f"dict(zip({list(keys)}, {arrays}))")


@pytest.mark.parametrize(
    "keys",
    [
        "dW3 db3 dW2 db2 dW1 db1",
        "W2 b2 W1 b1 W0 b0",
        "grad_w_3 grad_b_3 grad_w_2 grad_b_2 grad_w_1 grad_b_1",
        "weights4 biases4 weights3 biases3 weights2 biases2",
        "out.W out.b middle.W middle.b first.W first.b",
        "tab club web nib rob sub",
    ],
)
def test_names_that_are_right_or_say_nothing_do_not_matter(keys: str, verdict: Any) -> None:
    assert verdict(named(*keys.split())).ok


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        ("dW1 db1 dW2 db2 dW3 db3", {"W3", "b3", "W1", "b1"}),
        ("dW3 db3 dW2 dW1 db2 db1", {"b2", "W1"}),
        ("b3 W3 dW2 db2 dW1 db1", {"W3", "b3"}),
        ("out.b out.W W2 b2 W1 b1", {"W3", "b3"}),
    ],
)
def test_names_in_a_dict_bind(keys: str, wrong: set[str], verdict: Any) -> None:
    steps = verdict(named(*keys.split())).steps

    assert {step.step.removeprefix("backward.grad_") for step in steps if not step.ok} >= wrong


def test_a_named_gradient_is_not_confused_with_another_array_of_its_shape(verdict: Any) -> None:
    source = named(*["dW3", "db3", "dW2", "db2", "dW1", "db1"])

    assert verdict(but(source, "return dict", "return {'dA2': h[2] * 1.0} | dict")).ok


def test_arrays_that_could_be_a_gradient_just_as_well_make_it_wrong(verdict: Any) -> None:
    result = verdict(CHEATS["right beside random"])

    assert "ambiguous" in {step.kind for step in result.steps}
    assert result.right == 0
