"""The table of runs on terminals of several widths."""

from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from mlpcli.api.run_columns import Entry
from mlpcli.api.runs import Listing, group
from mlpcli.show import run_table

WIDTHS = (30, 40, 50, 80, 100, 200)


def entry(run: str, *, lr: float = 0.1, hidden: tuple[int, ...] = (64,), **more: Any) -> Entry:
    settings = {"optimizer.lr": lr, "network.hidden": list(hidden), "network.dropout": 0.0}
    plain = Entry(run, "synth", "finished", 0.9, 0.3, 3, 1.5, 0, 66250, metric="accuracy")
    return plain._replace(settings=settings, **more)


def member(seed: int, accuracy: float) -> Entry:
    return entry(f"runs/five/seed-{seed}", seed=seed, accuracy=accuracy, series="runs/five")


ENTRIES = [
    entry("runs/first", lr=0.01),
    entry("runs/wide", hidden=(512, 256), tags=("good",), note="as in the paper, without dropout"),
    member(0, 0.91),
    member(1, 0.93),
]


def shown(
    monkeypatch: pytest.MonkeyPatch,
    entries: list[Entry],
    width: int | None,
    *columns: str,
    folder: str = "runs",
) -> list[str]:
    monkeypatch.setattr(run_table, "terminal_width", lambda _: width)
    return run_table.as_text(Listing(Path(folder), group(entries), columns)).splitlines()


def test_a_pipe_gets_the_settings_that_differ_beside_the_fixed_columns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    head, first, wide, five = shown(monkeypatch, ENTRIES, None)

    assert head.split() == [*run_table.FIXED, "hidden", "lr", "tags", "note"]
    assert first.split()[:8] == [
        "runs/first",
        "synth",
        "finished",
        "90.00%",
        "0.3000",
        "3",
        *("1.5", "0"),
    ]
    assert first.split()[8:] == ["64", "0.01", "-", "-"]
    assert wide.endswith("  512,256   0.1  good  as in the paper, without dropout")
    assert five.split()[:4] == ["runs/five", "synth", "finished", "92.00±1.41%"]
    assert five.split()[5:9] == ["3", "3.0", "2", "seeds"]


@pytest.mark.parametrize("width", WIDTHS)
def test_a_terminal_gets_one_table_that_fits(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    lines = shown(monkeypatch, ENTRIES, width)

    table = [line for line in lines if not line.startswith("not shown: ")]
    assert len(table) == 4
    assert max(map(cell_len, table)) <= width
    assert table[0].startswith("run ")
    assert "accuracy" in table[0]
    head = set(table[0].split())
    hidden = lines[4].removeprefix("not shown: ").partition(";")[0] if lines[4:] else ""
    wanted = {*run_table.FIXED, "hidden", "lr", "tags", "note"}
    assert head | set(hidden.replace(" and ", ", ").split(", ")) >= wanted or "more" in hidden
    assert head <= wanted
    assert head == wanted or lines[4].endswith("; --columns all shows them")


def test_what_differs_is_shown_before_what_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    head, *_ = shown(monkeypatch, ENTRIES, 50)

    assert head.split() == ["run", "accuracy", "seed", "hidden", "lr", "tags"]
    failed = ENTRIES[1]._replace(status="failed")
    head, *_ = shown(monkeypatch, [ENTRIES[0], failed], 30)
    assert head.split() == ["run", "status", "accuracy"]


def test_runs_in_the_usual_folder_go_by_name_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, ENTRIES, 80)[1].startswith("first ")
    assert shown(monkeypatch, ENTRIES, 80, folder=".")[1].startswith("runs/first ")
    assert shown(monkeypatch, ENTRIES, None)[1].startswith("runs/first ")


@pytest.mark.parametrize("width", WIDTHS)
def test_long_names_keep_their_ends(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    long = entry(f"runs/{'お' * 30}-of-a-folder-{'x' * 60}-20261130")

    lines = shown(monkeypatch, [long, ENTRIES[0]], width)

    assert lines[1].startswith("おお")
    assert lines[1].split()[0].endswith("1130")
    assert max(map(cell_len, lines[:3])) <= width


def test_columns_that_were_asked_for_are_all_there(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = ("run", "optimizer.lr", "note", "started", "parameters", "train.epochs")

    lines = shown(monkeypatch, ENTRIES, None, *columns)

    assert lines[0].split() == ["run", "lr", "note", "started", "parameters", "train.epochs"]
    narrow = "\n".join(shown(monkeypatch, ENTRIES, 40, *columns))
    assert all(word in narrow for word in lines[0].split())
    assert "as in the paper, without dropout" in narrow


def test_a_metric_other_than_the_accuracy_has_its_column(monkeypatch: pytest.MonkeyPatch) -> None:
    f1 = ENTRIES[0]._replace(metric="macro_f1", macro_f1=0.8123)

    assert "macro_f1" not in shown(monkeypatch, ENTRIES, None)[0]
    head, line = shown(monkeypatch, [f1], None)
    assert "macro_f1" in head
    assert "metric" not in head.split()
    assert "81.23%" in line
    assert "macro_f1" in shown(monkeypatch, [f1], 40)[0]
    mixed = shown(monkeypatch, [f1, ENTRIES[1]], None)
    assert {"macro_f1", "metric"} <= set(mixed[0].split())


def test_a_damaged_run_has_dashes(monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = Entry("runs/torn", None, "damaged")

    lines = shown(monkeypatch, [damaged, ENTRIES[0]], 80)

    assert lines[1].split() == ["torn", "-", "damaged", *["-"] * (len(lines[0].split()) - 3)]
    assert shown(monkeypatch, [], 80) == ["no runs"]
