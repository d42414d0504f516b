"""Scores of a run, or of each of several with their mean."""

from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any

from mlpcli.api.eval import Evaluation, Evaluations
from mlpcli.config.schema import Metric
from mlpcli.show import selection
from mlpcli.show.format import METRICS as NAMES
from mlpcli.show.format import Block, json_object, percent, pick, subject
from mlpcli.show.junit import Case
from mlpcli.show.markdown import check_table
from mlpcli.show.train import mean_and_interval, spread
from mlpcli.training.intervals import OF_METRIC
from mlpcli.training.scoring import METRICS, ClassScores, Scores, by_class

MAX_MATRIX_CLASSES = 20  # of a larger confusion matrix, the largest entries are listed


def as_blocks(result: Evaluation | Evaluations) -> list[Block]:
    """Accuracy with its interval, scores per class, confusion matrix; of several runs, a table."""
    return _series(result) if isinstance(result, Evaluations) else _single(result)


def as_json(result: Evaluation | Evaluations) -> str:
    """The same as one JSON object."""
    if isinstance(result, Evaluations):
        one = next(iter(result.results.values()))
        images = pick(one, "data", "split") | {"weights": result.weights}
        runs = [
            {result.kind: number, "run": e.run}
            | pick(e.scores, *METRICS, "loss", "correct", "n")
            | probabilities(e)
            | {"weights": e.weights, "selection": selection.as_json(e.selection)}
            for number, e in result.results.items()
        ]
        means = {metric: result.value(metric) for metric in METRICS} | spread(result.summary)
        return json_object({"run": result.run, **images, **means, f"{result.kind}s": runs})
    scores = result.scores
    return json_object(
        {
            **pick(result, "run", "data", "split", "weights"),
            "selection": selection.as_json(result.selection),
            **_metrics(scores),
            **pick(scores, "loss", "correct", "n", "confusion"),
            **probabilities(result),
            "classes": result.classes,
            "per_class": by_class(scores.confusion, result.classes),
        }
    )


def probabilities(e: Evaluation) -> dict[str, Any]:
    """How far the probabilities of a run hold, with its temperature and without it, for JSON."""
    before = {"loss": e.uncalibrated.loss, "calibration_error": e.uncalibrated.error}
    return {
        "calibration_error": e.calibration.error,
        "temperature": e.temperature,
        "uncalibrated": before,
    }


def cases(
    result: Evaluation | Evaluations, thresholds: Iterable[tuple[Metric, float]]
) -> list[Case]:
    """A case for each threshold, which fails if its metric is lower."""
    checks = []
    for metric, least in thresholds:
        got = result.value(metric)
        failure = f"{NAMES[metric]} must be at least {least}, got {got}" if got < least else ""
        checks.append(Case(result.run, f"{NAMES[metric]} at least {least}", failure))
    return checks


def checked_blocks(result: Evaluation | Evaluations, checks: Sequence[Case]) -> list[Block]:
    """The same with a table of the thresholds, if there are some."""
    title, *blocks = as_blocks(result)
    return [title, *([check_table(checks)] if checks else []), *blocks]


def notes(result: Evaluation | Evaluations) -> tuple[str, ...]:
    """How other data was understood and prepared."""
    if isinstance(result, Evaluations):
        return next(iter(result.results.values())).notes
    return result.notes


def mistakes(confusion: list[list[int]], names: tuple[str, ...]) -> list[Block]:
    """The ten largest entries off the diagonal."""
    pairs = [
        (count, names[i], names[j])
        for i, counts in enumerate(confusion)
        for j, count in enumerate(counts)
        if i != j and count
    ]
    rows = [["true", "predicted", "images"]]
    rows += [[true, wrong, str(n)] for n, true, wrong in sorted(pairs, reverse=True)[:10]]
    return ["most frequent mistakes", rows]


def _single(result: Evaluation) -> list[Block]:
    scores = result.scores
    low, high = map(percent, OF_METRIC["accuracy"](scores.confusion))
    confusion = scores.confusion.tolist()
    few = len(result.classes) <= MAX_MATRIX_CLASSES
    return [
        f"{result.run} ({selection.named(result.weights)}) on {subject(result.split, result.data)}",
        f"accuracy: {percent(scores.accuracy)} ({scores.correct:,} of {scores.n:,} correct)",
        f"95% interval: {low} to {high}",
        *(_metric(scores, metric) for metric in METRICS[1:]),
        *_probabilities(result),
        "",
        _classes(by_class(scores.confusion, result.classes)),
        "",
        *(_matrix if few else mistakes)(confusion, result.classes),
    ]


def _metric(scores: Scores, metric: Metric) -> str:
    low, high = map(percent, OF_METRIC[metric](scores.confusion))
    return f"{NAMES[metric]}: {percent(scores.value(metric))} (95% interval {low} to {high})"


def _probabilities(e: Evaluation) -> list[str]:
    """Loss and calibration error, also as they are without the temperature, if there is one."""
    lines = [f"loss: {e.scores.loss:.4f}", f"calibration error: {percent(e.calibration.error)}"]
    if e.temperature is None:
        return lines
    before = f"{e.uncalibrated.loss:.4f}", percent(e.uncalibrated.error)
    lines = [f"{now} ({then} uncalibrated)" for now, then in zip(lines, before, strict=True)]
    return [*lines, f"temperature: {e.temperature:.4g}"]


def _metrics(scores: Scores) -> dict[str, Any]:
    """Each metric and its interval; that of the accuracy has the shorter name."""
    values: dict[str, Any] = {}
    for metric, interval in OF_METRIC.items():
        name = "ci95" if metric == "accuracy" else f"{metric}_ci95"
        values |= {metric: scores.value(metric), name: interval(scores.confusion)}
    return values


def _series(result: Evaluations) -> list[Block]:
    one = next(iter(result.results.values()))
    rows = [[result.kind, "accuracy", "correct", "images", "loss", "ECE"]]
    for number, each in result.results.items():
        s, error = each.scores, percent(each.calibration.error)
        figures = [percent(s.accuracy), f"{s.correct:,}", f"{s.n:,}", f"{s.loss:.4f}", error]
        rows.append([str(number), *figures])
    head = f"{result.run} ({selection.named(result.weights)}) on {subject(one.split, one.data)}"
    errors = [each.calibration.error for each in result.results.values()]
    before = [each.uncalibrated.error for each in result.results.values()]
    return [
        head,
        rows,
        f"accuracy: {mean_and_interval(result.summary, result.kind)}",
        f"calibration error (ECE): mean {percent(fmean(errors))}"
        + f" ({percent(fmean(before))} uncalibrated)" * (before != errors),
    ]


def _classes(scores: list[ClassScores]) -> list[list[str]]:
    rows = [["class", "images", "precision", "recall", "F1"]]
    for s in scores:
        fractions = ["-" if f is None else f"{f:.4f}" for f in (s.precision, s.recall, s.f1)]
        if s.n or s.precision is not None:  # other data may have some of the classes
            rows.append([s.name, str(s.n), *fractions])
    return rows


def _matrix(confusion: list[list[int]], names: tuple[str, ...]) -> list[Block]:
    """Confusion matrix by class number, since names can be long."""
    rows = [["", *map(str, range(len(names)))]]
    rows += [[str(i), *map(str, counts)] for i, counts in enumerate(confusion)]
    return ["rows: true class, columns: predicted class", rows]
