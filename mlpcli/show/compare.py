"""What `mlp compare` prints: both accuracies, their difference, and whether it is real."""

from mlpcli.runs.compare import SIGNIFICANT, Comparison
from mlpcli.show.text import as_json, percent, table

TESTS = {
    "mcnemar-exact": "McNemar's exact test",
    "mcnemar-mid-p": "McNemar's mid-p test",
    "paired-t": "paired t test",
}


def compared(found: Comparison, *, json: bool) -> str:
    """Two runs and the verdict on the second."""
    if json:
        return as_json({**found._asdict(), "verdict": found.verdict})
    a, b = found.runs
    rows = [["", "accuracy"], [a, percent(found.accuracy[0])], [b, percent(found.accuracy[1])]]
    if found.only:
        alone = ("alone right", *map("{:,}".format, found.only))
        rows = [[*row, cell] for row, cell in zip(rows, alone, strict=True)]
    low, high = found.ci95
    p = f"p = {found.p:.3f}" if found.p >= 0.001 else "p < 0.001"
    of = f"seeds {', '.join(map(str, found.seeds))}" if found.seeds else "one seed each"
    verdict = {
        "better": f"{b} is better than {a}",
        "worse": f"{b} is worse than {a}",
        "cannot tell": f"cannot tell which is better (p of {SIGNIFICANT} or more)",
    }
    return "\n".join(
        [
            f"the {found.split} split of {found.data}, {found.n:,} images, {found.weights} weights",
            *table(rows),
            f"difference: {_points(found.difference)} points"
            f" (95 % interval {_points(low)} to {_points(high)})",
            f"{p}, {TESTS[found.test]}, {of}",
            f"verdict: {verdict[found.verdict]}",
        ]
    )


def _points(difference: float) -> str:
    return f"{100 * difference:+z.2f}"
