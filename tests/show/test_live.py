"""The live view, on the screen of a terminal emulator and as lines of text."""

from collections.abc import Iterator
from io import StringIO
from typing import Any

import pyte
import pytest
from rich.console import Console
from rich.text import Text

from mlpcli.api.trainer import Event, Notice
from mlpcli.show import live
from mlpcli.show.live import ASCII, LINES, Pace, Panel
from mlpcli.training.progress import Epoch, Metrics, Progress, Step

ENGINE: Any = None  # the view never looks at it
FAST = Pace(images=21_345.6, left=75.0)


def metrics(epoch: int) -> Metrics:
    return Metrics(
        epoch=epoch,
        train_loss=1 / epoch**2,
        validation_loss=1 / epoch,
        validation_accuracy=1 - 0.1 / epoch,
        validation_macro_f1=1 - 0.2 / epoch,
        lr=0.1,
        seconds=1.0,
        images_per_second=10_000.0,
    )


def step(number: int, *, epoch: int = 3, epochs: int = 12) -> Step:
    """A step of ten in the epoch that follows so many."""
    return Step(
        Progress(
            epoch=epoch,
            step=number,
            loss_sum=0.05 * 128 * number,
            best_epoch=epoch,
            best_score=1 - 0.1 / epoch if epoch else -1.0,
        ),
        steps=10,
        seen=128 * number,
        done=(epoch + number / 10) / epochs,
        loss=0.04,
        engine=ENGINE,
    )


def drawn(width: int, *, epoch: int = 3, glyphs: live.Glyphs = LINES) -> list[str]:
    past = [metrics(n + 1) for n in range(epoch)]
    found = live.lines(step(5, epoch=epoch), past, FAST, epochs=12, width=width, glyphs=glyphs)
    return [line.plain for line in found]


class Screen:
    """A console whose bytes a terminal emulator draws."""

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.Stream(self.screen)
        self._bytes = StringIO()
        self.console = Console(
            file=self._bytes, width=columns, height=rows, force_terminal=True, soft_wrap=True
        )

    def shown(self) -> list[str]:
        self._stream.feed(self._bytes.getvalue().replace("\n", "\r\n"))
        self._bytes.seek(0)
        self._bytes.truncate()
        return [line.rstrip() for line in self.screen.display if line.strip()]


def test_the_panel_shows_how_far_and_how_fast_a_training_goes() -> None:
    assert drawn(79) == [
        "epoch 4/12  ━━━━━━━━━━━━━━━━━━━━━──────────────────────   50%  21,346 images/s",
        "run         ━━━━━━━━━━━━───────────────────────────────   29%  1:15 left",
        "loss        █▄▁                                          0.0500",
        "accuracy    ▁▆█                                          best 96.67% in epoch 3",
    ]


def test_below_60_columns_the_panel_shrinks() -> None:
    assert drawn(49) == [
        "epoch 4/12  ━━━━━━━━━━──────────   50%  21,346/s",
        "run         ━━━━━───────────────   29%  1:15 left",
        "loss        █▄▁                   0.0500",
        "accuracy    ▁▆█                   best 96.67%",
    ]


def test_without_unicode_the_panel_is_drawn_in_ascii() -> None:
    found = "\n".join(drawn(49, glyphs=ASCII))

    assert found.isascii()
    assert "epoch 4/12  ##########----------   50%" in found
    assert "loss        #-_ " in found


@pytest.mark.parametrize("width", [200, 79, 60, 59, 49, 33, 20, 5, 1])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert all(len(line) <= width for line in drawn(width))


def test_before_the_first_epoch_nothing_is_claimed() -> None:
    found = live.lines(step(1, epoch=0), [], Pace(None, None), epochs=12, width=49, glyphs=LINES)

    ends = [" 10%", "  1%", "0.0500", "accuracy"]
    assert all(line.plain.rstrip().endswith(end) for line, end in zip(found, ends, strict=True))


def test_a_sparkline_of_many_epochs_ends_with_the_last_one() -> None:
    assert live.sparkline([float(n) for n in range(1000)], 4, "0123") == "0123"
    assert live.sparkline([0.0] * 99 + [1.0], 5, "_^") == "____^"
    assert live.sparkline([], 5, "_^") == ""
    assert live.sparkline([2.0], 5, "_^") == "_"


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (None, "validation loss 0.5000  accuracy 95.00%  10,000 images/s"),
        (100, "validation loss 0.5000  accuracy 95.00%  10,000 images/s"),
        (80, "validation loss 0.5000  accuracy 95.00%"),
        (50, "accuracy 95.00%"),
    ],
)
def test_an_epochs_line_fits_the_terminal(width: int | None, expected: str) -> None:
    row = live.row(metrics(2), 12, width=width)

    assert row == f"epoch  2/12  loss 0.2500  {expected}"


def test_the_panel_is_drawn_in_place_and_lines_stay_above_it() -> None:
    screen = Screen()
    panel = Panel(screen.console)

    panel.draw([Text("one"), Text("two")])
    panel.print(Text("kept"))
    panel.draw([Text("three"), Text("four")])
    assert screen.shown() == ["kept", "three", "four"]

    panel.erase()
    assert screen.shown() == ["kept"]
    assert (screen.screen.cursor.x, screen.screen.cursor.y) == (0, 1)


def test_an_echoed_interrupt_goes_with_the_panel() -> None:
    screen = Screen()
    panel = Panel(screen.console)

    panel.draw([Text("one"), Text("two")])
    print("^C", end="", file=screen.console.file)
    panel.erase()

    assert screen.shown() == []
    assert screen.screen.cursor.x == 0


def test_a_terminal_made_narrower_keeps_nothing_of_the_wrapped_panel() -> None:
    before, after = Screen(40), Screen(20)
    panel = Panel(before.console)
    panel.draw([Text("a" * 39), Text("b" * 15)])
    wrapped = ["kept", "a" * 20, "a" * 19, "b" * 15]  # as the terminal now has it
    print("\n".join(wrapped), file=after.console.file)

    panel._screen = after.console
    panel.draw([Text("c" * 19)])

    assert after.shown() == ["kept", "c" * 19]


def test_a_terminal_of_few_rows_keeps_the_panel_whole_on_it() -> None:
    screen = Screen(rows=3)
    panel = Panel(screen.console)

    for round_ in range(3):
        panel.draw([Text(f"{name}{round_}") for name in "abcd"])

    assert screen.shown() == ["a2", "b2"]


def test_a_training_leaves_its_epochs_and_warnings_and_no_panel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "EVERY", 0.0)
    screen, seen = Screen(50), []

    def events() -> Iterator[Event]:
        yield Notice("[bold]something looks wrong")
        for epoch in range(2):
            for number in range(1, 11):
                yield step(number, epoch=epoch, epochs=2)
            seen.append(screen.shown())
            yield Epoch(Progress(epoch + 1), metrics(epoch + 1), best=True, engine=ENGINE)

    live.watch(events(), screen.console, epochs=2)

    first = "epoch 1/2  loss 1.0000  accuracy 90.00%"
    told = "warning: [bold]something looks wrong"
    assert seen[0][:2] == [told, seen[0][1]]
    assert seen[0][1].startswith("epoch 1/2  ━━━━━━━━")
    assert seen[1][:2] == [told, first]
    assert screen.shown() == [told, first, "epoch 2/2  loss 0.2500  accuracy 95.00%"]


def test_a_training_that_fails_leaves_no_panel() -> None:
    screen = Screen()

    def events() -> Iterator[Event]:
        yield step(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        live.watch(events(), screen.console, epochs=12)

    assert screen.shown() == []


def test_a_resumed_training_begins_with_the_epochs_before_its_checkpoint() -> None:
    screen, seen = Screen(), []

    def events() -> Iterator[Event]:
        yield step(5, epoch=3)
        seen.append(screen.shown())

    live.watch(events(), screen.console, epochs=12, before=[metrics(n) for n in range(1, 6)])

    assert seen[0][2].split()[:2] == ["loss", "█▄▁"]


def test_another_metric_takes_the_place_of_the_accuracy() -> None:
    shown = live.row(metrics(2), 3, metric="macro_f1")

    assert "  macro F1 90.00%  " in shown
    assert "accuracy" not in shown
