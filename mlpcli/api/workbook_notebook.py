"""The questions of the workbooks as a Jupyter notebook: cells to fill in, and cells that check."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mlpcli import files
from mlpcli.checks.questions.notation import markdown
from mlpcli.checks.questions.question import WORKBOOKS, Question
from mlpcli.errors import ConfigError, OutputError

INTRODUCTION = """\
Write each answer as text between the quotes, for example `r"2x e^(x^2)"` or `r"\\frac{1}{x}"`, and
run the cell below it. An answer is judged by its value, not by its spelling. `hint("z3.12")` gives
a hint, `hint("z3.12", 2)` and `hint("z3.12", 3)` further ones, and `answer("z3.12")` the answer.
"""


def write(path: Path, questions: Iterable[Question]) -> None:
    """Write a notebook with these questions; raises OutputError if there is a file already."""
    if path.exists():  # it may hold a learner's answers
        raise OutputError(f"{path}: exists, and may hold answers; choose another name")
    files.claim(path, lambda file: False, overwrite=None)
    files.write(path, text(questions).encode())


def text(questions: Iterable[Question]) -> str:
    """The notebook as JSON text; the same questions give the same bytes."""
    try:
        import nbformat
    except ImportError as err:
        hint = "pip install 'mlp-trainer[notebook]'"
        raise ConfigError(f"--notebook: needs {err.name}; `{hint}`") from err
    book: Any = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]  # untyped
    book.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    book.cells = [_cell(*cell) for cell in _cells(list(questions))]
    return str(nbformat.writes(book))  # type: ignore[no-untyped-call]


def _cell(kind: str, name: str, source: str) -> Any:
    import nbformat

    make = getattr(nbformat.v4, f"new_{kind}_cell")
    return make(source, id=re.sub("[^A-Za-z0-9-]", "-", name))


def _cells(questions: list[Question]) -> Iterable[tuple[str, str, str]]:
    """Kind, id and source of each cell."""
    chosen = {question.workbook for question in questions}
    titles = [f"# Workbook {b.number:02}: {b.title}" for b in WORKBOOKS if b.number in chosen]
    yield "markdown", "title", "\n\n".join([*titles, INTRODUCTION.rstrip()])
    yield "code", "import", "import mlpcli.workbook\nfrom mlpcli.workbook import answer, hint"
    section = ""
    for question in questions:
        if question.section != section:
            section = question.section
            yield "markdown", f"section-{question.id}", f"## {section}"
        name = question.id.replace(".", "_")
        name = f"answer_{name}" if name[0].isdecimal() else name
        prompt = f"**{question.number}.** {markdown(question.prompt)}"
        yield "markdown", f"{question.id}-question", prompt
        if question.judged:
            yield "code", f"{question.id}-answer", f'{name} = r""'
            yield "code", f"{question.id}-check", f'mlpcli.workbook.check("{question.id}", {name})'
        else:
            yield (
                "markdown",
                f"{question.id}-answer",
                "*Your answer in words, which is not judged:*",
            )
            model = markdown(question.answer)
            shown = f"<details><summary>Model answer</summary>\n\n{model}\n\n</details>"
            yield "markdown", f"{question.id}-model", shown
