"""The report in Chromium, as it is seen, printed and walked through by keyboard."""

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mlpcli.api.report import Analysis
from mlpcli.show import report
from tests.show.chromium import MARKS, launched, opened

VIEWS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "tablet": {"viewport": {"width": 768, "height": 1024}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light"},
}
SHOWN = "figure, img, svg.plot, table.confusion, .whisker, h1, h2, h3, pre"

CONTRAST = """() => {
  const parts = text => text.match(/[\\d.]+/g).map(Number);
  const paper = parts(getComputedStyle(document.body).backgroundColor);
  const light = rgb => {
    const [r, g, b] = rgb.map(v => v / 255)
      .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const ground = style => {
    const [r, g, b, opacity = 1] = parts(style.backgroundColor);
    return [r, g, b].map((v, i) => opacity * v + (1 - opacity) * paper[i]);
  };
  return [...document.querySelectorAll(
      'p, h1, h2, h3, th, td, dt, dd, small, a:not(.skip), summary, figcaption, pre, svg text')]
    .map(e => {
      const style = getComputedStyle(e), svg = e.ownerSVGElement;
      const ink = light(parts(svg ? style.fill : style.color).slice(0, 3));
      const under = light(svg ? paper : ground(style));
      const ratio = (Math.max(ink, under) + .05) / (Math.min(ink, under) + .05);
      return [e.tagName, e.className, ratio];
    })
    .filter(([, , ratio]) => !(ratio >= 4.5));
}"""

pytestmark = MARKS


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched() as found:
        yield found


@pytest.fixture(scope="module")
def file(analyses: list[Analysis], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on two runs."""
    path = tmp_path_factory.mktemp("pages") / "report.html"
    report.write(path, analyses)
    return path


@pytest.fixture(scope="module")
def single(analyses: list[Analysis], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on one run, whose last class is taken for the first in 10 of 1000 images."""
    evaluation = analyses[0].evaluation
    confusion = 1000 * np.eye(len(evaluation.classes), dtype=int)
    confusion[-1, 0], confusion[-1, -1] = 10, 990
    scores = evaluation.scores._replace(confusion=confusion)
    path = tmp_path_factory.mktemp("pages") / "single.html"
    report.write(path, [analyses[0]._replace(evaluation=evaluation._replace(scores=scores))])
    return path


@pytest.fixture(params=VIEWS)
def view(request: pytest.FixtureRequest, browser: Any, file: Path) -> Iterator[Any]:
    yield from opened(browser, file, VIEWS[request.param])


@pytest.fixture
def page(browser: Any, file: Path) -> Iterator[Any]:
    yield from opened(browser, file, VIEWS["light"])


def color(cell: Any) -> Any:
    """The color beside a cell's text, as it is on the screen."""
    return pixels(cell)[4, 4]


def right_edge(element: Any) -> float:
    """How light the right edge of an element is, from 0 to 255, beside its text and lines."""
    return float(np.median(pixels(element)[:, -3:].mean(axis=(1, 2))))


def pixels(element: Any) -> Any:
    image = Image.open(BytesIO(element.screenshot()))
    return np.asarray(image.convert("RGB")).astype(int)


def test_it_says_nothing_and_asks_for_nothing(view: Any) -> None:
    view.mouse.wheel(0, 100_000)
    for summary in view.locator("summary").all():
        summary.click()
    view.wait_for_load_state("networkidle")

    assert view.said == []
    assert view.evaluate("window.caught") is None


def test_everything_is_visible_and_nothing_is_cut_off(view: Any) -> None:
    boxes = view.locator(SHOWN).evaluate_all(
        "all => all.map(e => [e.tagName, ...Object.values(e.getBoundingClientRect().toJSON())])"
    )
    images = view.locator("img").evaluate_all("all => all.map(e => e.naturalWidth)")
    width = view.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")

    assert len(boxes) > 50
    assert [box for box in boxes if not (box[3] > 0 and box[4] > 0)] == []
    assert all(images)
    assert width[0] <= width[1], "the page scrolls sideways"


@pytest.mark.parametrize("name", VIEWS)
def test_a_single_run_fits_the_screen(browser: Any, single: Path, name: str) -> None:
    for page in opened(browser, single, VIEWS[name]):
        tiles = page.locator(".tiles > div").evaluate_all("all => all.map(e => e.offsetTop)")
        width = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        contrast = page.evaluate(CONTRAST)

        assert width[0] <= width[1], "the page scrolls sideways"
        assert len(tiles) == 6
        assert len(set(tiles)) == (3 if name == "phone" else 2), "rows of tiles"
        assert contrast == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_ten_mistakes_in_a_thousand_are_seen(browser: Any, single: Path, scheme: str) -> None:
    for page in opened(browser, single, VIEWS[scheme]):
        row = page.locator("table.confusion tbody tr").last.locator("td")
        ten, none = (color(row.nth(i)) for i in (0, 1))

        assert row.nth(0).inner_text() == "10"
        assert np.abs(ten - none).max() >= 32  # of 255


def test_the_axes_of_the_matrix_are_named(browser: Any, single: Path) -> None:
    for page in opened(browser, single, VIEWS["phone"]):
        columns, rows = (
            page.locator(f"table.confusion th[scope={each}group]") for each in ("col", "row")
        )

        assert columns.inner_text() == "predicted class"
        assert rows.inner_text() == "true class"
        assert columns.bounding_box()["width"] > 200
        assert rows.bounding_box()["height"] > 200


def test_images_of_mistakes_fill_their_cards(view: Any) -> None:
    """And the cards of one run their rows, if there are as many as can be shown."""
    cards = view.locator(".mistakes li")
    widths = cards.evaluate_all(
        "all => all.map(e => [e.clientWidth, e.querySelector('img').clientWidth])"
    )
    rows = view.locator(".mistakes").evaluate_all(
        "all => all.map(e => [...e.children].map(c => c.offsetTop))"
    )

    assert len(widths) == 24
    assert all(card == image for card, image in widths)
    for tops in rows:
        assert len({tops.count(top) for top in tops}) == 1, "a row is not full"


def test_a_table_that_is_too_wide_shows_that_it_scrolls(browser: Any, file: Path) -> None:
    for page in opened(browser, file, VIEWS["phone"]):
        scroller = page.locator(".scroll").first
        width, whole = scroller.evaluate("e => [e.clientWidth, e.scrollWidth]")
        edge = right_edge(scroller)
        scroller.evaluate("e => e.scrollLeft = e.scrollWidth")

        assert whole > width
        assert right_edge(scroller) - edge > 24  # of 255: a shadow, where there is more
        assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_the_command_is_copied_whole(browser: Any, single: Path, analyses: list[Analysis]) -> None:
    for page in opened(browser, single, VIEWS["phone"]):
        code = page.locator(".commands code")
        code.click()
        page.keyboard.press("Control+c")
        lines = code.evaluate("e => e.getClientRects().length")
        page.set_content("<textarea></textarea>")
        page.locator("textarea").focus()
        page.keyboard.press("Control+v")

        assert lines > 1, "it is wrapped"
        assert page.locator("textarea").input_value() == "\n".join(analyses[0].commands)


def test_text_stands_out_from_its_ground(view: Any) -> None:
    """By at least 4.5 to 1, as WCAG 2.1 has it in criterion 1.4.3."""
    assert view.evaluate(CONTRAST) == []


def test_light_and_dark_have_their_own_ground(browser: Any, file: Path) -> None:
    grounds = []
    for name in ("light", "dark"):
        for page in opened(browser, file, VIEWS[name]):
            colour = "getComputedStyle(document.body).backgroundColor"
            line = "getComputedStyle(document.querySelector('.plot text')).fill"
            grounds.append((page.evaluate(colour), page.evaluate(line)))

    assert grounds[0][0] != grounds[1][0]
    assert grounds[0][1] != grounds[1][1]


def test_the_first_key_leads_past_the_links(page: Any) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")

    assert page.evaluate("document.activeElement.id") == "main"


def test_the_keyboard_reaches_all_that_opens_scrolls_or_leads_on(page: Any) -> None:
    expected = page.locator("a, summary, .scroll").evaluate_all(
        "all => all.filter(e => e.checkVisibility()).map((e, i) => e.dataset.n = String(i))"
    )

    reached = []
    for _ in expected:
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.dataset.n"))

    assert reached == expected


def test_each_link_leads_to_its_section(page: Any) -> None:
    links = page.locator("nav a")
    for i in range(links.count()):
        links.nth(i).focus()
        page.keyboard.press("Enter")
        target = page.evaluate("location.hash")
        top, height = page.evaluate(
            "h => { const b = document.querySelector(h + ' h2').getBoundingClientRect();"
            " return [b.top, innerHeight] }",
            target,
        )
        assert 0 <= top < height, target
    assert links.count() == page.locator("section").count() == len(report.SECTIONS) - 1


def test_a_screen_reader_finds_landmarks_and_names(page: Any) -> None:
    for role in ("banner", "navigation", "main", "contentinfo"):
        assert page.get_by_role(role).count() == 1, role
    tree = page.locator("body").aria_snapshot()
    role = r"^ *- '?(img|region|group|link|table|figure)\b(?: (\"))?"
    parts = re.findall(role, tree, re.MULTILINE)

    assert parts.count(("img", '"')) > 30
    assert ("img", "") not in parts
    assert parts.count(("region", '"')) == len(report.SECTIONS) - 1
    assert ("region", "") not in parts
    assert ("link", "") not in parts


def test_kana_and_right_to_left_names_show(page: Any) -> None:
    head = page.locator("table.confusion").first.locator("thead th")

    assert [head.nth(i).inner_text() for i in (1, 2)] == ["お", "مرحبا"]


def test_print_opens_what_is_folded_and_is_light(browser: Any, file: Path) -> None:
    for page in opened(browser, file, VIEWS["dark"]):
        page.emulate_media(media="print", color_scheme="dark")
        folded = page.locator("details table").evaluate_all(
            "all => all.map(e => e.getBoundingClientRect().height)"
        )
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        pdf = page.pdf(format="A4")

        assert len(folded) > 3
        assert all(folded)
        assert ground == "rgb(255, 255, 255)"
        assert pdf.startswith(b"%PDF-")
        assert pdf.count(b"/Type /Page\n") >= 4
        assert page.said == []
