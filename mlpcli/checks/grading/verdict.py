"""The verdict on a learner's own backward pass, in the layout that its author probably chose."""

from typing import NamedTuple

import numpy as np

from mlpcli.checks.grading import answers
from mlpcli.checks.grading.answers import WHOLE, Answers, Bias, Notes
from mlpcli.checks.grading.attempts import Attempt, StepVerdict, functions, whole
from mlpcli.checks.ground_truth import ground_truth
from mlpcli.checks.problem import Problem

# kinds of mistakes that a single image cannot show
BATCH_MISTAKES = {"factor", "factor-n", "factor-1/n", "factor-classes", "not-summed", "one-row"}
BATCH_MISTAKES |= {"row-missing", "only-row", "shifted", "stale-h", "stale-z", "batch-summed"}
BATCH_MISTAKES |= {"batch-averaged", "h-reversed", "softmax-axis", "largest", "learning-rate"}


class Part(NamedTuple):
    """The steps of the three functions, of `backward` or of `update`."""

    name: str  # "functions", "backward" or "update"
    accepts: Notes  # layouts with the same result as the one evaluated
    steps: list[StepVerdict]


class GradeVerdict(NamedTuple):
    """The verdict on a file."""

    parts: list[Part]
    missing: Notes  # functions that the file does not define; `update` is no more than `backward`

    @property
    def steps(self) -> list[StepVerdict]:
        """All steps, in the workbook's order."""
        return [step for part in self.parts for step in part.steps]

    @property
    def right(self) -> int:
        """The number of right steps."""
        return sum(step.ok for step in self.steps)

    @property
    def ok(self) -> bool:
        """Whether there are steps and all are right."""
        return self.right == len(self.steps) > 0


def evaluate(
    problem: Problem, calls: Answers, *, strict: bool = False, bias: Bias | None = None
) -> GradeVerdict:
    """The verdict on the results of a file's functions, called with the inputs of a problem.

    problem: without weight decay and dropout; its first image is the one of the layouts with a
    single image. strict: whether gradients alone may be returned, right to all digits. bias: its
    place in W, where the file says that W includes it.
    """
    first = problem._replace(x=problem.x[:1], y=problem.y[:1])
    truths = {False: ground_truth(problem), True: ground_truth(first)}
    attempts: dict[str, list[Attempt]] = {name: [] for name in ("functions", *WHOLE)}
    with np.errstate(all="ignore"):  # the numbers may be anything
        for layout, results in calls.items():
            truth = truths[layout.single]
            if steps := {name: results[name] for name in results if name not in WHOLE}:
                attempts["functions"].append(functions(truth, layout, steps, strict=strict))
            for name in WHOLE:
                if name in results:
                    answer = results[name]
                    attempt = whole(truth, name, layout, answer, strict=strict, bias=bias)
                    attempts[name].append(attempt)
    expected = answers.functions(len(problem.params))
    defined = {name for results in calls.values() for name in results}
    return GradeVerdict(
        parts=[_part(name, part) for name, part in attempts.items() if part],
        missing=tuple(name for name in expected if name not in {*defined, "update"}),
    )


def _part(name: str, attempts: list[Attempt]) -> Part:
    """The part in the layout that its author probably chose."""
    best = max(attempts, key=lambda a: a.progress)
    single = max((a for a in attempts if a.layout.single and a.ok), key=_progress, default=None)
    batch = max((a for a in attempts if not a.layout.single), key=_progress, default=None)
    if single and batch and not batch.ok:
        if _is_for_one_image(single, batch):
            best = _noted(single, "right for one image, not for a batch")
        else:
            form = single.layout.form
            text = f'right for {single.layout.text}; if that is meant, write FORM = "{form}"'
            best = _noted(batch, text)
    best = _with_other_input(best, attempts)
    score = best.shaped, best.right
    same = (a.layout.text for a in attempts if (a.shaped, a.right) == score)
    return Part(name, tuple(same) if best.shaped else (), best.steps)


def _with_other_input(best: Attempt, attempts: list[Attempt]) -> Attempt:
    """The same, naming another forward pass where a layout with fewer images shows it."""
    named = {s.step: s for attempt in attempts for s in attempt.steps if s.kind == "other-h"}
    steps = []
    for s in best.steps:
        better = named.get(s.step, s) if s.kind == "unknown" else s
        steps.append(better._replace(conventions=s.conventions))
    return best._replace(steps=steps)


def _progress(attempt: Attempt) -> tuple[int, int, bool, int]:
    return attempt.progress


def _is_for_one_image(single: Attempt, batch: Attempt) -> bool:
    """Whether functions that are right for one image, and not for a batch, were written for one.

    A vector says so. Rows and columns do if the batch shows none of the mistakes that a batch
    brings; one image as a column, its grad_b not summed, is a common convention.
    """
    if single.layout.examples == "vector":
        return True
    wrong = {step.kind for step in batch.steps if not step.ok}
    notes = {note for step in batch.steps for note in step.conventions}
    is_mean = any(note.startswith(("mean", "1/n")) for note in notes)
    if single.layout.examples == "columns" and not is_mean:
        wrong -= {"not-summed"}
    return not wrong & BATCH_MISTAKES


def _noted(attempt: Attempt, note: str) -> Attempt:
    steps = [step._replace(conventions=(*step.conventions, note)) for step in attempt.steps]
    return attempt._replace(steps=steps)
