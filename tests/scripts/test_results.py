"""The page of results is written from what the program itself prints."""

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType as Script
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.cli.outcome import call

Capture = pytest.CaptureFixture[str]
Asked = list[tuple[str, ...]]  # the words of each command
SCRIPT = Path(__file__).parents[2] / "scripts" / "results.py"


@pytest.fixture(autouse=True)
def _beside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The script imports the plot, which lies beside it."""
    monkeypatch.syspath_prepend(str(SCRIPT.parent))


def load() -> Script:
    spec = importlib.util.spec_from_file_location("results", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def results(tmp_path: Path, dots: str) -> Script:
    """A new copy of the script, with short rows and all that it writes in a folder of its own."""
    module = load()
    (tmp_path / "README.md").write_text(f"Before\n{module.OPENED}old\n\n{module.CLOSED}after\n")
    words = f"--set data.name={dots} --set 'network.hidden=[8]' --epochs 2"
    rows = (
        module.Row("dots", words, "none", seeds=2, quick=True, title="Dots"),
        module.Row("one", words, "at least 50%", seeds=1, cold=True),
        module.Row("none", "no-such-config", "none"),
    )
    vars(module).update(
        ROWS=rows,
        COLD=1,
        PAGE=tmp_path / "results.md",
        PLOT=tmp_path / "results.svg",
        README=tmp_path / "README.md",
        FACTS=tmp_path / "results.json",
        RUNS=tmp_path / "results",
        committed=lambda: "0123456789",
    )
    return module


def run(results: Script, *words: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["results.py", *words])
        results.main()


def table(results: Script, place: int = 1) -> dict[str, list[str]]:
    """The cells of each row of a table of the page, by the row's name; 0: the one at the top."""
    lines = results.PAGE.read_text().split("results.svg)")[place].splitlines()
    cells = [line.strip("|").split("|") for line in lines if line.startswith("|")]
    return {name.strip(): [cell.strip() for cell in rest] for name, *rest in cells}


@pytest.mark.slow
def test_rows_are_measured_once_and_the_page_keeps_its_notes(
    results: Script, capfd: Capture
) -> None:
    run(results, "--rows", "dots")
    page = results.PAGE.read_text() + "\nWhat was tried.\n"
    results.PAGE.write_text(page)
    before = results.FACTS.read_text()

    run(results, "--rows", "dots")

    assert results.PAGE.read_text() == page
    assert results.FACTS.read_text() == before
    assert capfd.readouterr().err.endswith("dots: already measured at 0123456789\n")
    found = json.loads(before)["dots"]
    goal, accuracy, calibration, seeds, _, commands, commit, _ = table(results)["dots"]
    assert goal == "none"
    shown, seconds, goal, command = table(results, 0)["dots"]
    low, high = map(results.percent, found["ci95"])
    assert shown == f"**{results.percent(found['accuracy'])}** ({low} to {high})"
    assert float(seconds) == pytest.approx(sum(found["seconds"]) / 2, abs=0.05)
    assert (goal, command.startswith("`mlp train --set data.name=")) == ("none", True)
    assert f"dots: {results.percent(found['accuracy'])} in" in results.PLOT.read_text()
    assert accuracy == " ± ".join(results.percent(found[key]) for key in ("accuracy", "sd"))
    errors = found["calibration_errors"]
    assert calibration == results.percent(sum(errors) / len(errors))
    assert (seeds, commit) == ("0, 1", "0123456789")
    assert "--seeds 2 --name dots`, `mlp eval dots`" in commands
    assert table(results)["one"][1] == "not measured"
    before_table, row, after = results.README.read_text().partition("| Dots |")
    assert before_table.startswith(f"Before\n{results.OPENED}\n| data set |")
    assert row
    assert f" | {accuracy} | " in after
    assert after.endswith(f"\n\n{results.CLOSED}after\n")


@pytest.fixture
def asked(results: Script) -> Asked:
    """The commands that the script gives, which run in this process meanwhile."""
    words_of_each: Asked = []

    def mlp(*words: str) -> Any:
        words_of_each.append(words)
        outcome = call(*words, "--json")
        if outcome.status:
            raise results.Failed
        return json.loads(outcome.out)

    vars(results).update(mlp=mlp)
    return words_of_each


def test_an_interrupted_row_goes_on(results: Script, asked: Asked) -> None:
    mlp = results.mlp
    vars(results).update(mlp=lambda *w: mlp(*w) if w[0] == "train" else sys.exit(130))
    with pytest.raises(SystemExit):
        run(results, "--rows", "dots")
    assert not results.FACTS.exists()
    vars(results).update(mlp=mlp)

    run(results, "--rows", "dots")

    out = str(results.RUNS / "0123456789" / "dots")
    assert asked[1:] == [("train", "--resume", out, "--seeds", "2"), ("eval", out)]
    assert len(json.loads(results.FACTS.read_text())["dots"]["accuracies"]) == 2


def test_a_row_is_judged_by_the_weights_that_auto_takes(results: Script, asked: Asked) -> None:
    run(results, "--rows", "one")

    out = str(results.RUNS / "0123456789" / "one")
    assert ("eval", out) in asked
    assert table(results)["one"][5].endswith(", `mlp eval one`")
    (weights,) = json.loads(results.FACTS.read_text())["one"]["weights"]
    assert weights in ("best", "last")


@pytest.mark.parametrize(("judged", "shown"), [("", "best"), (" --weights last", "last")])
def test_facts_of_an_earlier_version_name_their_weights(
    results: Script, judged: str, shown: str
) -> None:
    found = {"commands": ["mlp train one", f"mlp eval one{judged}"]}

    _, command = results.commands(results.ROWS[1], found)

    assert command == f"mlp eval one --weights {shown}"


@pytest.mark.parametrize(
    ("goal", "accuracy", "said"),
    [
        ("at least 98.75%, in 3 s", 0.9864, "98.75%, 0.11 short"),
        ("at least 98.75%", 0.9875, "98.75%, reached"),
        ("99.0% in the least time", 0.9911, "99.0%, reached"),
        ("none", 0.5, "none"),
    ],
)
def test_a_goal_is_reached_or_missed_by_so_much(
    results: Script, goal: str, accuracy: float, said: str
) -> None:
    row = results.ROWS[1]._replace(goal=goal)

    assert results.verdict(row, {"accuracy": accuracy}) == said


@pytest.mark.usefixtures("asked")
def test_a_row_that_cannot_be_measured_is_said_to_be_so(results: Script, capfd: Capture) -> None:
    run(results, "--rows", "none", "one")

    assert "none: not measured\n" in capfd.readouterr().err
    cells = table(results)
    assert cells["none"][1] == "not measured"
    assert cells["one"][3] == "0"
    assert cells["one"][4].endswith(" for the whole command, cold")


@pytest.mark.usefixtures("asked")
def test_quick_prints_a_seed_and_writes_no_page(results: Script, capfd: Capture) -> None:
    run(results, "--quick")

    out = capfd.readouterr().out
    assert out.startswith("dots: ")
    assert out.endswith(" s; goal: none\n")
    assert not results.PAGE.exists()


def test_the_page_and_the_readme_are_those_of_the_facts(tmp_path: Path) -> None:
    script = load()
    for name in ("PAGE", "README", "PLOT"):
        copied = tmp_path / name
        copied.write_bytes(getattr(script, name).read_bytes())
        setattr(script, name, copied)

    run(script, "--page")

    assert script.PAGE.read_bytes() == load().PAGE.read_bytes()
    assert script.README.read_bytes() == load().README.read_bytes()
    assert described(script.PLOT) == described(load().PLOT)


def described(plot: Path) -> list[str]:
    """What a plot shows, in words; another version of matplotlib places it otherwise."""
    return re.findall("<desc>(.*)</desc>", plot.read_text())


def test_the_same_points_give_the_same_plot_with_every_name(tmp_path: Path) -> None:
    import results_plot

    facts = {name: {"seconds": [1.0, 3.0], "accuracy": 0.9, "ci95": (0.89, 0.91)} for name in "ab"}
    points = results_plot.points(facts, {"a": "mnist", "b": "synth"})

    drawn = results_plot.draw(points)

    assert drawn == results_plot.draw(points)
    texts = [
        each.text for each in ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")
    ]
    assert {"a", "b", "mnist", "synth"} <= {*texts}
    assert "#00f0" not in drawn
    assert "prefers-color-scheme: dark" in drawn
