"""Measure the accuracies in docs/results.md, by the commands listed there.

`make results` measures each row that has not been measured with the committed code and configs. A
finished row is written to docs/results.json, from which the page and a table in the README are
made; an interrupted row is resumed. The part of the page after the marker is written by hand and
is kept.
"""

import argparse
import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from mlpcli.show.format import percent

ROOT = Path(__file__).parents[1]
PAGE, FACTS = ROOT / "docs" / "results.md", ROOT / "docs" / "results.json"
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
    judge: str = ""  # options of `mlp eval`
    quick: bool = False  # short enough for `make results-quick`
    cold: bool = False  # whether the whole command is timed too
    title: str = ""  # in the README, which shows rows that have one


LONG = "at most 20 minutes per seed"
LAST = "--weights last"  # where the mean validation accuracy of all seeds rises to the end
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
        judge=LAST,
        cold=True,
        title="MNIST, 99%",
    ),
    Row("mnist-dropout", "mnist-dropout", "at least 98.85%", judge=LAST),
    Row(
        "mnist-best", "mnist-best", f"at least 99.55%, {LONG}", judge=LAST, title="MNIST, augmented"
    ),
    Row("mnist-wide", "mnist-wide", "at least 99.65%, at most 90 minutes", seeds=1, judge=LAST),
    Row(
        "fashion-mnist",
        "fashion-mnist",
        "at least 90.7%",
        judge=LAST,
        quick=True,
        title="Fashion-MNIST",
    ),
    Row(
        "fashion-mnist-best",
        "fashion-mnist-best",
        f"at least 91.8%, {LONG}",
        judge=LAST,
        title="Fashion-MNIST, augmented",
    ),
    Row("kmnist", "kmnist", "none"),
    Row("synth", "synth", "none", quick=True, title="synth"),
    Row(
        "synth-linear", "synth 'network.hidden=[]'", "none", quick=True, title="synth, linear model"
    ),
)

HEAD = """# Results

This page is written by `make results`. Each row was measured by the commands listed in it, on test
images that training never reads, with the weights that have the best validation accuracy, or with
the final weights where the command says so.

Mean and standard deviation are over the seeds. The 95% interval is that of the mean, by Student's
t: it covers other seeds on the same images. For a single seed it is Wilson's and covers other
images. A goal of "none" means that the accuracy is only reported. The seconds are the training time
of one seed, including validation and saving. The load is the load average at the start.

"""
HEADLINES = "data set|command|test accuracy|seconds per seed"
COLUMNS = "row|goal|test accuracy|95% interval|seeds|seconds per seed|commands|commit|machine"


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
    parser.add_argument("--page", action="store_true", help="write the page without measuring")
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


def commands(row: Row) -> list[str]:
    """The commands that reproduce the row's accuracy."""
    seeds = f" --seeds {row.seeds}" if row.seeds > 1 else ""
    judge = f" {row.judge}" if row.judge else ""
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
    judged = mlp("eval", str(out), *shlex.split(row.judge))
    one = out / f"seed-{judged['seeds'][0]['seed']}" if seeds else out
    record = json.loads((one / "run.json").read_text("utf-8"))
    return {
        "commands": commands(row),
        "seeds": [each["seed"] for each in judged["seeds"]] if seeds else [record["seed"]],
        "accuracies": [each["accuracy"] for each in judged.get("seeds", [judged])],
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
    """Write the page, keeping its hand-written part, and the table in the README."""
    kept = PAGE.read_text("utf-8").partition(MARKER)[2] if PAGE.exists() else ""
    rows = table(COLUMNS, [cells(row, facts.get(row.name)) for row in ROWS])
    PAGE.write_text(f"{HEAD}{rows}\n{MARKER}{kept}", encoding="utf-8")
    shown = [headline(row, facts[row.name]) for row in ROWS if row.title and row.name in facts]
    before, opened, rest = README.read_text("utf-8").partition(OPENED)
    _, closed, after = rest.partition(CLOSED)
    if not (opened and closed):
        sys.exit(f"error: {README}: the comments around the table of results are missing")
    text = f"{before}{opened}\n{table(HEADLINES, shown)}\n{closed}{after}"
    README.write_text(text, encoding="utf-8")


def table(columns: str, rows: list[list[str]]) -> str:
    """Rows under the names of their columns, in Markdown."""
    heads = columns.split("|")
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def headline(row: Row, found: dict[str, Any]) -> list[str]:
    """A row of the README's table."""
    _, _, accuracy, _, _, seconds, *_ = cells(row, found)
    return [row.title, f"`mlp train {row.train}`", accuracy, seconds]


def cells(row: Row, found: dict[str, Any] | None) -> list[str]:
    """A row of the page's table."""
    typed = ", ".join(f"`{command}`" for command in commands(row))
    if not found:
        return [row.name, row.goal, "not measured", "", "", "", typed, "", ""]
    accuracy = percent(found["accuracy"])
    if found["sd"] is not None:
        accuracy += f" ± {percent(found['sd'])}"
    seconds = f"{statistics.fmean(found['seconds']):.1f}"
    if found["cold"]:
        seconds += f"; {statistics.median(found['cold']):.1f} for the whole command, cold"
    where = found["environment"]
    machine = (
        f"{where['cpu']}, {where['cores']} cores, load {found['load']}; NumPy {where['numpy']}"
    )
    return [
        row.name,
        row.goal,
        accuracy,
        " to ".join(map(percent, found["ci95"])),
        ", ".join(map(str, found["seeds"])),
        seconds,
        typed,
        found["commit"],
        machine,
    ]


def say(text: str) -> None:
    """Report progress on standard error."""
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main()
