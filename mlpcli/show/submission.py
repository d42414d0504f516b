"""The verdict on a learner's own backward pass, as text and JSON."""

from pathlib import Path

from mlpcli.checks.problem import Problem
from mlpcli.checks.submission import Step, Verdict
from mlpcli.show.text import as_json


def text(result: Verdict, file: Path, problem: Problem) -> str:
    """A line for each step, then what was recognised and the score."""
    sizes = [len(problem.params[0].W), *(len(b) for _, b in problem.params)]
    shape = "-".join(map(str, sizes))
    lines = [f"{file}: judged on {shape} with {len(problem.x)} images and with one, float64"]
    for part in result.parts:
        told = [_line(step) for step in part.steps]
        lines += ["", *dict.fromkeys(told)]  # an exception is the same line for every step
        notes = dict.fromkeys(note for step in part.steps for note in step.conventions)
        lines += [f"       accepts {form}" for form in part.accepts]
        lines += [f"       {note}" for note in notes if note not in part.accepts]
    lines += ["", f"not defined: {', '.join(result.missing)}"] if result.missing else []
    return "\n".join([*lines, "", score(result)])


def score(result: Verdict) -> str:
    """The last line."""
    return f"{result.right} of {len(result.steps)} steps right"


def as_object(result: Verdict, file: Path) -> str:
    """Everything, as one JSON object."""
    return as_json(
        {
            "ok": result.ok,
            "file": str(file),
            "right": result.right,
            "total": len(result.steps),
            "steps": [step._asdict() for step in result.steps],
            "accepts": {part.name: part.accepts for part in result.parts},
            "missing": result.missing,
        }
    )


def _line(step: Step) -> str:
    whole = step.step.startswith("backward") and not step.text.startswith("backward")
    return f"{'right' if step.ok else 'wrong'}  {'backward: ' if whole else ''}{step.text}"
