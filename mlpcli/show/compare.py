"""The output of `mlp compare`: accuracies, their differences, and which are significant."""

from collections.abc import Sequence
from typing import Any

from mlpcli.api.compare import SIGNIFICANCE_LEVEL, Comparison, Ranking
from mlpcli.runs.selection import Selection
from mlpcli.show import selection
from mlpcli.show.format import Block, counted, json_object, percent, points, probability, subject

TESTS = {
    "mcnemar-exact": "McNemar's exact test",
    "mcnemar-mid-p": "McNemar's mid-p test",
    "paired-t": "paired t test",
}


def as_blocks(result: Comparison) -> list[Block]:
    """A table of both runs, the test, and the verdict on the second."""
    a, b = result.runs
    rows = [["", "accuracy"], [a, percent(result.accuracy[0])], [b, percent(result.accuracy[1])]]
    if result.only:
        only = ("only this run correct", *map("{:,}".format, result.only))
        rows = [[*row, cell] for row, cell in zip(rows, only, strict=True)]
    low, high = map(points, result.ci95)
    verdict = {
        "better": f"{b} is better than {a}",
        "worse": f"{b} is worse than {a}",
        "cannot tell": f"cannot tell which is better (p of {SIGNIFICANCE_LEVEL} or more)",
    }
    return [
        _head(result, result.weights),
        rows,
        f"difference: {points(result.difference)} points (95% interval {low} to {high})",
        f"{probability(result.p)}, {TESTS[result.test]}, {_members(result)}",
        f"verdict: {verdict[result.verdict]}",
    ]


def as_json(result: Comparison) -> str:
    """The same as one JSON object."""
    values = result._asdict() | {"verdict": result.verdict}
    values[f"{values.pop('kind')}s"] = values.pop("numbers")
    values["selections"] = [_selections(each) for each in result.selections]
    return json_object(values)


def ranking_as_blocks(result: Ranking) -> list[Block]:
    """A table of more than two runs, each compared with the best, and how to read it."""
    pairs = [rival.comparison for rival in result.rivals]
    rows = [
        ["", "accuracy", "verdict", "difference", "95% interval", "p"],
        [result.best, percent(max(result.accuracy)), "best", "", "", ""],
    ]
    for rival in result.rivals:
        pair = rival.comparison
        low, high = map(points, pair.ci95)
        p = probability(rival.p_holm).removeprefix("p = ").removeprefix("p ")
        cells = (rival.verdict, points(pair.difference), f"{low} to {high}", p)
        rows.append([pair.runs[1], percent(pair.accuracy[1]), *cells])
    tests = " or ".join(TESTS[test] for test in sorted({pair.test for pair in pairs}))
    worse = sum(rival.verdict == "worse" for rival in result.rivals)
    unclear = f"cannot tell for {len(pairs) - worse} (p of {SIGNIFICANCE_LEVEL} or more)"
    verdict = f"{result.best} is better than {worse} of the other {len(pairs)}; {unclear}"
    if worse == len(pairs):
        verdict = f"{result.best} is better than all others"
    elif not worse:
        verdict = f"cannot tell which is best (p of {SIGNIFICANCE_LEVEL} or more)"
    return [
        _head(pairs[0], result.weights),
        rows,
        f"difference: from {result.best}, in points; the intervals are not corrected",
        f"p: {tests}, {_members(pairs[0])}; corrected for {result.pairs} pairs of runs (Holm)",
        f"verdict: {verdict}",
    ]


def ranking_as_json(result: Ranking) -> str:
    """The same as one JSON object."""
    pair = result.rivals[0].comparison
    rivals = [
        {
            "run": rival.comparison.runs[1],
            "accuracy": rival.comparison.accuracy[1],
            "difference": rival.comparison.difference,
            "ci95": rival.comparison.ci95,
            "test": rival.comparison.test,
            "p": rival.comparison.p,
            "p_holm": rival.p_holm,
            "only": rival.comparison.only,
            "verdict": rival.verdict,
            "selection": _selections(rival.comparison.selections[1]),
        }
        for rival in result.rivals
    ]
    return json_object(
        {
            "runs": result.runs,
            "data": pair.data,
            "split": pair.split,
            "weights": result.weights,
            "n": pair.n,
            "accuracy": result.accuracy,
            "best": result.best,
            "comparisons": rivals,
            "pairs": result.pairs,
            f"{pair.kind}s": pair.numbers,
            "selection": _selections(pair.selections[0]),
        }
    )


def failure(pair: Comparison, p: float) -> str:
    """Why `--fail-if-worse` fails: the second run of a pair is worse by that p-value."""
    a, b = pair.runs
    lost = points(-pair.difference).removeprefix("+")
    return f"{b}: is worse than {a} by {lost} points ({probability(p)})"


def _head(pair: Comparison, weights: str) -> str:
    images = f"{subject(pair.split, pair.data)}, {counted(pair.n, 'image')}"
    return f"{images}, {selection.named(weights)}"


def _selections(found: Sequence[Selection]) -> Any:
    """What `auto` took of a run, or of each of several seeds or folds."""
    values = [selection.as_json(each) for each in found]
    return values if len(values) > 1 else values[0]


def _members(pair: Comparison) -> str:
    """The seeds or folds that were compared, in words."""
    numbers = ", ".join(map(str, pair.numbers))
    return f"{pair.kind}s {numbers}" if numbers else "one seed each"
