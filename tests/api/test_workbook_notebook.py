"""The notebook of questions: it is valid, set in LaTeX, and right answers in it are right."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from mlpcli.api import workbook_notebook
from mlpcli.checks.questions.question import QUESTIONS, WORKBOOKS, Question, find
from mlpcli.errors import ConfigError
from mlpcli.workbook import answer, check, hint
from tests.cli.outcome import call, output, refusal

FIRST = WORKBOOKS[0].questions


def notebook(questions: tuple[Question, ...]) -> Any:
    text = workbook_notebook.text(questions)
    return nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]  # untyped


def by_id(book: Any) -> dict[str, Any]:
    return {cell.id: cell for cell in book.cells}


def test_the_notebook_is_valid_and_has_every_question() -> None:
    book = notebook(QUESTIONS)

    nbformat.validate(book)
    cells = by_id(book)
    assert len(cells) == len(book.cells)
    for question in QUESTIONS:
        name = question.id.replace(".", "-")
        assert cells[f"{name}-answer"].cell_type == ("code" if question.judged else "markdown")
        assert (f"{name}-check" in cells) == question.judged


def test_the_questions_are_set_in_latex() -> None:
    cells = by_id(notebook(FIRST))

    source = cells["W3-7-question"].source

    assert r"$\frac{\partial \mathrm{CE}}{\partial W^{(3)}_{i, j}}$" in source
    assert not [cell.id for cell in cells.values() if "question" in cell.id and "`" in cell.source]


def test_the_same_questions_give_the_same_bytes() -> None:
    assert workbook_notebook.text(FIRST) == workbook_notebook.text(FIRST)


@pytest.mark.slow
def test_a_notebook_filled_with_right_answers_runs_and_all_are_right(tmp_path: Path) -> None:
    book = notebook(QUESTIONS)
    cells = by_id(book)
    for question in QUESTIONS:
        if question.judged:
            cell = cells[question.id.replace(".", "-") + "-answer"]
            filled = repr(question.written or question.answer)
            cell.source = cell.source.replace('r""', filled)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
        place = {"metadata": {"path": str(tmp_path)}}
        NotebookClient(book, timeout=300, kernel_name="python3", resources=place).execute()

    found = [c.outputs[0].data["text/plain"] for c in book.cells if c.id.endswith("-check")]
    assert found == [f"{question.id}: right" for question in QUESTIONS if question.judged]


def test_a_blank_notebook_says_what_has_no_answer() -> None:
    assert repr(check("W3.13", "")) == "W3.13: no answer yet"
    assert not check("W3.13", ...)


def test_check_takes_text_tuples_and_numbers() -> None:
    assert check("W3.1", (256, 10))
    assert check("z3.5b", -1)
    assert check("w3.13", "np.outer(h2, h3 - y)")
    assert repr(check("W3.1", (10, 256))).startswith("W3.1: wrong: transposed")
    assert (
        repr(check("W3.13", "h2 outer ("))
        == "W3.13: wrong: not understood: a bracket is not closed"
    )
    assert check("W3.6", "two forces").right is None


def test_the_module_needs_no_import_of_its_own() -> None:
    script = "import mlpcli; print(mlpcli.workbook.check('W3.1', (256, 10)))"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert (done.stdout, done.stderr) == ("W3.1: right\n", "")


def test_hints_and_answers_are_to_be_had() -> None:
    question = find("W3.13")
    assert question
    assert answer("W3.13") == "h2 outer (h3 - y)"
    assert len({hint("W3.13", n) for n in (1, 2, 3)}) == 3
    with pytest.raises(ValueError, match="1, 2 or 3"):
        hint("W3.13", 4)
    with pytest.raises(ConfigError, match="did you mean"):
        check("W3.31", "x")


def test_a_notebook_with_answers_is_never_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = output(call("workbook", "--section", "b3", "--notebook", "w.ipynb"))
    before = Path("w.ipynb").read_bytes()

    again = refusal("workbook", "--notebook", "w.ipynb")

    assert told == "notebook: w.ipynb\n"
    assert again == "w.ipynb: exists, and may hold answers; choose another name"
    assert Path("w.ipynb").read_bytes() == before
    assert "is not a folder" in refusal("workbook", "--notebook", "missing/w.ipynb")
