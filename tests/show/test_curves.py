import math
import re

import pytest
from rich.text import Text

from mlpcli.show.curves import BRAILLE, Canvas, Curve, Scale, beside, panel

SIZES = [(80, 23), (80, 9), (50, 9), (24, 6), (12, 3)]
TITLE = Text("title")


def falling(n: int, **options: object) -> Curve:
    return Curve(range(1, n + 1), [1 / i for i in range(1, n + 1)], "red", "*", **options)  # type: ignore[arg-type]  # any field


def drawn(*curves: Curve, width: int = 80, height: int = 23, **options: object) -> list[str]:
    ascii_ = bool(options.pop("ascii_", False))
    lines = panel([TITLE], curves, on=Canvas(width, height, ascii_), **options)  # type: ignore[arg-type]  # any option
    return [line.plain for line in lines]


def dots(lines: list[str], rows: int = 4, columns: int = 2) -> list[tuple[int, int]]:
    """The dots below the title as (x, y) from the left and from the top; one for an ASCII line."""
    found = []
    for row, line in enumerate(lines[1:]):
        area = line.partition("│")[2] if rows == 4 else line.partition("|")[2]
        for column, character in enumerate(area):
            bits = ord(character) - BRAILLE
            if rows == 1:
                found += [(column, row)] if character == "*" else []
            elif 0 < bits < 256:
                order = {0: (0, 0), 1: (0, 1), 2: (0, 2), 3: (1, 0), 4: (1, 1), 5: (1, 2)}
                order |= {6: (0, 3), 7: (1, 3)}
                found += [
                    (column * columns + x, row * rows + y)
                    for bit, (x, y) in order.items()
                    if bits >> bit & 1
                ]
    return found


@pytest.mark.parametrize("ascii_", [False, True])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_panel_fills_its_canvas_and_no_more(width: int, height: int, *, ascii_: bool) -> None:
    lines = drawn(falling(300), width=width, height=height, ascii_=ascii_)

    assert len(lines) == max(height, 5)  # two rows of dots are the least
    assert max(map(len, lines)) == width
    assert all(line == line.rstrip() for line in lines)
    assert not ascii_ or "".join(lines).isascii()


@pytest.mark.parametrize("ascii_", [False, True])
def test_the_first_value_is_at_the_left_and_the_largest_at_the_top(*, ascii_: bool) -> None:
    lines = drawn(falling(40), ascii_=ascii_)
    found = dots(lines, 1, 1) if ascii_ else dots(lines)

    per_cell, rows = (1, 20) if ascii_ else (2, 80)
    assert min(found) == (0, 0)
    assert max(found) == ((80 - 7) * per_cell - 1, rows - 1)


def test_a_line_has_no_gap_and_a_dashed_one_has() -> None:
    whole = dots(drawn(falling(4)))
    dashed = dots(drawn(falling(4, dashed=True)))

    assert {x for x, _ in whole} == set(range(146))
    assert 0.4 * len(whole) < len(dashed) < 0.6 * len(whole)
    assert set(dashed) < set(whole)


def test_equal_ratios_have_equal_heights_on_a_logarithmic_scale() -> None:
    curve = Curve([1, 2, 3], [1.0, 0.1, 0.01], "red", "*")

    found = dots(drawn(curve, scale=Scale(log=True)))

    (middle,) = {y for x, y in found if x == 73}
    assert abs(middle - 39.5) < 2  # of 80


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("ratio", [1.001, 1.5, 3, 20, 1e4, 1e9])
@pytest.mark.parametrize("height", [6, 9, 23])
def test_labels_stand_at_their_heights(ratio: float, height: int, *, log: bool) -> None:
    low, high = 0.013, 0.013 * ratio
    lines = drawn(Curve([1, 2], [low, high], "red", "*"), height=height, scale=Scale(log=log))
    rows = height - 3
    scale = math.log if log else float
    labels = {i: line.partition("│")[0].strip() for i, line in enumerate(lines[1 : rows + 1])}
    shown = {i: float(label) for i, label in labels.items() if label}

    assert shown
    for row, value in shown.items():
        at = (scale(high) - scale(value)) / (scale(high) - scale(low)) * (rows - 0.25)
        assert abs(at - row) < 1.01, (row, value)


def test_epochs_stand_below_their_columns() -> None:
    marks = {1: "a", 10: "b", 20: "c"}
    curve = Curve(range(1, 21), [float(i) for i in range(20)], "red", "*", marks=marks)
    lines = drawn(curve)
    columns = {mark: line.index(mark) for line in lines[1:-2] for mark in "abc" if mark in line}
    numbers = {int(m[0]): m.span() for m in re.finditer(r"\d+", lines[-1])}

    assert numbers[1][0] == columns["a"]
    assert numbers[10][0] <= columns["b"] < numbers[10][1]
    assert numbers[20][1] == columns["c"] + 1


def test_a_single_epoch_and_a_constant_are_drawn() -> None:
    point = drawn(Curve([1], [0.5], "red", "*", marks={1: "●"}))
    level = dots(drawn(Curve([1, 2, 3], [0.5, 0.5, 0.5], "red", "*")))

    assert "●" in "".join(point)
    assert {"0.5"} == set(re.findall(r"0\.\d+", "".join(point)))
    assert len({y for _, y in level}) == 1


def test_the_longest_title_that_fits_is_shown() -> None:
    titles = [Text("x" * n) for n in (90, 70, 10)]
    curve = falling(3)

    shown = [
        panel(titles, [curve], on=Canvas(width, 9, ascii_=False))[0].plain for width in (80, 24)
    ]

    assert shown == ["x" * 70, "x" * 10]


def test_a_curve_has_its_color_and_the_axis_is_faint() -> None:
    first, second = (falling(3)._replace(style=style) for style in ("red", "blue"))
    lines = panel([TITLE], [first, second], on=Canvas(80, 9, ascii_=False))

    styles = {str(span.style) for line in lines for span in line.spans}
    assert styles == {"dim", "blue"}  # the second lies on the first


def test_two_panels_stand_side_by_side() -> None:
    canvas = Canvas(30, 9, ascii_=False)
    left, right = (panel([Text(name)], [falling(5)], on=canvas) for name in ("one", "other"))

    both = beside(left, right, width=32)

    assert [line.plain[32:] for line in both] == [line.plain for line in right]
    assert [line.plain[:30].rstrip() for line in both] == [line.plain for line in left]
