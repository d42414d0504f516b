import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlpcli.api import grade_constants
from mlpcli.api.grade import drawn_problem
from mlpcli.checks.grading.answers import LAYOUTS, Answer, Answers, functions
from mlpcli.checks.grading.verdict import GradeVerdict, evaluate
from mlpcli.nn.activation import ACTIVATIONS
from tests.checks.grading.implementations import RIGHT, WRONG
from tests.checks.grading.submissions import WHOLE, but
from tests.checks.grading.test_verdict import SIZES, called


@pytest.fixture(params=[0, 1])
def verdict(tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    """Evaluates a source with the network that it states, on inputs drawn from two seeds."""

    def of(source: str, *, strict: bool = False) -> GradeVerdict:
        file = tmp_path / "mywork.py"
        file.write_text(source)
        constants = grade_constants.read(file)
        problem = drawn_problem(np.random.default_rng(request.param), constants.sizes or SIZES)
        problem = problem._replace(activation=ACTIVATIONS[constants.activation])
        calls = called(source, problem, constants)
        return evaluate(problem, calls, strict=strict, bias=constants.bias)

    return of


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_implementation_passes(name: str, verdict: Any) -> None:
    result = verdict(RIGHT[name])

    assert result.ok, [(s.step, s.kind, s.text) for s in result.steps if not s.ok]


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_implementation_fails_by_its_cause(name: str, verdict: Any) -> None:
    source, kind, told = WRONG[name]

    result = verdict(source)

    wrong = [step for step in result.steps if not step.ok]
    named = [step.text for step in wrong if step.kind == kind]
    assert named, [(s.step, s.kind, s.text) for s in result.steps]
    assert told in named[0]


def test_nothing_is_right_without_support(verdict: Any) -> None:
    result = verdict(WRONG["random numbers"][0])

    assert {s.step for s in result.steps if s.ok} == {f"backward.grad_b{i}" for i in (1, 2, 3)}


@pytest.mark.parametrize("seed", range(10))
def test_random_numbers_earn_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = [int(size) for size in rng.permutation(np.arange(2, 30))[: rng.integers(2, 6)]]
    problem, expected = drawn_problem(rng, sizes), functions(len(sizes) - 1)
    gradients = [array.shape for layer in problem.params for array in layer]
    calls: Answers = {}
    for layout in LAYOUTS:
        shapes = {name: gradients for name in expected}
        for name, shape in zip(
            expected, ((len(problem.y), sizes[-1]), *gradients[-2:]), strict=False
        ):
            shapes[name] = [shape]
        scale = rng.choice([0, 1e-12, 1e-3, 1, 1e9])
        calls[layout] = {
            name: Answer([scale * rng.standard_normal(shape) for shape in wanted])
            for name, wanted in shapes.items()
        }

    assert evaluate(problem, calls).right == 0


@pytest.mark.parametrize("name", ["softmax's Jacobian and 1e-8", "float32 inside"])
def test_few_digits_are_named_and_strictly_wrong(name: str, verdict: Any) -> None:
    few = [step for step in verdict(RIGHT[name]).steps if step.kind == "precision"]
    strict = verdict(RIGHT[name], strict=True)

    assert few
    assert re.search(r"grad_[Wb]3 agrees to [5-9] digits", few[0].text)
    assert {s.step for s in strict.steps if not s.ok} == {s.step for s in few}


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("the workbook's vectors, with an index", "right for one image, not for a batch"),
        ("one image as a row, with an index", "right for one image, not for a batch"),
        ("the bias in the last row of W", "biases in the last row of W"),
        ("the bias in the first column of W, in and out", "biases in the first column of W"),
        ("the same, summed", "sum over the batch"),
    ],
)
def test_a_convention_is_noted(name: str, note: str, verdict: Any) -> None:
    assert note in verdict(RIGHT[name]).steps[0].conventions


def test_a_mean_is_not_noted_where_nothing_is_right(verdict: Any) -> None:
    result = verdict("def backward(params, h, y): return [(W * 0.1 + 1, b + 1) for W, b in params]")

    assert not any("batch" in note and "over" in note for note in result.steps[0].conventions)


def test_a_missing_gradient_lists_what_was_returned(verdict: Any) -> None:
    step = verdict("def backward(params, h, y): return h[1], y").steps[1]

    assert step.kind == "missing"
    assert re.fullmatch(r"grad_W3 is not returned; got arrays of \(23,\), \(10,\)", step.text)


def test_a_row_is_never_accused_of_its_own_label(verdict: Any) -> None:
    source = but(WHOLE, "h[3] - y", "h[3] * np.arange(10) - y")

    assert "has the label" not in verdict(source).steps[0].text


def test_a_form_that_is_stated_is_the_one_judged(verdict: Any) -> None:
    forgotten = but(WHOLE, "g.sum(axis=0)", "g")

    assert verdict('FORM = "row"\n' + but(forgotten, " / len(y)", "")).ok
    assert not verdict('FORM = "rows"\n' + forgotten).ok


def test_a_drawn_batch_never_has_four_images_nor_more_than_a_layer_has_inputs() -> None:
    drawn = {
        (width, len(drawn_problem(np.random.default_rng(seed), (9, width, 3)).y))
        for seed in range(40)
        for width in (2, 4, 6, 8)
    }

    assert all(n <= width and n != 4 for width, n in drawn)
    assert {n for width, n in drawn if width == 8} == {3, 5, 6, 7, 8}
