import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mlpcli.api.explain import Explained
from mlpcli.checks.explain import example, explain
from mlpcli.checks.problem import Problem
from mlpcli.errors import OutputError
from mlpcli.nn import mlp
from mlpcli.nn.activation import ACTIVATIONS
from mlpcli.show import explain_page, mathml


def every_option() -> Problem:
    problem = example()._replace(activation=ACTIVATIONS["tanh"], weight_decay=0.01)
    return problem._replace(weights=np.array([[2.5]]))


def full_size() -> Problem:
    params = mlp.init((1024, 512, 256, 10), rng=np.random.default_rng(5), dtype="float64")
    return Problem(
        params, np.random.default_rng(6).random((1, 1024)), mlp.one_hot(np.array([4]), 10)
    )


def page(problem: Problem, *, title: str = "here", layer: int | None = None) -> str:
    return explain_page.page(Explained(title, explain(problem), layer))


class Balance(HTMLParser):
    """Fails where tags do not close in order; keeps what refers to elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "link", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, self.getpos()


@pytest.mark.parametrize("make", [example, every_option, full_size])
def test_the_page_is_whole_and_needs_nothing_else(make: Callable[[], Problem]) -> None:
    parser = Balance()
    parser.feed(page(make()))

    assert parser.open == []
    assert not parser.tags & {"script", "iframe", "form"}
    assert all(address.startswith(("data:", "#")) for address in parser.addresses)
    assert {"math", "details", "img"} <= parser.tags


@pytest.mark.parametrize("make", [example, every_option, full_size])
def test_every_formula_is_well_formed(make: Callable[[], Problem]) -> None:
    formulas = re.findall(r"<math.*?</math>", page(make()), re.DOTALL)

    assert len(formulas) > 60
    for formula in formulas:
        ElementTree.fromstring(formula)


def test_steps_stand_in_the_order_of_the_workbooks() -> None:
    ids = re.findall(r'<(?:section|article) id="(\w[\w-]*)"', page(example()))

    assert ids == [
        *["given", "forward", "z1", "h1", "z2", "h2", "z3", "h3", "CE"],
        *["layer-3", "grad_z3", "grad_W3", "grad_b3"],
        *["layer-2", "grad_h2", "grad_z2", "grad_W2", "grad_b2"],
        *["layer-1", "grad_h1", "grad_z1", "grad_W1", "grad_b1"],
    ]


def test_one_layer_can_be_chosen() -> None:
    ids = re.findall(r'<article id="(\w+)"', page(example(), layer=2))

    assert ids == ["z2", "h2", "grad_h2", "grad_z2", "grad_W2", "grad_b2"]


def text_of(markup: str) -> str:
    text = re.sub(r"<[^>]*>", "", markup)
    return text.replace("\N{MINUS SIGN}", "-").replace("\N{PRIME}", "'")


def test_all_numbers_of_a_small_network_are_in_its_formulas() -> None:
    e = explain(example())
    whole = text_of(page(example()))

    for step in e.steps:
        for value in np.ravel(step.value):
            assert f"{value + 0.0:.6g}" in whole, step.name


@pytest.mark.parametrize(
    ("formula", "told"),
    [
        ("h0_1 * W1_1,0 + b1_0", "h1(0)·W1,0(1)+b0(1)"),
        ("0.5 * -0.6 + 0.2", "0.5·(-0.6)+0.2"),
        ("relu(-0.67)", "relu(-0.67)"),
        ("-(1 * log(0.26))", "-(1·log(0.26))"),
        ("grad_h2_1 * (1.06 > 0)", "∇h1(2)·(1.06&gt;0)"),
        ("0.2 - 1", "0.2-1"),
        ("1.5e-07", "1.5·10-7"),
        ("0.1 + [1,021 more: -0.3]", "0.1+[1,021 more: -0.3]"),
        ("tanh'(-0.5)", "tanh'(-0.5)"),
    ],
)
def test_a_formula_of_an_entry_is_set(formula: str, told: str) -> None:
    assert text_of(mathml.entry(formula)) == told


def test_a_large_array_is_shown_by_the_largest_of_each_block() -> None:
    a = np.zeros((1024, 512))
    a[9, 17], a[8, 16] = -3.0, 2.0

    grid = explain_page._grid(a)

    assert grid.shape == (128, 64)
    assert_array_equal(np.argwhere(grid), [[1, 2]])
    assert grid[1, 2] == -3.0


def test_a_title_cannot_become_markup() -> None:
    assert "<script>" not in page(example(), title="<script>alert(1)</script>")


def test_only_its_own_page_is_replaced(tmp_path: Path) -> None:
    other, own = tmp_path / "other.html", tmp_path / "own.html"
    other.write_text("<html>mine</html>")
    result = Explained("here", explain(example()), None)
    explain_page.write(own, result)

    explain_page.claim(own)
    with pytest.raises(OutputError, match="this command has not written it"):
        explain_page.claim(other)
