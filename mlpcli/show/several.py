"""Results of several seeds for standard output: each seed, mean, standard deviation, interval."""

from pathlib import Path
from typing import Any

from mlpcli.runs import several
from mlpcli.runs.evaluate import Evaluation
from mlpcli.runs.record import Record
from mlpcli.runs.several import Evaluations
from mlpcli.runs.statistics import Summary
from mlpcli.show.text import as_json, percent, table, training


def trained(folder: Path, runs: dict[Path, Record], *, json: bool) -> str:
    """The results of the trainings of several seeds."""
    facts = [{"seed": run["seed"], **training(place, run)} for place, run in runs.items()]
    found = several.accuracy(each["validation_accuracy"] for each in facts)
    seconds = round(sum(each["seconds"] for each in facts), 3)
    if json:
        statistics = {"validation_accuracy": found.mean, **_spread(found)}
        return as_json({"run": str(folder), **statistics, "seconds": seconds, "seeds": facts})
    rows = [["seed", "validation accuracy", "best epoch", "seconds", "ended by"]]
    for each, run in zip(facts, runs.values(), strict=True):
        best = f"{run['best']['epoch']} of {run['epochs']}"
        accuracy, time = percent(each["validation_accuracy"]), f"{each['seconds']:.1f}"
        rows.append([str(each["seed"]), accuracy, best, time, str(each["ended_by"])])
    lines = [f"run: {folder}", *table(rows), f"validation accuracy: {_mean(found)}"]
    return "\n".join([*lines, f"time: {seconds / found.n:.1f} s a seed"])


def evaluated(folder: Path, evaluations: Evaluations, *, json: bool) -> str:
    """The scores of the runs of several seeds."""
    results, found = evaluations
    one = next(iter(results.values()))
    if json:
        of = {"data": one.data, "split": one.split, "weights": one.weights}
        seeds = [{"seed": seed, **_scores(each)} for seed, each in results.items()]
        statistics = {"accuracy": found.mean, **_spread(found)}
        return as_json({"run": str(folder), **of, **statistics, "seeds": seeds})
    rows = [["seed", "accuracy", "correct", "images", "loss"]]
    for seed, each in results.items():
        s = each.scores
        rows.append([str(seed), percent(s.accuracy), f"{s.correct:,}", f"{s.n:,}", f"{s.loss:.4f}"])
    head = f"{folder} ({one.weights} weights) on the {one.split} split of {one.data}"
    return "\n".join([head, *table(rows), f"accuracy: {_mean(found)}"])


def _spread(found: Summary) -> dict[str, Any]:
    return {"sd": found.sd, "ci95": list(found.ci95)}


def _mean(found: Summary) -> str:
    low, high = map(percent, found.ci95)
    return (
        f"mean {percent(found.mean)}, standard deviation {percent(found.sd)}\n"
        f"95 % interval of the mean: {low} to {high} (t, {found.n} seeds)"
    )


def _scores(each: Evaluation) -> dict[str, Any]:
    scores = each.scores
    return {
        "run": each.run,
        "accuracy": scores.accuracy,
        "loss": scores.loss,
        "correct": scores.correct,
        "n": scores.n,
    }
