import re
from collections.abc import Callable
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest

from mlpcli.show import plots, svg
from mlpcli.show.plots import Line
from mlpcli.training.calibration import Bin

BINS = [Bin(i / 5, (i + 1) / 5, 10 * i, 8 * i, (i + 0.5) / 5 if i else 0.0) for i in range(5)]


def line(*values: float, series: int = 0) -> Line:
    return Line(range(1, len(values) + 1), values, series, ring=1)


DRAWN: list[Callable[[str], str]] = [
    lambda name: plots.curves(name, "label", [line(3, 2, 1), line(1, 2, 3, series=7)]),
    lambda name: plots.curves(name, "label", [line(1e-6, 1, 100)], log=True),
    lambda name: plots.curves(name, "label", [line(0.9, 0.99)], percent=True),
    lambda name: plots.reliability(name, "label", BINS, series=2),
    lambda name: plots.reliability(name, "label", BINS, before=BINS, series=2),
]


@pytest.mark.parametrize("draw", DRAWN)
def test_a_plot_has_the_pages_colours_and_font_alone(draw: Callable[[str], str]) -> None:
    text = draw("a")

    colours = {f"--{name}" for name in svg.NAMES.values()}
    assert set(re.findall(r"var\((.*?)\)", text)) <= colours
    assert re.findall(r"#[0-9a-f]{6}\b", text) == []
    assert "font-family" not in text
    assert "http" not in text
    assert len(text) < 30_000


@pytest.mark.parametrize("draw", DRAWN)
def test_identifiers_belong_to_one_plot_and_are_used(draw: Callable[[str], str]) -> None:
    ids = [re.findall(r' id="(.*?)"', draw(name)) for name in ("a", "b")]
    used = re.findall(r'(?:url\(#|href="#)([\w-]+)', draw("a"))

    assert ids[0]
    assert set(used) == set(ids[0])
    assert len(set(ids[0] + ids[1])) == len(ids[0] + ids[1])


def test_the_alternative_is_escaped() -> None:
    text = plots.curves("a", 'of "<b>" & co', [line(1, 2)])

    root = ElementTree.fromstring(text)
    assert (root.get("role"), root.get("aria-label")) == ("img", 'of "<b>" & co')
    assert "<b>" not in text


def test_the_users_own_style_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = DRAWN[0]("a")
    monkeypatch.setitem(matplotlib.rcParams, "axes.facecolor", "black")
    monkeypatch.setitem(matplotlib.rcParams, "lines.linewidth", 9)

    assert DRAWN[0]("a") == plain
    assert matplotlib.rcParams["lines.linewidth"] == 9


@pytest.mark.parametrize("values", [(5.0,), (0.0, 0.0), (1.0, np.nan, 3.0), (np.nan, np.nan)])
@pytest.mark.parametrize("log", [True, False])
def test_odd_curves_are_drawn_without_a_warning(values: tuple[float, ...], log: bool) -> None:
    assert plots.curves("a", "label", [line(*values)], log=log).startswith("<svg")


def test_one_bin_is_enough() -> None:
    bins = [each._replace(n=0, correct=0) for each in BINS[:-1]]

    assert plots.reliability("a", "label", [*bins, BINS[-1]], series=0).startswith("<svg")
