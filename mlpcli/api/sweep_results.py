"""The results of a sweep: its configs ranked, and which of them the best is significantly above."""

import shlex
from collections.abc import Sequence
from itertools import combinations
from statistics import fmean
from typing import Any, NamedTuple

from mlpcli.api import compare, significance
from mlpcli.api.compare import SIGNIFICANCE_LEVEL
from mlpcli.api.eval import Evaluation, Subject
from mlpcli.api.significance import Summary
from mlpcli.api.sweep import Planned
from mlpcli.api.sweep_command import command
from mlpcli.api.sweep_plan import Trial, data_key
from mlpcli.api.sweep_progress import record_of
from mlpcli.config.load import flat_settings
from mlpcli.config.schema import Config, Metric
from mlpcli.data.dataset import Split
from mlpcli.errors import CheckFailed, CheckpointError, MlpError
from mlpcli.runs.record import RunRecord
from mlpcli.runs.selection import Selection
from mlpcli.training.loader import load_split, split_rows

MAX_EVALUATED = 100  # configs of one seed each that are compared image by image
MAX_PAIRS = 5000  # of configs of several seeds, all of which are compared


class Row(NamedTuple):
    """One config of a sweep, with its trials."""

    rank: int | None  # from 1; None where some trial has not finished
    parameters: dict[str, Any]  # by dotted key, those that differ between configs
    seeds: dict[int, float | None]  # by seed, the best value of the metric; None: not finished
    runs: tuple[str, ...]  # folders of the trials
    status: str  # finished, paused, failed, interrupted, running or waiting
    reason: str  # why it failed
    mean: float | None  # of the metric
    summary: Summary | None  # over the seeds, of at least two
    seconds: float | None  # of a trial, mean
    difference: float | None = None  # from the best, over the seeds that both have
    p_holm: float | None = None  # of the difference from the best, corrected for all pairs

    @property
    def verdict(self) -> str:
        """Compared with the best: "best", "worse", "cannot tell", or "" where it has no rank."""
        if self.rank is None:
            return ""
        if self.rank == 1:
            return "best"
        return (
            "worse"
            if self.p_holm is not None and self.p_holm < SIGNIFICANCE_LEVEL
            else "cannot tell"
        )


class Results(NamedTuple):
    """A sweep's configs, best first."""

    sweep: str  # its folder
    metric: Metric
    rows: tuple[Row, ...]
    test: str | None  # paired-t or mcnemar; None where there was none to make
    no_test: str  # why
    pairs: int  # for which the p-values are corrected
    best: Config | None  # the winner's, with its first seed
    command: str | None  # that trains the winner
    confirm: str | None  # that trains it on seeds which did not choose it; None without a rival

    @property
    def correction(self) -> str:
        """Whose method corrected the p-values."""
        return "Holm" if self.pairs <= MAX_PAIRS else "Bonferroni"

    def count(self, status: str) -> int:
        """The configs with this status."""
        return sum(row.status == status for row in self.rows)


def results(planned: Planned, *, offline: bool = False) -> Results:
    """What a sweep has found so far; raises CheckpointError."""
    lost = planned.folder.load_lost()
    groups: dict[str, list[Trial]] = {}
    for trial in planned.trials:
        groups.setdefault(trial.group, []).append(trial)
    varied = _varied(planned.trials)
    rows = [_row(planned, members, varied, lost) for members in groups.values()]
    members = list(groups.values())
    whole = [i for i, row in enumerate(rows) if row.status == "finished"]
    whole.sort(key=lambda i: -(rows[i].mean or 0.0))  # equal ones stay in the order of the plan
    test, reason, p_values = _tested(planned, [rows[i] for i in whole], offline=offline)
    ranked = [
        rows[i]._replace(
            rank=rank,
            difference=_difference(rows[i], rows[whole[0]]),
            p_holm=p_values.get(rank - 1),
        )
        for rank, i in enumerate(whole, 1)
    ]
    others = [row for row in rows if row.status != "finished"]
    others.sort(key=lambda row: -(row.mean or 0.0))
    best = members[whole[0]] if whole else None
    n = len(whole)
    confirm = f"mlp sweep show {shlex.quote(str(planned.folder))} --confirm 5"
    return Results(
        sweep=str(planned.folder),
        metric=planned.metric,
        rows=(*ranked, *others),
        test=test,
        no_test=reason,
        pairs=n * (n - 1) // 2,
        best=best[0].config if best else None,
        command=command(best[0].config) if best else None,
        confirm=confirm if n > 1 else None,
    )


def require_success(found: Results) -> None:
    """Raise CheckFailed where a trial has failed."""
    if failed := found.count("failed"):
        plural = "s" * (failed != 1)
        raise CheckFailed(
            f"{found.sweep}: {failed} config{plural} failed; the same command tries again"
        )


def _varied(trials: Sequence[Trial]) -> list[str]:
    """The keys that have several values; where there is only one config, all."""
    keys = list(dict.fromkeys(key for trial in trials for key in trial.parameters))
    configs = [flat_settings(trial.config) for trial in trials]
    return [key for key in keys if len({str(each.get(key)) for each in configs}) > 1] or keys


def _parameters(trial: Trial, keys: Sequence[str]) -> dict[str, Any]:
    """A trial's values of these keys; the config's where a sweep that was extended names none."""
    every = flat_settings(trial.config)
    return {key: trial.parameters.get(key, every.get(key)) for key in keys}


def _difference(row: Row, best: Row) -> float:
    """Mean over the seeds that both have, as the test pairs them, or between their means."""
    pairs = [
        (row.seeds[seed] or 0, best.seeds[seed] or 0) for seed in best.seeds.keys() & row.seeds
    ]
    return fmean(a - b for a, b in pairs) if pairs else (row.mean or 0) - (best.mean or 0)


def _row(planned: Planned, members: list[Trial], varied: list[str], lost: dict[str, str]) -> Row:
    records = {m.address: record_of(planned.folder.trial(m.address)) for m in members}
    values: dict[int, float | None] = {}
    for member in members:
        record = records[member.address]
        whole = record and record.status in ("finished", "paused") and record.best
        values[member.config.seed] = (
            record.best.validation(planned.metric) if record and record.best and whole else None
        )
    reasons = [_reason(records[m.address], lost.get(m.address)) for m in members]
    states = [record.status if record else "waiting" for record in records.values()]
    status = "finished" if set(states) == {"finished"} else _status(states, reasons)
    known = [value for value in values.values() if value is not None]
    is_whole = len(known) == len(values)
    seconds = [record.seconds for record in records.values() if record]
    return Row(
        rank=None,
        parameters=_parameters(members[0], varied),
        seeds=values,
        runs=tuple(str(planned.folder.trial(member.address)) for member in members),
        status=status,
        reason=next(filter(None, reasons), ""),
        mean=fmean(known) if is_whole else None,
        summary=significance.accuracy_summary(known) if is_whole and len(known) > 1 else None,
        seconds=fmean(seconds) if seconds else None,
    )


def _reason(record: RunRecord | None, lost: str | None) -> str:
    if record and record.status == "failed":
        return record.error or "failed"
    return "" if record and record.status == "finished" else lost or ""


def _status(states: Sequence[str], reasons: Sequence[str]) -> str:
    """Of a config whose trials have not all finished, that of the trial which is worst off."""
    if any(reasons):
        return "failed"
    order = ("running", "interrupted", "waiting", "paused")
    return next((status for status in order if status in states), states[0])


def _tested(
    planned: Planned, rows: Sequence[Row], *, offline: bool
) -> tuple[str | None, str, dict[int, float]]:
    """The test, why there was none, and by position the p-value of each row and the first."""
    if len(rows) < 2:
        return None, "fewer than two configs have finished", {}
    common = [seed for seed in rows[0].seeds if all(seed in row.seeds for row in rows)]
    if len(common) > 1:
        return "paired-t", "", _paired_t(rows, common)
    if planned.metric != "accuracy":
        return None, f"one seed each cannot be tested by {planned.metric}; use --seeds", {}
    if len(rows) > MAX_EVALUATED:
        return None, f"more than {MAX_EVALUATED} configs of one seed each; use --seeds", {}
    try:
        ranking = compare.rank_evaluations(_evaluations(planned, rows, offline=offline))
    except MlpError as err:
        return None, f"one seed each, and their images cannot be compared: {err}", {}
    p_values = {rival.comparison.runs[1]: rival.p_holm for rival in ranking.rivals}
    return "mcnemar", "", {i: p_values[row.runs[0]] for i, row in enumerate(rows) if i}


def _paired_t(rows: Sequence[Row], seeds: Sequence[int]) -> dict[int, float]:
    """By position, the corrected p-value of each row and the first.

    Holm's correction needs the tests of all pairs. Bonferroni's, which needs only those with the
    first row, is never smaller, and hardly larger where the pairs are many.
    """

    def p_value(i: int, j: int) -> float:
        values = ((rows[j].seeds[seed] or 0) - (rows[i].seeds[seed] or 0) for seed in seeds)
        return significance.paired_t(list(values))

    count = len(rows) * (len(rows) - 1) // 2
    if count > MAX_PAIRS:
        return {j: min(1.0, count * p_value(0, j)) for j in range(1, len(rows))}
    pairs = list(combinations(range(len(rows)), 2))
    corrected = significance.holm([p_value(i, j) for i, j in pairs])
    return {j: p for (i, j), p in zip(pairs, corrected, strict=True) if i == 0}


def _evaluations(planned: Planned, rows: Sequence[Row], *, offline: bool) -> list[Evaluation]:
    """Each config's one run on its validation images, which are read once."""
    splits: dict[str, Split] = {}
    found = []
    by_folder = {str(planned.folder.trial(t.address)): t for t in planned.trials}
    for row in rows:
        trial = by_folder[row.runs[0]]
        key = data_key(trial.config)
        if key not in splits:
            splits[key] = load_split(trial.config, "train", offline=offline)
        images, folder = splits[key], planned.folder.trial(trial.address)
        if folder.load_record().data.sha256 != images.files:
            raise CheckpointError("the training data has changed since")
        if not folder.weights("best").exists():
            raise CheckpointError("not all weights were kept; --keep all keeps them")
        weights, rows_ = folder.load_weights("best"), split_rows(trial.config, images)[1]
        subject = Subject(row.runs[0], "validation", Selection("best"), weights, images, rows_, ())
        found.append(subject.evaluate())
    return found
