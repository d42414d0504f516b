"""Scores of a run, or of each of several with their mean."""

from mlpcli.api.eval import Evaluation, Evaluations
from mlpcli.show.format import json_object, percent, pick, subject, table
from mlpcli.show.train import mean_and_interval, spread
from mlpcli.training.scoring import ClassScores, by_class, wilson

MAX_MATRIX_CLASSES = 20  # of a larger confusion matrix, the largest entries are listed


def as_text(result: Evaluation | Evaluations) -> str:
    """Accuracy with its interval, scores per class, confusion matrix; of several runs, a table."""
    return _series(result) if isinstance(result, Evaluations) else _single(result)


def as_json(result: Evaluation | Evaluations) -> str:
    """The same as one JSON object."""
    if isinstance(result, Evaluations):
        one = next(iter(result.results.values()))
        images = pick(one, "data", "split", "weights")
        runs = [
            {result.kind: number, "run": e.run} | pick(e.scores, "accuracy", "loss", "correct", "n")
            for number, e in result.results.items()
        ]
        accuracy = {"accuracy": result.accuracy, **spread(result.summary)}
        return json_object({"run": result.run, **images, **accuracy, f"{result.kind}s": runs})
    scores = result.scores
    return json_object(
        {
            **pick(result, "run", "data", "split", "weights"),
            "accuracy": scores.accuracy,
            "ci95": wilson(scores.correct, scores.n),
            **pick(scores, "loss", "correct", "n", "confusion"),
            "classes": result.classes,
            "per_class": by_class(scores.confusion, result.classes),
        }
    )


def notes(result: Evaluation | Evaluations) -> tuple[str, ...]:
    """How other data was understood and prepared."""
    if isinstance(result, Evaluations):
        return next(iter(result.results.values())).notes
    return result.notes


def _single(result: Evaluation) -> str:
    scores = result.scores
    low, high = wilson(scores.correct, scores.n)
    confusion = scores.confusion.tolist()
    few = len(result.classes) <= MAX_MATRIX_CLASSES
    return "\n".join(
        [
            f"{result.run} ({result.weights} weights) on {subject(result.split, result.data)}",
            f"accuracy: {percent(scores.accuracy)} ({scores.correct:,} of {scores.n:,} correct)",
            f"95% interval: {percent(low)} to {percent(high)}",
            f"loss: {scores.loss:.4f}",
            "",
            *_classes(by_class(scores.confusion, result.classes)),
            "",
            *(_matrix if few else _mistakes)(confusion, result.classes),
        ]
    )


def _series(result: Evaluations) -> str:
    one = next(iter(result.results.values()))
    rows = [[result.kind, "accuracy", "correct", "images", "loss"]]
    for number, each in result.results.items():
        s = each.scores
        rows.append(
            [str(number), percent(s.accuracy), f"{s.correct:,}", f"{s.n:,}", f"{s.loss:.4f}"]
        )
    head = f"{result.run} ({one.weights} weights) on {subject(one.split, one.data)}"
    return "\n".join(
        [head, *table(rows), f"accuracy: {mean_and_interval(result.summary, result.kind)}"]
    )


def _classes(scores: list[ClassScores]) -> list[str]:
    rows = [["class", "images", "precision", "recall", "F1"]]
    for s in scores:
        fractions = ["-" if f is None else f"{f:.4f}" for f in (s.precision, s.recall, s.f1)]
        if s.n or s.precision is not None:  # other data may have some of the classes
            rows.append([s.name, str(s.n), *fractions])
    return table(rows)


def _matrix(confusion: list[list[int]], names: tuple[str, ...]) -> list[str]:
    """Confusion matrix by class number, since names can be long."""
    rows = [["", *map(str, range(len(names)))]]
    rows += [[str(i), *map(str, counts)] for i, counts in enumerate(confusion)]
    return ["rows: true class, columns: predicted class", *table(rows)]


def _mistakes(confusion: list[list[int]], names: tuple[str, ...]) -> list[str]:
    """The ten largest entries off the diagonal."""
    pairs = [
        (count, names[i], names[j])
        for i, counts in enumerate(confusion)
        for j, count in enumerate(counts)
        if i != j and count
    ]
    rows = [["true", "predicted", "images"]]
    rows += [[true, wrong, str(n)] for n, true, wrong in sorted(pairs, reverse=True)[:10]]
    return ["most frequent mistakes", *table(rows)]
