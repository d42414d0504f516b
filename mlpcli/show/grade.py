"""The verdict on a learner's own backward pass, as text, JSON and tests."""

from mlpcli.api.grade import Grade
from mlpcli.checks.grading.answers import WHOLE
from mlpcli.checks.grading.attempts import StepVerdict
from mlpcli.nn.mlp import layer_sizes
from mlpcli.show.format import Block, json_object, pick
from mlpcli.show.gradescope import Test
from mlpcli.show.junit import Case
from mlpcli.show.markdown import check_blocks


def as_text(result: Grade) -> str:
    """A line for each step, then the conventions that were recognized, and the score."""
    sizes = "-".join(map(str, layer_sizes(result.problem.params)))
    images, form = len(result.problem.x), result.constants.form
    count = f"{images} images and with one"
    if form:
        count = f"{images} images" if form in ("rows", "columns") else "one image"
    activation = result.constants.activation
    network = sizes if activation == "relu" else f"{sizes}, {activation},"
    lines = [f"{result.file}: checked on {network} with {count}, float64"]
    for part in result.verdict.parts:
        steps = [_line(step) for step in part.steps]
        lines += ["", *dict.fromkeys(steps)]  # an exception is the same line for every step
        notes = dict.fromkeys(note for step in part.steps for note in step.conventions)
        lines += [f"       accepts {form}" for form in part.accepts]
        lines += [f"       {note}" for note in notes if note not in part.accepts]
    missing = result.verdict.missing
    lines += ["", f"not defined and not counted: {', '.join(missing)}"] if missing else []
    return "\n".join([*lines, "", score(result)])


def as_blocks(result: Grade) -> list[Block]:
    """The verdict on each step."""
    return check_blocks(result.file, score(result), cases(result))


def as_json(result: Grade) -> str:
    """Everything, as one JSON object."""
    verdict = result.verdict
    return json_object(
        {
            **pick(result, "ok", "file"),
            "right": verdict.right,
            "total": len(verdict.steps),
            "steps": verdict.steps,
            "accepts": {part.name: part.accepts for part in verdict.parts},
            "missing": verdict.missing,
            "sizes": layer_sizes(result.problem.params),
            **pick(result.constants, "activation", "form"),
            **({} if result.rubric is None else pick(result, "points", "max_points")),
        }
    )


def cases(result: Grade) -> list[Case]:
    """A case for each step, and for each function that is not defined."""
    steps = [
        Case(result.file, step.step, "" if step.ok else step.text) for step in result.verdict.steps
    ]
    missing = [Case(result.file, name, skipped="not defined") for name in result.verdict.missing]
    return steps + missing


def tests(result: Grade) -> list[Test]:
    """A test for each step that has points, also where its function is not defined."""
    steps = {step.step: step for step in result.verdict.steps}
    found = []
    for name in result.rubric or steps:
        points = result.points_of(name)
        if not points:
            continue
        if step := steps.get(name):
            notes = "\n".join(step.conventions)
            found.append(Test(name, points * step.ok, points, f"{_line(step)}\n{notes}".strip()))
        else:
            found.append(Test(name, 0, points, f"{name} is not defined"))
    return found


def score(result: Grade) -> str:
    """The last line."""
    steps = f"{result.verdict.right} of {len(result.verdict.steps)} steps right"
    if result.rubric is None:
        return steps
    return f"{steps}, {result.points:g} of {result.max_points:g} points"


def _line(step: StepVerdict) -> str:
    function = step.step.partition(".")[0]
    whole = function in WHOLE and not step.text.startswith(function)
    return f"{'right' if step.ok else 'wrong'}  {f'{function}: ' if whole else ''}{step.text}"
