"""The page as it is seen, walked through by keyboard, read aloud, and kept to itself."""

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mlpcli.api import playground as api
from mlpcli.checks.questions.question import WORKBOOKS
from mlpcli.data import dataset
from mlpcli.nn import mlp
from mlpcli.runs.checkpoint import Checkpoint
from mlpcli.runs.folder import RunFolder
from mlpcli.show import playground
from tests.show.chromium import MARKS, opened
from tests.show.playground.conftest import GARMENTS, LOOK, show, until, written

pytestmark = MARKS

VIEWS: dict[str, dict[str, Any]] = {
    "light": LOOK,
    "dark": {**LOOK, "color_scheme": "dark"},
    "tablet": {"viewport": {"width": 768, "height": 1024}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light"},
}
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
SEVEN = ((0.28, 0.25), (0.5, 0.24), (0.72, 0.25), (0.62, 0.45), (0.52, 0.65), (0.45, 0.82))


@pytest.fixture(params=VIEWS)
def view(request: pytest.FixtureRequest, browser: Any, ruled: Path) -> Iterator[Any]:
    yield from opened(browser, written(ruled), VIEWS[request.param])


@pytest.fixture
def fresh(browser: Any, ruled: Path) -> Iterator[Any]:
    yield from opened(browser, written(ruled), LOOK)


def draw(page: Any, points: Any = SEVEN) -> None:
    """Draw a stroke with the mouse, and wait until all of it is shown."""
    box = page.locator("#pad").bounding_box()
    place = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*place[0])
    page.mouse.down()
    for x, y in place[1:]:
        page.mouse.move(x, y, steps=4)
    page.mouse.up()
    until(page, "state.pass !== null && isSettled")


def states(page: Any) -> Iterator[str]:
    """Each state of the page, one after another."""
    until(page, "isSettled")
    yield "empty"
    draw(page)
    yield "drawing"
    page.locator("[name=answer]").nth(4).check(force=True)
    yield "why"
    page.locator("#teach").click()
    until(page, "network.steps === 1 && isSettled")
    yield "taught"
    show(page, 0)
    yield "mistake"


def test_nothing_is_requested_said_cut_off_or_inaccessible_in_any_state(view: Any) -> None:
    view.evaluate(AXE)
    for state in states(view):
        width = view.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        violations = view.evaluate("axe.run().then(({ violations }) => violations)")

        assert width[0] <= width[1], f"{state}: the page scrolls sideways"
        assert [(each["id"], each["nodes"][0]["html"]) for each in violations] == [], state
        assert view.said == [], state


def test_the_policy_lets_nothing_in_or_out(fresh: Any) -> None:
    blocked = fresh.evaluate(
        """async () => {
          const image = new Promise(done => {
            const made = new Image();
            made.onload = () => done("loaded");
            made.onerror = () => done("blocked");
            made.src = "https://example.org/a.png";
          });
          const script = document.createElement("script");
          script.textContent = "window.caught = 1";
          document.body.append(script);
          const fetched = await fetch("https://example.org/").then(() => "loaded", () => "blocked");
          return [await image, fetched, window.caught ?? "blocked"];
        }"""
    )

    assert blocked == ["blocked"] * 3


def test_names_cannot_become_markup_or_code(runs: list[Path], browser: Any) -> None:
    file = runs[0] / "playground.html"
    playground.write(file, api.collect(runs[0]))
    for page in opened(browser, file, LOOK):
        names = page.evaluate("classes")
        show(page, 0)

        assert "<script>window.caught=1</script>" in names
        assert page.locator("#bars bdi").all_inner_texts()[:2] == ["お", "مرحبا"]
        assert page.evaluate("window.caught") is None
        assert page.said == []


def test_a_drawing_is_undone_cleared_and_undone_again(fresh: Any) -> None:
    draw(fresh)
    draw(fresh, ((0.3, 0.5), (0.6, 0.5)))
    for key, strokes in (("#undo", 1), ("#clear", 0), ("#undo", 1), ("#undo", 0)):
        fresh.locator(key).click()
        until(fresh, "!isDue")
        assert fresh.evaluate("state.subject?.strokes.length ?? 0") == strokes, key
    assert fresh.locator("#guess").inner_text() == ""


def test_keys_draw_what_the_mouse_draws(fresh: Any) -> None:
    fresh.locator("#pad").focus()
    for key in ("ArrowUp",) * 8 + (" ",) + ("ArrowDown",) * 18 + (" ",):
        fresh.keyboard.press(key)
    until(fresh, "state.pass !== null && isSettled")

    (stroke,) = fresh.evaluate("state.subject.strokes")
    assert len(stroke["points"]) == 19
    assert fresh.locator("#guess").inner_text() == "1"
    spoken = fresh.locator("#spoken").inner_text()
    assert re.fullmatch(r"1, \d+(\.\d)?%\. .+", spoken)


def test_the_keyboard_reaches_every_control_in_order(fresh: Any) -> None:
    fresh.evaluate("look({ kind: 'test', ...gallery[0] })")
    until(fresh, "state.pass !== null && isSettled")
    expected = ["skip", "pad", "undo", "clear", "open", "pen", "test-image", "answer", "rate"]
    expected += ["teach", "download"]
    reached = []
    for _ in range(60):
        fresh.keyboard.press("Tab")
        name = fresh.evaluate(
            "(({ id, name, className }) => id || name || className)(document.activeElement)"
        )
        if name in expected:
            reached.append(name)
    assert list(dict.fromkeys(reached)) == expected


def test_touching_the_pad_draws_and_does_not_scroll(browser: Any, ruled: Path) -> None:
    look = {**VIEWS["phone"], "has_touch": True, "is_mobile": True}
    for page in opened(browser, written(ruled), look):
        session = page.context.new_cdp_session(page)
        box = page.locator("#pad").bounding_box()
        place = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in SEVEN]
        for i, (x, y) in enumerate(place):
            kind = "touchMove" if i else "touchStart"
            points = [{"x": x, "y": y}]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        until(page, "state.pass !== null && isSettled")

        assert len(page.evaluate("state.subject.strokes")) == 1
        assert page.evaluate("scrollY") == 0


def test_a_picture_is_opened_and_what_is_none_is_named(
    browser: Any, garments: Path, tmp_path: Path
) -> None:
    """On a run whose classes are not drawn."""
    image = dataset.load("synth", "test").images[0]
    Image.fromarray(255 - image).resize((90, 90)).save(tmp_path / "shirt.png")
    (tmp_path / "none.png").write_text("no picture")
    for page in opened(browser, written(garments), LOOK):
        assert page.locator("h1").inner_text() == "Show it a picture"
        assert not page.locator("#undo").is_visible()
        page.locator("#pad").click()
        page.set_input_files("#file", tmp_path / "none.png")
        until(page, "document.getElementById('problem').textContent !== ''")
        assert page.locator("#problem").inner_text().startswith("none.png: cannot be read")
        assert page.evaluate("state.pass") is None

        page.set_input_files("#file", tmp_path / "shirt.png")
        until(page, "state.pass !== null && isSettled")

        assert page.locator("#shown").is_visible()
        told = page.locator("#changes").inner_text()
        assert told == "Light and dark were swapped, and the picture was shrunk as a whole."
        assert page.locator("#guess").inner_text()
        for name in (*GARMENTS, "W" * 40):
            page.evaluate(
                "name => { classes.fill(name); look({ kind: 'test', ...gallery[0] }) }", name
            )
            until(page, "isSettled")
            edges = page.evaluate(
                "['#paths', '#paths .winner'].map(name =>"
                " document.querySelector(name).getBoundingClientRect().right)"
            )
            assert edges[1] <= edges[0] + 1, name
        assert page.said == []


def test_without_test_images_the_page_works(browser: Any, ruled: Path, tmp_path: Path) -> None:
    found = api.collect(ruled)._replace(images=None, accuracy=None)
    playground.write(tmp_path / "bare.html", found)
    for page in opened(browser, tmp_path / "bare.html", LOOK):
        draw(page)
        page.locator("[name=answer]").nth(7).check(force=True)
        page.locator("#teach").click()
        until(page, "network.steps === 1 && isSettled")

        assert page.locator("#gallery").count() == 0
        assert page.locator("#p-taught").inner_text().endswith("%")
        assert page.said == []


def test_a_network_without_hidden_layers_has_a_page(
    browser: Any, ruled: Path, tmp_path: Path
) -> None:
    found = api.collect(ruled)
    params = mlp.init((1024, 10), rng=np.random.default_rng(0))
    linear = found.checkpoint._replace(params=params)
    playground.write(tmp_path / "linear.html", found._replace(checkpoint=linear))
    for page in opened(browser, tmp_path / "linear.html", LOOK):
        show(page, 0)

        assert page.locator("#numbers-grad_W1").inner_text()
        assert page.said == []


@pytest.mark.parametrize(
    "sizes", [(1024, 10), (1024, 64, 48, 32, 10), (1024, 2048, 10), (1024, 256, 47)]
)
def test_no_map_is_taller_than_wide(
    browser: Any, ruled: Path, tmp_path: Path, sizes: tuple[int, ...]
) -> None:
    """Of any network: deep, wide, or with many classes."""
    found = api.collect(ruled)
    metadata = found.checkpoint.metadata
    names = tuple(str(k) for k in range(sizes[-1]))
    network = Checkpoint(
        metadata.model_copy(update={"classes": names}),
        mlp.init(sizes, rng=np.random.default_rng(0)),
    )
    playground.write(tmp_path / "any.html", found._replace(checkpoint=network))
    for page in opened(browser, tmp_path / "any.html", VIEWS["phone"]):
        show(page, 0)

        assert page.said == []
        for canvas in page.locator("canvas.map").all():
            box = canvas.bounding_box()
            assert box["height"] <= 1.1 * box["width"], canvas.get_attribute("id")


def test_the_default_network_fits_in_two_megabytes(ruled: Path) -> None:
    found = api.collect(ruled)
    params = mlp.init((1024, 512, 256, 10), rng=np.random.default_rng(0))
    text = playground.page(
        found._replace(checkpoint=RunFolder(ruled).load_weights("best")._replace(params=params))
    )

    assert len(text.encode()) <= 2_000_000


def test_a_print_is_light_and_has_no_buttons(browser: Any, ruled: Path) -> None:
    for page in opened(browser, written(ruled), VIEWS["dark"]):
        draw(page)
        page.emulate_media(media="print", color_scheme="dark")

        assert (
            page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        )
        assert not page.locator("#undo").is_visible()
        assert page.locator("#seen").is_visible()
        assert page.pdf(format="A4").startswith(b"%PDF-")


def test_every_step_names_a_question_of_the_workbook() -> None:
    asked = {question.id for book in WORKBOOKS for question in book.questions}
    for layers in (1, 2, 3, 5):
        steps = playground.steps_of(layers, "relu")

        assert {step.question for step in steps.values()} <= asked
    assert {*sum(playground.QUESTIONS.values(), ())} <= asked


def test_facts_of_the_run_cannot_end_their_element() -> None:
    text = playground.data_text({"name": "</script><!--\u2028&"})

    assert not re.search("[<>&\u2028]", text)
    assert json.loads(text) == {"name": "</script><!--\u2028&"}
