"""The files of questions are complete, and refer to statements that are proved."""

import pytest

from mlpcli.checks.questions.question import KINDS, QUESTIONS, Question, find
from mlpcli.checks.workbook.statements import STATEMENTS

PROVED = {(statement.section, statement.number) for statement in STATEMENTS}
each = pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.id)


def test_no_two_questions_have_one_id() -> None:
    ids = [question.id.lower() for question in QUESTIONS]

    assert len(set(ids)) == len(ids)


def test_a_question_is_found_by_its_id_in_any_case() -> None:
    found = find(" w3.13")

    assert found
    assert found.id == "W3.13"
    assert find("W3.99") is None


@each
def test_a_question_is_complete(question: Question) -> None:
    assert question.kind in KINDS
    assert question.prompt
    assert question.answer
    assert len(set(question.hints)) == 3


@each
def test_formulas_in_text_are_closed(question: Question) -> None:
    texts = [question.prompt, *question.hints, *(wrong.reason for wrong in question.wrong)]

    assert all(text.count("`") % 2 == 0 for text in texts)
    assert not any(len(wrong.reason) > 100 for wrong in question.wrong)


@each
def test_a_statement_proves_each_question(question: Question) -> None:
    assert all((question.section, number) in PROVED for number in question.proof)


def test_each_statement_proves_a_question() -> None:
    proofs = {(q.section, number) for q in QUESTIONS for number in q.proof}

    assert PROVED - proofs == set()
