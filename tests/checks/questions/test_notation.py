"""Formulas written out again keep their value, and their LaTeX is LaTeX."""

import re

import pytest
from matplotlib.mathtext import MathTextParser

from mlpcli.checks.questions.grammar import read
from mlpcli.checks.questions.judging import judge
from mlpcli.checks.questions.notation import latex, markdown, typed
from mlpcli.checks.questions.question import QUESTIONS, Question

FORMULAS = [q for q in QUESTIONS if q.judged and q.kind not in ("sign", "shape")]
each = pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.id)


@pytest.mark.parametrize("question", FORMULAS, ids=lambda question: question.id)
@pytest.mark.parametrize("write", [typed, latex])
def test_an_answer_that_is_written_out_again_is_still_right(
    question: Question, write: type[str]
) -> None:
    for text in {question.answer, question.written or question.answer}:
        assert judge(question, write(read(text))).right is True


@each
def test_every_formula_in_text_is_set_in_latex(question: Question) -> None:
    parser = MathTextParser("path")
    texts = [question.prompt, *question.hints, *(wrong.reason for wrong in question.wrong)]
    for formula in re.findall(r"\$([^$]*)\$", " ".join(map(markdown, texts))):
        parser.parse(f"${formula.replace('operatorname', 'mathrm')}$")  # raises ValueError

    assert "`" not in markdown(question.prompt)
