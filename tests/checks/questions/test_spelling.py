"""Spellings that become one before they are read."""

import pytest

from mlpcli.checks.questions.spelling import normalized


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("h (z2 > 0)", "h relu'(z2)"),
        ("h[z2_i>0]", "h relu'(z2_i)"),
        ("h 1[z2 > 0.0]", "h relu'(z2)"),
        ("2(z > 1)", "2(z > 1)"),
        ("(1 - lr decay) W2", "(1 - η λ) W2"),
        (r"\eta \lambda", "η λ"),
        ("eps/t", "ε/t"),
        (r"\mathrm{relu}'(z)", "relu'(z)"),
        ("alert", "alert"),
    ],
)
def test_a_spelling_becomes_that_of_the_grammar(text: str, plain: str) -> None:
    assert normalized(text) == plain
