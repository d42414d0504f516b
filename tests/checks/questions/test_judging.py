"""The workbook's own answers and other spellings are right; wrong ones are wrong, with a reason."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from mlpcli.checks.questions.comparison import tree, values
from mlpcli.checks.questions.judging import judge
from mlpcli.checks.questions.question import QUESTIONS, Question, find
from mlpcli.checks.questions.values import align

SPELLINGS: dict[str, dict[str, list[str]]] = {}
for path in sorted(Path(__file__).parent.glob("spellings*.toml")):
    SPELLINGS |= tomllib.loads(path.read_text(encoding="utf-8"))
SHORTHAND: dict[str, list[str]] = tomllib.loads(
    Path(__file__).with_name("shorthand.toml").read_text(encoding="utf-8")
)
JUDGED = [question for question in QUESTIONS if question.judged]
each = pytest.mark.parametrize("question", JUDGED, ids=lambda question: question.id)


def asked(name: str) -> Question:
    question = find(name)
    assert question
    return question


def reason(name: str, answer: str) -> str:
    """The reason for which an answer is wrong."""
    found = judge(asked(name), answer)
    assert found.right is False
    return found.reason


@each
def test_the_answer_is_right_as_the_workbook_writes_it(question: Question) -> None:
    assert judge(question, question.written or question.answer).right is True


@each
def test_the_model_answer_is_right(question: Question) -> None:
    assert judge(question, question.answer).right is True


@each
def test_five_other_spellings_are_right(question: Question) -> None:
    spellings = SPELLINGS[question.id]["right"]

    assert len({*spellings} - {question.answer, question.written}) >= 5
    assert [each for each in spellings if judge(question, each).right is not True] == []


@each
def test_three_wrong_answers_are_wrong(question: Question) -> None:
    wrong = SPELLINGS[question.id]["wrong"]

    assert len({*wrong}) >= 3
    assert [each for each in wrong if judge(question, each).right is not False] == []


@each
def test_a_named_wrong_answer_gets_its_reason(question: Question) -> None:
    for wrong in question.wrong:
        assert judge(question, wrong.answer).reason == wrong.reason


@pytest.mark.parametrize(
    ("name", "answer", "words"),
    [
        ("z3.11b", "h3_i + 1", "the sign of 1 is wrong"),
        ("W3.10", "h2_i (y - h3)_j", "the sign is wrong"),
        ("calculus.3", "x e^(x^2)", "a factor is missing: 2"),
        ("calculus.3", "e^(x^2)", "the inner derivative is missing"),
        ("W3.10", "h2_i h3_j", "a term is missing: -y"),
        ("W3.13", "h3 outer h2 - y outer h2", "transposed"),
        ("W3.10", "2 h2_i (h3 - y)_j", "it is 2 times the right value"),
        (
            "z3.4",
            "-log(exp(z3_y*) / sum_j exp(z3_j))",
            "the value is right, but a quotient is left",
        ),
        ("z3.2b", "-log exp(z3_y*) / sum_j exp(z3_j)", "put all of it in parentheses"),
        ("calculus.1", "1/x^2", ""),
        ("2.9a", "5", ""),
        ("W3.8", "h3_i", "h3 belongs to layer 3; another layer is asked for"),
        ("W3.13", "h2 outer (z3 - y)", "z3 is before the activation"),
        ("z3.12", "(h3 - y) / n", "n is not known here"),
        ("z3.9", "softmax(z3)_i", "the value is right, but use only h3"),
        ("W3.9", "h3 - y", "that is a whole array; write its entry j"),
        ("z3.12", "h3_i - y_i", "it contains the index i; the answer contains no index"),
        ("W3.10", "h2_i (h3 - y)_i", "the index i counts the units of two layers that differ"),
        (
            "W3.13",
            "h2 * (h3 - y)",
            "the product of shapes (256,) and (10,) is not clear; write outer",
        ),
        ("W3.13", "h2 outer h3 - y", "put h3 - y in parentheses"),
        ("2.37b", "h3 - y / n", "put h3 - y in parentheses"),
        ("3.15", "(z + t)/2t", "put 2 t in parentheses"),
        ("3.6a", "(2ε)^1/2", "put 1 / 2 in parentheses"),
        ("W3.13", "h2 x (h3 - y)", "x is the image here; write * or outer for a product"),
        ("W3.10", "h2_i x (h3_j - y_j)", "x is the image here"),
        ("2.6a", "W3 * grad_z3", "* multiplies entry by entry; write @ for a matrix product"),
        ("2.45", "λ W_ij", "W is W3; add a layer, as in W2"),
        ("2.14b", "∂h_i/∂z_i ∂CE/∂h_i", "h is h3; add a layer, as in h2"),
        ("calculus.6c", "(10, 256)", "that is a whole array; write a single formula"),
        ("W3.3a", "i", "i is an index; it belongs to a symbol, as in h2_i"),
        ("z3.12", "p - y", "p is not known here; the network has x, h1 to h3"),
        ("calculus.2", "the same", "the word 'the' is not understood; write a formula"),
        ("2.6a", "W3 dz3", "write grad_z3 instead of dz3"),
        ("z3.12", "h3 - one_hot(y)", "write y instead of one_hot: it is one-hot"),
        ("z3.12", "softmax(z3) - labels", "write y instead of labels: it is one-hot"),
        ("calculus.2", "labels", "the word 'labels' is not understood"),
        ("calculus.7", "the product of f' and g'", "write g' with its argument"),
        ("calculus.7", "f'(g) * g'", "write g with its argument, as in g(x)"),
        ("calculus.7", "f'(g(x)) * g'", "write g' with its argument, as in g'(x)"),
        ("2.25", "grad_h1 * relu'", "write relu' with its argument, as in relu'(z2)"),
        ("z3.12", "y_pred - y", "write h3 instead of y_pred"),
        ("calculus.7", "df/dg * dg/dx", "write f' and g' for the derivatives of f and g"),
        ("2.39", "grad_z3.sum(axis=0)", "write a sum over an axis with an index, as in sum_k"),
        ("z3.8", "exp(z3_i) / sum_{j=1}^{9} exp(z3_j)", "does not run over all 10 entries"),
        ("4.2", "v", "use only u, μ and n, not v"),
        ("4.12", "(1 - 1/n - u_hat_k^2) / sigma", "a factor is missing: 1 / n"),
        ("4.16", "(grad_z - mean(grad_z)) / sigma", "write its entry k"),
        ("4.16", "grad_u_k", "the derivative of CE with respect to u is left"),
    ],
)
def test_a_wrong_answer_gets_a_reason(name: str, answer: str, words: str) -> None:
    found = reason(name, answer)

    assert words in found if words else found == ""


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("concept.1a", "256x10"),
        ("concept.1a", "It is 256 by 10."),
        ("concept.1a", "256 rows, 10 columns"),
        ("concept.1a", "ℝ^{256×10}"),  # noqa: RUF001
        ("z3.5a", "zero"),
        ("z3.5b", "Minus one"),
        ("z3.7", "1/S dS/dz_i"),
        ("z3.7", r"\frac{1}{\sum_j e^{z_j}} \frac{\partial \sum_j e^{z_j}}{\partial z_i}"),
        ("z3.4", "-z3_y* + log(sum over j of exp(z3_j))"),
        ("W3.7", "dz_j/dW_ij * dL/dz_j"),
        ("2.42", "W2 -= lr * grad_W2"),
        ("W3.7", "d(z3_j)/d(W3_ij) * d(CE)/d(z3_j)"),
        ("W3.13", "h2.reshape(-1, 1) @ (h3 - y).reshape(1, -1)"),
        ("W3.13", "outer product of h2 and (h3 - y)"),
        ("calculus.1", "frac{1}{x}"),
        ("3.6a", r"\sqrt{2} \sqrt{\varepsilon}"),
        ("3.6a", r"\sqrt 2 \varepsilon"),
        ("3.6b", r"\sqrt[3]{3 \varepsilon}"),
        ("3.6b", r"\sqrt[3]{3} \sqrt[3]{\varepsilon}"),
        ("4.3", r"\frac{1}{\sqrt{v + \varepsilon}} (u_i - \mu)"),
    ],
)
def test_a_spelling_of_people_is_understood(name: str, answer: str) -> None:
    assert judge(asked(name), answer).right is True


@pytest.mark.parametrize("name", SHORTHAND)
def test_shorthand_is_understood(name: str) -> None:
    assert [each for each in SHORTHAND[name] if judge(asked(name), each).right is not True] == []


@pytest.mark.parametrize("name", ["concept.1a", "z3.5b", "z3.12", "z3.13a"])
@pytest.mark.parametrize("text", ["h" * 100_000, "log" * 30_000, "(" * 100_000])
def test_an_endless_answer_is_refused_at_once(name: str, text: str) -> None:
    assert "at most 2000 are read" in judge(asked(name), text).reason


# the question's own derivative, measured by an imaginary step, in the place of the answer
MEASURED = {
    "calculus.3": "d/dx e^(x^2)",
    "calculus.4": "d/dx log(x^2)",
    "calculus.7": "(f ∘ g)'(x)",
    "z3.11a": "∂CE/∂z3_i",
    "z3.11b": "∂CE/∂z3_i",
    "z3.12": "∂CE/∂z3",
    "W3.8": "∂z3_j/∂W3_ij",
    "W3.9": "∂CE/∂z3_j",
    "W3.10": "∂CE/∂W3_ij",
    "W3.13": "∂CE/∂W3",
    "b3.4": "∂CE/∂b3_j",
    "b3.5": "∂CE/∂b3",
    "2.3": "∂z3_j/∂h2_i",
    "2.4": "∂CE/∂h2_i",
    "2.5": "∂CE/∂h2_i",
    "2.6a": "∂CE/∂h2",
    "2.15": "∂CE/∂z2",
    "2.19": "∂z2_j/∂W2_ij",
    "2.20": "∂CE/∂W2_ij",
    "2.21": "grad_W2",
    "2.23": "∂CE/∂b2",
    "2.24b": "grad_h1",
    "2.26": "grad_z1",
    "2.27b": "grad_W1",
    "2.28": "grad_b1",
    "2.31b": "d/dz tanh(z)",
    "2.37b": "grad_z3",
    "2.38a": "grad_W3",
    "2.39": "∂CE/∂b3_j",
    "4.9": "∂μ/∂u_k",
    "4.10": "∂v/∂u_k",
    "4.11": "∂σ/∂u_k",  # noqa: RUF001  # a Greek letter
    "4.12": "∂u_hat_k/∂u_k",
    "4.15": "∂CE/∂u_k",
    "4.16": "grad_u_k",
}


@pytest.mark.parametrize(("name", "derivative"), MEASURED.items())
def test_a_model_answer_has_the_value_of_the_measured_derivative(
    name: str, derivative: str
) -> None:
    found = reason(name, derivative)

    assert found.startswith("the value is right, but")  # only its form is not


def test_the_answer_about_another_image_has_the_value_of_the_measured_derivative() -> None:
    question = asked("4.13")
    (right,), (measured,) = (
        [values(question, tree(question, text))[0] for text in texts]
        for texts in ((question.answer,), ("∂u_hat_i/∂u_k",))
    )
    (a, b), _ = align(right, measured)

    another = ~np.eye(len(a), dtype=bool)
    np.testing.assert_allclose(a[another], b[another], rtol=1e-12)


def test_a_square_of_a_scalar_is_no_layer() -> None:
    assert (
        judge(asked("2.31b"), "1 - z^2").reason
        == "it is `tanh(z)`, the activation, that is squared"
    )


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "   ",
        "?",
        "2x e^(",
        ")",
        "import os",
        "__import__('os').system('true')",
        "().__class__",
        "(" * 100 + "x" + ")" * 100,
        "x" * 5000,
        "9" * 400,
        "9**9**9**9**9",
        "x" + "+x" * 900,
        "-" * 900 + "x",
        "sum_i sum_j sum_k sum_l sum_m W1_ij W1_jk W1_kl W1_lm",
        "d/dx d/dx x",
        "\x00\x1b[31m\ud800",
        "(1\n" + "-" * 400 + ")",
        "sum_i sum_j ∂/∂h1_ij σ",  # noqa: RUF001  # a Greek letter
    ],
)
@pytest.mark.parametrize("name", ["calculus.3", "W3.13", "W3.1", "z3.13a", "4.16"])
def test_any_text_is_judged_within_limits(name: str, answer: str) -> None:
    judgement = judge(asked(name), answer)

    assert judgement.right is False
    assert len(judgement.reason) < 200


def test_an_answer_in_words_is_not_judged() -> None:
    assert judge(asked("W3.2"), "whatever").right is None
