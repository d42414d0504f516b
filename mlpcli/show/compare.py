"""The output of `mlp compare`: both accuracies, their difference, and its significance."""

from mlpcli.api.compare import SIGNIFICANCE_LEVEL, Comparison
from mlpcli.show.format import json_object, percent, points, probability, subject, table

TESTS = {
    "mcnemar-exact": "McNemar's exact test",
    "mcnemar-mid-p": "McNemar's mid-p test",
    "paired-t": "paired t test",
}


def as_text(result: Comparison) -> str:
    """A table of both runs, the test, and the verdict on the second."""
    a, b = result.runs
    rows = [["", "accuracy"], [a, percent(result.accuracy[0])], [b, percent(result.accuracy[1])]]
    if result.only:
        only = ("only this run correct", *map("{:,}".format, result.only))
        rows = [[*row, cell] for row, cell in zip(rows, only, strict=True)]
    low, high = map(points, result.ci95)
    numbers = ", ".join(map(str, result.numbers))
    runs = f"{result.kind}s {numbers}" if numbers else "one seed each"
    verdict = {
        "better": f"{b} is better than {a}",
        "worse": f"{b} is worse than {a}",
        "cannot tell": f"cannot tell which is better (p of {SIGNIFICANCE_LEVEL} or more)",
    }
    return "\n".join(
        [
            f"{subject(result.split, result.data)}, {result.n:,} images, {result.weights} weights",
            *table(rows),
            f"difference: {points(result.difference)} points (95% interval {low} to {high})",
            f"{probability(result.p)}, {TESTS[result.test]}, {runs}",
            f"verdict: {verdict[result.verdict]}",
        ]
    )


def as_json(result: Comparison) -> str:
    """The same as one JSON object."""
    values = result._asdict() | {"verdict": result.verdict}
    values[f"{values.pop('kind')}s"] = values.pop("numbers")
    return json_object(values)
