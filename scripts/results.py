"""Measure the accuracies in docs/results.md, by the commands listed there.

`make results` measures each row that has not been measured with the committed code and configs. A
finished row is written to docs/results.json, from which the page, its plot and a table in the
README are made, also by `--page` alone; an interrupted row is resumed. The part of the page after
the marker is written by hand and is kept.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from mlpcli.config.load import load_config
from mlpcli.config.shipped import shipped
from mlpcli.show.format import percent

ROOT = Path(__file__).parents[1]
PAGE, FACTS = ROOT / "docs" / "results.md", ROOT / "docs" / "results.json"
PLOT = ROOT / "docs" / "pictures" / "results.svg"
README = ROOT / "README.md"
RUNS = ROOT / "runs" / "results"
MARKER = "<!-- what follows is written by hand -->\n"
OPENED, CLOSED = "<!-- written by make results -->\n", "<!-- to here -->\n"  # in the README
COLD = 5  # processes whose median is reported


class Row(NamedTuple):
    """One line of the page."""

    name: str
    train: str  # config or data set and options of `mlp train`
    goal: str
    seeds: int = 5
    quick: bool = False  # short enough for `make results-quick`
    cold: bool = False  # whether the whole command is timed too
    title: str = ""  # in the README, which shows rows that have one


LONG = "at most 20 minutes per seed"
ROWS = (
    Row("mnist", "mnist", "at least 98.75%", quick=True, title="MNIST"),
    Row(
        "mnist-fast",
        "mnist-fast",
        "98.3% in the least time: one command, cold, at most 4 s on a quiet machine",
        quick=True,
        cold=True,
        title="MNIST, in seconds",
    ),
    Row(
        "mnist-99",
        "mnist-99",
        "99.0% in the least time: one command, cold, at most 25 s with AVX-512, 45 s with AVX2",
        cold=True,
        title="MNIST, 99%",
    ),
    Row("mnist-dropout", "mnist-dropout", "at least 98.85%"),
    Row("mnist-best", "mnist-best", f"at least 99.55%, {LONG}", title="MNIST, augmented"),
    Row("mnist-wide", "mnist-wide", "at least 99.65%, at most 90 minutes", seeds=1),
    Row("fashion-mnist", "fashion-mnist", "at least 90.7%", quick=True, title="Fashion-MNIST"),
    Row(
        "fashion-mnist-best",
        "fashion-mnist-best",
        f"at least 91.8%, {LONG}",
        title="Fashion-MNIST, augmented",
    ),
    Row("kmnist", "kmnist", "none"),
    Row("synth", "synth", "none", quick=True, title="synth"),
    Row(
        "synth-linear", "synth 'network.hidden=[]'", "none", quick=True, title="synth, linear model"
    ),
)

HEAD = """# Results

How well each config does, and how long it takes. This page is written by `make results`, from what
the commands print. The accuracy is that of test images, which training never reads: the mean over
the seeds, mostly five, and in brackets its 95% interval. The seconds are those of one seed. The
goal is that of the accuracy; "short" says by how many points it is missed.

"""
FIGURE = """
![test accuracy of each row against its seconds of training](pictures/results.svg)

## How each row was measured

`mlp eval` takes the weights that [`--weights auto`](training.md#best-or-last-weights) chooses; rows
that an earlier version measured name theirs. Mean and standard deviation are over the seeds. The
interval is that of the mean, by Student's t: it covers other seeds on the same images. For a single
seed it is Wilson's and covers other images. The
[calibration error](training.md#calibrated-probabilities) is measured on the same images; earlier
versions did not record it. The seconds are the training time of one seed, with validation and
saving, on the machine as it was: the load is the load average at the start. The commands reproduce
a row at its commit.

"""
OVERVIEW = "row|test accuracy|seconds|goal|command"
HEADLINES = "data set|command|test accuracy|seconds per seed"
COLUMNS = "row|goal|mean ± deviation|calibration error|seeds|seconds|commands|commit|machine"


class Failed(Exception):
    """A command exited with a nonzero status; its message is on standard error."""


def main() -> None:
    """Measure the requested rows and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [row.name for row in ROWS]
    parser.add_argument("--rows", nargs="+", choices=names, default=[], metavar="NAME")
    parser.add_argument(
        "--quick", action="store_true", help="measure the short rows with one seed, write no page"
    )
    parser.add_argument(
        "--page", action="store_true", help="write page, plot and README without measuring"
    )
    asked = parser.parse_args()
    rows = [row for row in ROWS if row.name in asked.rows] or list(ROWS)
    if asked.quick:
        quick(rows if asked.rows else [row for row in rows if row.quick])
    elif asked.page:
        write(known())
    else:
        full(rows)


def full(rows: list[Row]) -> None:
    """Measure rows that are not known at this commit, and write file and page after each."""
    for row in rows:
        commit = committed()
        before = known().get(row.name, {})
        if (before.get("commit"), before.get("commands")) == (commit, commands(row)):
            say(f"{row.name}: already measured at {commit}")
            continue
        say(f"{row.name}: {'; '.join(commands(row))}")
        try:
            found = {"commit": commit, **measure(row, RUNS / commit)}
        except Failed:
            say(f"{row.name}: not measured")
            continue
        facts = known() | {row.name: found}  # another process may have written meanwhile
        facts = {row.name: facts[row.name] for row in ROWS if row.name in facts}
        FACTS.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        write(facts)


def known() -> dict[str, Any]:
    """The rows that are measured, by name."""
    return json.loads(FACTS.read_text("utf-8")) if FACTS.exists() else {}


def commands(row: Row, found: dict[str, Any] | None = None) -> list[str]:
    """The commands that measure the row or, with its facts, that reproduce them.

    Facts without `weights` are of a version whose `mlp eval` took the best weights by default.
    """
    seeds = f" --seeds {row.seeds}" if row.seeds > 1 else ""
    judge = ""
    if found and "weights" not in found:
        last = found["commands"][-1].endswith(" --weights last")
        judge = f" --weights {'last' if last else 'best'}"
    return [f"mlp train {row.train}{seeds} --name {row.name}", f"mlp eval {row.name}{judge}"]


def measure(row: Row, folder: Path) -> dict[str, Any]:
    """The facts of a row; its runs are in folder, and are resumed if they exist."""
    out = folder / row.name
    load = round(os.getloadavg()[0], 1)
    seeds = ["--seeds", str(row.seeds)] if row.seeds > 1 else []
    if any(out.glob("**/config.yaml")):
        trained = mlp("train", "--resume", str(out), *seeds)
    else:
        trained = mlp("train", *shlex.split(row.train), *seeds, "--out", str(out))
    judged = mlp("eval", str(out))
    one = out / f"seed-{judged['seeds'][0]['seed']}" if seeds else out
    record = json.loads((one / "run.json").read_text("utf-8"))
    return {
        "commands": commands(row),
        "seeds": [each["seed"] for each in judged["seeds"]] if seeds else [record["seed"]],
        "weights": [each["weights"] for each in judged.get("seeds", [judged])],
        "accuracies": [each["accuracy"] for each in judged.get("seeds", [judged])],
        "calibration_errors": [each["calibration_error"] for each in judged.get("seeds", [judged])],
        "accuracy": judged["accuracy"],
        "sd": judged.get("sd"),
        "ci95": judged["ci95"],
        "seconds": [each["seconds"] for each in trained.get("seeds", [trained])],
        "cold": [
            cold(row, out.with_name(f"{row.name}-cold")) for _ in range(COLD if row.cold else 0)
        ],
        "load": load,
        "environment": record["environment"],
    }


def cold(row: Row, out: Path) -> float:
    """Seconds of a process that trains one seed: imports, data, training and saving."""
    started = time.perf_counter()
    mlp("train", *shlex.split(row.train), "--out", str(out), "--overwrite", "--quiet")
    return round(time.perf_counter() - started, 2)


def quick(rows: list[Row]) -> None:
    """Print each row with one seed."""
    shutil.rmtree(RUNS / "quick", ignore_errors=True)
    for row in (row._replace(seeds=1) for row in rows):
        try:
            found = measure(row, RUNS / "quick")
        except Failed:
            sys.stdout.write(f"{row.name}: not measured\n")
            continue
        seconds = f"{found['seconds'][0]:.1f} s"
        if found["cold"]:
            seconds += f", {statistics.median(found['cold']):.1f} s cold"
        sys.stdout.write(f"{row.name}: {percent(found['accuracy'])}, {seconds}; goal: {row.goal}\n")
        sys.stdout.flush()


def mlp(*words: str) -> dict[str, Any]:
    """The JSON that a command prints; its progress goes to standard error."""
    command = [sys.executable, "-m", "mlpcli", *words, "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        out, _ = process.communicate()
    except KeyboardInterrupt:  # the command got the signal too, and saves its state
        process.wait()
        sys.exit(130)
    if process.returncode in (130, 143):
        sys.exit(process.returncode)
    if process.returncode:
        raise Failed
    found: dict[str, Any] = json.loads(out)
    return found


def committed() -> str:
    """The last commit that changed what is measured; exits if there are uncommitted changes."""
    places = ("mlpcli", "configs", "pyproject.toml")
    if git("status", "--porcelain", "--", *places):
        sys.exit(
            "error: mlpcli, configs: uncommitted changes; commit them, so that rows can name them"
        )
    return git("log", "-1", "--format=%h", "--abbrev=10", "--", *places)


def git(*words: str) -> str:
    """The output of git; exits if it fails."""
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else sys.exit(f"error: {done.stderr}")


def write(facts: dict[str, Any]) -> None:
    """Write the page, keeping its hand-written part, its plot, and the table in the README."""
    import results_plot

    kept = PAGE.read_text("utf-8").partition(MARKER)[2] if PAGE.exists() else ""
    measured = [row for row in ROWS if row.name in facts]
    top = table(OVERVIEW, [overview(row, facts[row.name]) for row in measured])
    rows = table(COLUMNS, [cells(row, facts.get(row.name)) for row in ROWS])
    PAGE.write_text(f"{HEAD}{top}{FIGURE}{rows}\n{MARKER}{kept}", encoding="utf-8")
    shown = {row.name: facts[row.name] for row in measured}
    points = results_plot.points(shown, {row.name: data(row) for row in measured})
    PLOT.write_text(results_plot.draw(points), encoding="utf-8")
    titled = [headline(row, facts[row.name]) for row in measured if row.title]
    before, opened, rest = README.read_text("utf-8").partition(OPENED)
    _, closed, after = rest.partition(CLOSED)
    if not (opened and closed):
        sys.exit(f"error: {README}: the comments around the table of results are missing")
    text = f"{before}{opened}\n{table(HEADLINES, titled)}\n{closed}{after}"
    README.write_text(text, encoding="utf-8")


def data(row: Row) -> str:
    """The name of the row's data set."""
    name = shlex.split(row.train)[0]
    return load_config(name).data.name if name in shipped() else name


def table(columns: str, rows: list[list[str]]) -> str:
    """Rows under the names of their columns, in Markdown."""
    heads = columns.split("|")
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def headline(row: Row, found: dict[str, Any]) -> list[str]:
    """A row of the README's table."""
    return [row.title, f"`mlp train {row.train}`", accuracy(found), seconds(found)]


def overview(row: Row, found: dict[str, Any]) -> list[str]:
    """A row of the table at the top of the page."""
    low, high = map(percent, found["ci95"])
    whole = found["cold"] and f"{statistics.median(found['cold']):.1f} for the whole command"
    time = f"{statistics.fmean(found['seconds']):,.1f}" + (f"; {whole}" if whole else "")
    measured = f"**{percent(found['accuracy'])}** ({low} to {high})"
    return [row.name, measured, time, verdict(row, found), f"`mlp train {row.train}`"]


def verdict(row: Row, found: dict[str, Any]) -> str:
    """The accuracy that is the row's goal, and whether it is reached."""
    match = re.search(r"([\d.]+)%", row.goal)
    if not match:
        return "none"
    short = float(match[1]) - 100 * found["accuracy"]
    return f"{match[0]}, {f'{short:.2f} short' if short > 5e-10 else 'reached'}"


def accuracy(found: dict[str, Any]) -> str:
    """Mean and standard deviation of the seeds."""
    mean = percent(found["accuracy"])
    return mean if found["sd"] is None else f"{mean} ± {percent(found['sd'])}"


def seconds(found: dict[str, Any]) -> str:
    """Of one seed, and of the whole command where that was measured."""
    mean = f"{statistics.fmean(found['seconds']):.1f}"
    if not found["cold"]:
        return mean
    return f"{mean}; {statistics.median(found['cold']):.1f} for the whole command, cold"


def cells(row: Row, found: dict[str, Any] | None) -> list[str]:
    """A row of the page's table."""
    typed = ", ".join(f"`{command}`" for command in commands(row, found))
    if not found:
        return [row.name, row.goal, "not measured", "", "", "", typed, "", ""]
    where = found["environment"]
    machine = (
        f"{where['cpu']}, {where['cores']} cores, load {found['load']}; NumPy {where['numpy']}"
    )
    seeds = ", ".join(map(str, found["seeds"]))
    errors = found.get("calibration_errors")  # unknown in facts of an earlier version
    figures = [accuracy(found), percent(statistics.fmean(errors)) if errors else "", seeds]
    figures.append(seconds(found))
    return [row.name, row.goal, *figures, typed, found["commit"], machine]


def say(text: str) -> None:
    """Report progress on standard error."""
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main()
