"""What a learner sees of a session with the workbooks."""

from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from mlpcli.api.workbook_progress import Progress
from mlpcli.api.workbook_session import Questions, Reply
from mlpcli.checks.questions.notation import plain_text
from mlpcli.checks.questions.question import WORKBOOKS, Question
from mlpcli.show.format import counted, json_object, pick

COMMANDS = "Type an answer, or: hint, answer, skip, help, quit."
HELP = """\
Formulas:  2x e^(x^2), 2*x*exp(x**2), log a, 1/x, or LaTeX
Layers:    h2, z3, W3, or h^{(2)}; h alone is h3
Entries:   h2_i, W3_ij, (h3 - y)_j; the correct class: z3_y*
A batch:   mean, var, sigma, eps, u_hat_i
Products:  2 x, *, @, outer; sums: sum_j exp(z3_j); W3^T
Derivatives, where they are asked for: ∂z3_j/∂W3_ij, d/dx
Shapes:    (3, 4); signs: positive, negative, zero
hint       a hint; there are three for each question
answer     show the answer and move on
skip       the next question; this one is asked again later
quit       stop, as do Ctrl-C and Ctrl-D; answers are kept"""
STATUSES = {  # of a question, as a list shows it
    "right": "right",
    "matched": "matched by your own judgment",
    "differed": "differed by your own judgment",
    "shown": "answer shown",
    "wrong": "not right yet",
}


def opening(questions: Questions, progress: Progress) -> str:
    """The workbooks and their sections with the progress in each, and how to answer."""
    titles = {workbook.number: workbook.title for workbook in WORKBOOKS}
    sections = _by_section(questions)
    width = max(len(section) for section, _ in sections)
    lines, workbook = [], 0
    for section, of_section in sections:
        if of_section[0].workbook != workbook:
            workbook = of_section[0].workbook
            lines.append(f"Workbook {workbook:02}: {titles[workbook]}")
        done = sum(map(progress.is_done, of_section))
        lines.append(f"  {section:{width}}  {done} of {len(of_section)}")
    return "\n".join([*lines, "", COMMANDS])


def question_text(question: Question, number: int, total: int) -> str:
    """A question, with its place among those that are asked."""
    head = f"{question.id}  {question.section}, question {question.number} ({number} of {total})"
    return f"\n{head}\n{plain_text(question.prompt)}"


def reply_text(reply: Reply) -> str:
    """What the program says to a line."""
    text = plain_text(reply.text)
    return {
        "blank": COMMANDS,
        "help": HELP,
        "hint": f"Hint {reply.number} of 3: {text}",
        "no hint": "There are no more hints; answer shows the answer.",
        "answer": f"Answer: {text}",
        "right": "Right.",
        "wrong": f"Wrong: {text}." if text else "Wrong. Try again, or type hint.",
        "unreadable": f"Not understood: {text}. help shows how to write formulas.",
        "compare": f"Model answer: {text}\nDoes yours say the same? Type yes or no.",
        "yes or no": "Type yes if your answer says the same, or no.",
        "noted": "Noted. Answers in words are not judged, so this is your own verdict.",
        "skipped": "Skipped.",
    }[reply.kind]


def closing(questions: Questions, progress: Progress, file: Path) -> str:
    """How many questions are done, and where that is kept."""
    entries = [progress.questions[q.id] for q in questions if q.id in progress.questions]
    found = Counter[str](entry.status for entry in entries)
    done = sum(map(progress.is_done, questions))
    parts = [f"{found[status]} {words}" for status, words in STATUSES.items() if found[status]]
    text = f"\n{done} of {counted(len(questions), 'question')} done"
    text += f": {', '.join(parts)}." if parts else "."
    if done == len(questions):
        text += " Next, write it in NumPy: `mlp grade --template` prints a file to start from."
    elif found:
        text += " Continue with `mlp workbook`."
    return f"{text}\nProgress: {file}" if entries else text


def list_text(questions: Questions, progress: Progress) -> str:
    """Every question with its status, by section."""
    lines = []
    for section, of_section in _by_section(questions):
        rows = [
            [q.id, _status(q, progress) or ("in words" if not q.judged else "")] for q in of_section
        ]
        lines += [f"{section}", *(f"  {id_:<14}{status}".rstrip() for id_, status in rows), ""]
    done = sum(map(progress.is_done, questions))
    return "\n".join([*lines, f"{done} of {counted(len(questions), 'question')} done"])


def list_json(questions: Questions, progress: Progress) -> str:
    """The same as one JSON object."""
    rows = []
    for question in questions:
        entry = progress.questions.get(question.id)
        rows.append(
            {
                **pick(question, "id", "workbook", "section", "number", "kind", "prompt"),
                "status": entry.status if entry else None,
                "answer": entry.answer if entry else "",
                "tries": entry.tries if entry else 0,
                "hints": entry.hints if entry else 0,
            }
        )
    done = sum(map(progress.is_done, questions))
    return json_object({"done": done, "questions": rows})


def _status(question: Question, progress: Progress) -> str:
    entry = progress.questions.get(question.id)
    return STATUSES[entry.status] if entry else ""


def _by_section(questions: Iterable[Question]) -> list[tuple[str, list[Question]]]:
    groups = groupby(questions, key=lambda question: question.section)
    return [(section, list(of_section)) for section, of_section in groups]
