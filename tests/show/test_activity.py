"""What a command is doing: a line on a terminal when it takes long, and nothing anywhere else."""

import io
import re
import threading
import time
from collections.abc import Generator, Iterator
from types import SimpleNamespace

import pyte
import pytest

from mlpcli import terminal as terminal_
from mlpcli.api.trainer import DataSummary, Event, Stage
from mlpcli.show import activity, live
from mlpcli.terminal import last_line
from tests.show.test_live import Screen, step


class Terminal(io.StringIO):
    """A stream that says that it is a terminal, and what it shows."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        raise OSError

    def lines(self) -> list[str]:
        screen = pyte.Screen(80, 6)
        pyte.Stream(screen).feed(self.getvalue().replace("\n", "\r\n"))
        return [line.rstrip() for line in screen.display if line.strip()]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Standard error, on which a line appears at once."""
    for name in ("CI", "JPY_PARENT_PID", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(activity, "DELAY", 0.0)
    monkeypatch.setattr(activity, "EVERY", 0.001)
    shown = Terminal()
    for module in (activity, terminal_):  # pytest puts its own standard error in place of another
        monkeypatch.setattr(module, "sys", SimpleNamespace(stderr=shown))
    return shown


def drawn(terminal: Terminal, pattern: str) -> str:
    """The line on the terminal, once it matches."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        lines = terminal.lines()
        if lines and re.fullmatch(pattern, lines[-1]):
            return lines[-1]
        time.sleep(0.002)
    raise AssertionError(terminal.lines())


def test_a_line_says_what_is_done_and_goes(terminal: Terminal) -> None:
    with activity.activity("reading mnist"):
        drawn(terminal, r"\S reading mnist  \d+ s")

    assert terminal.lines() == []
    assert not _redrawing()


def test_the_count_is_a_bar(terminal: Terminal) -> None:
    with activity.activity("writing") as shown:
        shown.count = (3, 4)
        line = drawn(terminal, r"\S writing  ━+─+   75%  \d+ s")

    assert (line.count("━"), line.count("─")) == (18, 6)


def test_work_that_counts_gives_its_result(terminal: Terminal) -> None:
    def work() -> Generator[tuple[int, int], None, str]:
        for done in range(3):
            yield done, 2
        drawn(terminal, r"\S working  ━+  100%  \d+ s")
        return "result"

    assert activity.run(work(), "working") == "result"
    assert terminal.lines() == []


def test_several_items_are_counted_and_one_is_not(terminal: Terminal) -> None:
    with activity.activity("doing") as shown:
        assert [(shown.count, item) for item in shown.each("ab")] == [((0, 2), "a"), ((1, 2), "b")]
    with activity.activity("doing") as shown:
        assert [(shown.count, item) for item in shown.each("a")] == [(None, "a")]


def test_the_line_is_there_until_the_first_item(terminal: Terminal) -> None:
    def items() -> Iterator[int]:
        drawn(terminal, r"\S waiting  \d+ s")
        yield 1
        assert terminal.lines() == []
        yield 2

    assert list(activity.until_first(items(), "waiting")) == [1, 2]
    assert list(activity.until_first([], "waiting")) == []


@pytest.mark.parametrize("quiet", [True, False])
def test_nothing_is_written_unless_somebody_looks(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, *, quiet: bool
) -> None:
    if not quiet:
        monkeypatch.setenv("CI", "true")
    with activity.activity("reading", quiet=quiet):
        time.sleep(0.02)
        assert not _redrawing()

    assert terminal.getvalue() == ""


def test_an_error_erases_the_line(terminal: Terminal) -> None:
    def fail() -> None:
        drawn(terminal, r"\S reading  \d+ s")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), activity.activity("reading"):
        fail()

    assert terminal.lines() == []
    assert not _redrawing()


def test_what_takes_a_moment_draws_nothing(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity, "DELAY", 60.0)
    with activity.activity("reading"):
        time.sleep(0.02)

    assert terminal.getvalue() == ""


def test_a_download_has_the_line_for_itself(terminal: Terminal) -> None:
    with activity.activity("reading"):
        drawn(terminal, r"\S reading  \d+ s")
        with last_line():
            before = len(terminal.getvalue())
            assert terminal.lines() == []
            terminal.write("its bar")
            time.sleep(0.02)
            assert terminal.getvalue()[before:] == "its bar"
            terminal.write("\n")
        drawn(terminal, r"\S reading  \d+ s")

    assert terminal.lines() == ["its bar"]


def test_a_terminal_that_goes_does_not_matter(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(text: str) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(terminal, "write", gone)
    with activity.activity("reading"):
        time.sleep(0.02)

    assert not _redrawing()


@pytest.mark.parametrize("columns", [20, 40, 79])
def test_the_line_fits_and_hides_nothing_dangerous(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = activity.Activity("reading \x1b[31m" + 30 * "数")
    shown.count = (1, 2)

    from rich.cells import cell_len

    assert cell_len(shown._text()) < columns
    assert "\x1b" not in shown._text()


def test_without_unicode_the_line_is_ascii(terminal: Terminal) -> None:
    terminal.encoding = "latin-1"
    shown = activity.Activity("reading")
    shown.count = (1, 2)

    assert shown._text().isascii()


def test_a_stage_of_a_training_is_shown_until_the_next_event(terminal: Terminal) -> None:
    screen, seen = Screen(), []

    def events() -> Iterator[Event]:
        yield Stage("reading mnist")
        seen.append(drawn(terminal, r"\S reading mnist  \d+ s"))
        yield DataSummary(10, (28, 28), 10, 1, 1, 1, ())
        yield Stage("checking images and settings")
        seen.append(drawn(terminal, r"\S checking images and settings  \d+ s"))
        yield Stage("")
        assert terminal.lines() == []
        yield step(1)
        assert not _redrawing()

    assert live.watch(events(), screen.console, epochs=2)

    assert len(seen) == 2
    assert screen.shown() == ["data: 10 images of 28x28, 10 classes (1 each), validation 1"]


def _redrawing() -> bool:
    return any(thread.name.startswith("activity") for thread in threading.enumerate())
