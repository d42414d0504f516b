"""The output of `mlp sweep`: its progress, what a dry run tells, and the table of results."""

import sys
import time
from collections.abc import Iterable
from typing import Any

from rich.text import Text

from mlpcli.api.sweep_confirm import Confirmation
from mlpcli.api.sweep_estimate import Estimate
from mlpcli.api.sweep_results import Results, Row
from mlpcli.api.sweep_run import Event
from mlpcli.show.console import console, note, warn
from mlpcli.show.format import (
    METRICS,
    Block,
    counted,
    csv_line,
    json_object,
    percent,
    pick,
    points,
    probability,
    seconds,
    size,
)
from mlpcli.show.live import Panel
from mlpcli.show.train import mean_and_interval, spread
from mlpcli.terminal import is_live

TESTS = {"paired-t": "a paired t test over the seeds", "mcnemar": "McNemar's test, image by image"}


def watch(events: Iterable[Event], *, workers: int, quiet: bool) -> None:
    """Run a sweep to its end, with a line for each trial, or one that is redrawn on a terminal."""
    screen = console()
    panel = Panel(screen) if is_live(sys.stderr) and not quiet else None
    done = kept = failed = trained = total = 0
    best, began = None, time.perf_counter()
    try:
        for event in events:
            if event.status == "begun":
                done, total, trained, began = 0, event.waiting, 0, time.perf_counter()
                if kept and not quiet:
                    note(f"kept: {counted(kept, 'finished trial')}")
                kept = 0
            elif event.status == "kept":
                kept += 1
            elif event.status in ("done", "failed"):
                done, trained = done + 1, trained + 1
                failed += event.status == "failed"
            if event.score is not None and (best is None or event.score > best):
                best = event.score
            trouble = _trouble(event)
            if panel and trouble:
                panel.print(Text(f"warning: {trouble}", style="yellow"))
            elif trouble:
                warn(trouble)
            spent = time.perf_counter() - began
            left = spent / trained * (total - done) if trained else None
            line = _line(done, total, min(workers, total - done), failed, best, left)
            if panel:
                panel.draw([Text(line)[: screen.width - 1]])
            elif event.status in ("begun", "done") and total and not quiet:
                note(line)
    finally:
        if panel:
            panel.erase()


def results_as_blocks(found: Results) -> list[Block]:
    """The table, the test, the winner, and how far to trust it."""
    keys = list(found.rows[0].parameters) if found.rows else []
    names = [_short(key, keys) for key in keys]
    several = any(row.summary for row in found.rows)
    more = ["sd", "95% interval"] if several else []
    head = ["rank", *names, METRICS[found.metric], *more, "seconds", "status"]
    head += ["verdict", "difference", "p"] if found.test else []
    table = [head, *(_cells(row, several=several, tested=bool(found.test)) for row in found.rows)]
    blocks: list[Block] = [f"{found.sweep}: {counted(len(found.rows), 'config')}", table]
    blocks += [f"failed: {_words(row)}: {row.reason}" for row in found.rows if row.reason]
    if found.test:
        pairs = f"corrected for {counted(found.pairs, 'pair')} of configs ({found.correction})"
        blocks.append(f"verdict: against the best, in points, by {TESTS[found.test]}; {pairs}")
    elif found.command:
        blocks.append(f"verdict: no test, {found.no_test}")
    if found.command:
        blocks.append(f"best config: `{found.command}`")
    if found.confirm:
        blocks.append(
            "note: the best of many is partly the luckiest, so its accuracy is optimistic; "
            f"`{found.confirm}` measures it on fresh seeds"
        )
    return blocks


def results_as_json(found: Results) -> str:
    """The same as one JSON object."""
    rows = [
        {
            "rank": row.rank,
            "parameters": row.parameters,
            "status": row.status,
            "error": row.reason or None,
            "mean": row.mean,
            "sd": row.summary and row.summary.sd,
            "ci95": row.summary and row.summary.ci95,
            "seconds": row.seconds,
            "seeds": {str(seed): value for seed, value in row.seeds.items()},
            "runs": row.runs,
            "difference": row.difference,
            "p_holm": row.p_holm,
            "verdict": row.verdict or None,
        }
        for row in found.rows
    ]
    return json_object(
        {
            "sweep": found.sweep,
            "metric": found.metric,
            "test": found.test,
            "pairs": found.pairs,
            "command": found.command,
            "configs": rows,
        }
    )


def results_as_csv(found: Results) -> str:
    """The same as CSV, a line for each config."""
    keys = list(found.rows[0].parameters) if found.rows else []
    numbers = ["mean", "sd", "ci95_low", "ci95_high", "seconds", "p_holm"]
    lines = [csv_line(["rank", *keys, *numbers, "seeds", "status", "verdict"])]
    for row in found.rows:
        over = row.summary
        low, high = over.ci95 if over else (None, None)
        cells = [row.mean, over and over.sd, low, high, row.seconds, row.p_holm]
        values = [str(row.parameters[key]) for key in keys]
        last = [len(row.seeds), row.status, row.verdict]
        lines.append(csv_line([_blank(cell) for cell in [row.rank, *values, *cells, *last]]))
    return "\n".join(lines)


def confirmation_as_blocks(found: Confirmation) -> list[Block]:
    """The winner on fresh seeds, beside its result in the sweep."""
    lines: list[Block] = [
        f"best config: `{found.command}`",
        f"in the sweep: {percent(found.claimed)}",
    ]
    if found.summary:
        lines.append(mean_and_interval(found.summary, "fresh seed"))
    else:
        lines.append(f"fresh seeds: {', '.join(map(percent, found.values))}")
    return lines


def confirmation_as_json(found: Confirmation) -> str:
    """The same as one JSON object."""
    values = pick(found, "sweep", "metric", "command", "claimed", "runs")
    mean = found.summary.mean if found.summary else None
    return json_object({**values, "mean": mean, **spread(found.summary), "seeds": found.seeds})


def estimate_as_blocks(found: Estimate) -> list[Block]:
    """What a sweep would take."""
    duration = "unknown until a trial has finished"
    if found.seconds is not None:
        workers = counted(found.workers, "worker")
        duration = f"{seconds(found.seconds)} on {workers}, from the finished trials"
    return [
        f"sweep: {found.sweep}",
        f"trials: {found.trials:,} of {found.configs:,} configs; {found.finished:,} finished",
        f"epochs: {found.epochs:,} at most",
        f"time: {duration}",
        f"disk: {size(found.disk)} at most",
    ]


def estimate_as_json(found: Estimate) -> str:
    """The same as one JSON object."""
    return json_object(found)


def _trouble(event: Event) -> str:
    if event.trial is None or event.status not in ("failed", "again"):
        return ""
    what = "failed" if event.status == "failed" else "starts again"
    return f"trial {event.trial.address} {what}: {event.reason}"


def _line(
    done: int, total: int, running: int, failed: int, best: float | None, left: float | None
) -> str:
    parts = [f"trials {done}/{total}", f"{running} running"]
    parts += [f"{failed} failed"] if failed else []
    parts += [f"best so far {percent(best)}"] if best is not None else []
    parts += [f"{seconds(left)} left"] if left and done < total else []
    return "  ".join(parts)


def _cells(row: Row, *, several: bool, tested: bool) -> list[str]:
    over = row.summary
    low, high = map(percent, over.ci95) if over else ("", "")
    interval = [percent(over.sd), f"{low} to {high}"] if over else ["", ""]
    verdict = [row.verdict, "", ""]
    if row.p_holm is not None and row.difference is not None:
        p = probability(row.p_holm).removeprefix("p = ").removeprefix("p ")
        verdict[1:] = [points(row.difference), p]
    return [
        "" if row.rank is None else f"{row.rank}",
        *map(_value, row.parameters.values()),
        "" if row.mean is None else percent(row.mean),
        *(interval if several else []),
        "" if row.seconds is None else f"{row.seconds:.1f}",
        row.status,
        *(verdict if tested else []),
    ]


def _value(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _words(row: Row) -> str:
    return " ".join(f"{key}={_value(value)}" for key, value in row.parameters.items())


def _short(key: str, keys: list[str]) -> str:
    """The last part of a key, where no other ends so."""
    name = key.removesuffix(".name").rpartition(".")[2]
    others = [each.removesuffix(".name").rpartition(".")[2] for each in keys]
    return name if others.count(name) == 1 else key


def _blank(cell: Any) -> Any:
    return "" if cell is None else cell
