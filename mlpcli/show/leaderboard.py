"""Runs side by side in a report: their scores with the best ones marked, and what differs."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from mlpcli.api.compare import Ranking
from mlpcli.api.run_columns import text
from mlpcli.config.load import flat_settings
from mlpcli.show.format import METRICS, count, fixed, percent, seconds
from mlpcli.show.run_view import RunView, listed, metrics
from mlpcli.training.intervals import OF_METRIC


class Column(NamedTuple):
    """One quantity of each run."""

    name: str
    cells: list[str]
    best: list[bool]  # which cells to mark; none where all are the same


def order(runs: Sequence[RunView], ranking: Ranking | None) -> list[RunView]:
    """The runs, the best first, or as they are where nothing ranks them."""
    if ranking is None:
        return list(runs)
    paths = [ranking.best, *(rival.comparison.runs[1] for rival in ranking.rivals)]
    return sorted(runs, key=lambda run: paths.index(run.analysis.evaluation.run))


def columns(runs: Sequence[RunView], *, comparable: bool) -> list[Column]:
    """Scores, of which the best are marked if they are comparable, sizes and times."""
    analyses = [run.analysis for run in runs]
    scores = [a.evaluation.scores for a in analyses]
    high, low = (max, min) if comparable else (None, None)
    errors = [a.evaluation.calibration.error for a in analyses]
    return [
        *(
            _column(METRICS[m], [s.value(m) for s in scores], percent, high)
            for m in metrics(analyses)
        ),
        _column("loss", [s.loss for s in scores], fixed, low),
        _column("calibration error", errors, percent, low),
        _column("parameters", [a.record.parameters for a in analyses], count),
        _column("epochs", [len(a.metrics) for a in analyses], count),
        _column("training time", [a.record.seconds for a in analyses], seconds, low),
    ]


def _column(
    name: str,
    values: Sequence[Any],
    form: Callable[[Any], str],
    best: Callable[[Sequence[Any]], Any] | None = None,
) -> Column:
    cells = list(map(form, values))
    mark = form(best(values)) if best and len(set(cells)) > 1 else None
    return Column(name, cells, [cell == mark for cell in cells])


def verdict(runs: Sequence[RunView], ranking: Ranking) -> str:
    """What can be said of the best run; runs: the best first, as `order` has them."""
    rivals = list(zip(runs[1:], ranking.rivals, strict=True))
    sure = [run.name for run, rival in rivals if rival.verdict == "worse"]
    unsure = [run.name for run, rival in rivals if rival.verdict != "worse"]
    parts = [f"significantly better than {listed(sure)}"] if sure else []
    parts += [f"not distinguishable from {listed(unsure)}"] if unsure else []
    return ", but ".join(parts)


def whiskers(runs: Sequence[RunView]) -> list[str]:
    """Each accuracy and its 95% interval as lengths on one scale, for CSS."""
    scores = [run.analysis.evaluation.scores for run in runs]
    intervals = [OF_METRIC["accuracy"](each.confusion) for each in scores]
    start = min(low for low, _ in intervals)
    scale = 100 / (max(high for _, high in intervals) - start)
    return [
        f"--low:{scale * (low - start):.1f}%;--at:{scale * (each.accuracy - start):.1f}%;"
        f"--high:{scale * (high - start):.1f}%"
        for each, (low, high) in zip(scores, intervals, strict=True)
    ]


def settings(runs: Sequence[RunView]) -> dict[str, list[str]]:
    """The settings in which the runs differ, with the value of each."""
    flat = [flat_settings(run.analysis.config) for run in runs]
    keys = dict.fromkeys(key for settings in flat for key in settings)
    values = {key: [settings.get(key, "-") for settings in flat] for key in keys}
    return {key: [*map(text, each)] for key, each in values.items() if len({*map(str, each)}) > 1}
