import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import IPython.display
import pytest

from mlpcli.api.eval import evaluate_run
from mlpcli.api.trainer import Event, Notice, train
from mlpcli.config.schema import Config
from mlpcli.runs.folder import RunFolder
from mlpcli.show import notebook
from mlpcli.show.notebook import Page, Training
from mlpcli.training.progress import Epoch, Metrics
from tests.show.conftest import CLASSES
from tests.trainings import unstaged


def parsed(html: str) -> ElementTree.Element:
    """The HTML, which is well-formed."""
    return ElementTree.fromstring(html)


def words(html: str) -> str:
    return "".join(parsed(html).itertext())


@pytest.fixture
def past(run: Path) -> list[Metrics]:
    return RunFolder(run).load_metrics()


def shown(past: list[Metrics]) -> str:
    return notebook.network("runs/a", {"weights": "best"}, past, "accuracy")


def test_a_network_is_shown_with_its_curves(past: list[Metrics]) -> None:
    root = parsed(shown(past))
    labels = [plot.attrib["aria-label"] for plot in root.iter("svg")]

    best = max(past, key=lambda each: each.validation_accuracy or 0)
    assert f"validation accuracy {100 * best.validation_accuracy:.2f}%" in words(shown(past))  # type: ignore[operator]  # was measured
    assert [label.partition(":")[0] for label in labels] == [
        "Loss in nats by epoch",
        "validation accuracy by epoch",
    ]


def test_without_epochs_or_validation_images_the_rest_is_shown(past: list[Metrics]) -> None:
    blind = [each.model_copy(update={"validation_loss": None}) for each in past]

    assert list(parsed(shown([])).iter("svg")) == []
    assert "weights" in words(shown([]))
    assert len(list(parsed(shown(blind)).iter("svg"))) == 1
    assert f"train loss {past[-1].train_loss:.4f}" in words(shown(blind))


def test_two_outputs_can_stand_in_one_page(past: list[Metrics]) -> None:
    first, second = (re.findall(r' id="(.*?)"', shown(epochs)) for epochs in (past, past[:2]))

    assert first
    assert not set(first) & set(second)


def test_every_color_is_defined(past: list[Metrics]) -> None:
    html = shown(past)

    used = set(re.findall(r"var\((--(?:ink|muted|rule|series)[\w-]*)\)", html))
    assert {"--series-0", "--rule", "--muted"} <= used
    assert all(f"{name}:" in html for name in used)
    assert "http" not in html


def test_an_evaluation_is_shown_as_its_confusion_matrix(runs: list[Path]) -> None:
    result = evaluate_run(runs[0])
    html = notebook.evaluation(result)
    table = parsed(html).find(".//table")

    assert table is not None
    rows = [[cell.text for cell in row.iter("td")] for row in table.iter("tr")]
    assert rows[1:] == [[str(n) for n in row] for row in result.scores.confusion.tolist()]
    assert f"{result.scores.correct:,} of 200 correct (95% interval " in words(html)


def test_names_of_a_run_and_of_classes_are_text(runs: list[Path]) -> None:
    html = notebook.evaluation(evaluate_run(runs[1]))

    tags = {node.tag for node in parsed(html).iter()}
    assert tags == {"div", "b", "table", "caption", "thead", "tbody", "tr", "th", "td"}
    headings = [cell.text for cell in parsed(html).iter("th") if cell.get("scope") == "col"]
    assert headings[3] == CLASSES[3] == "<script>window.caught=1</script>"
    assert "\\u001b[31mred\\u0007" in headings
    assert "<b onclick=window.caught=1>" in words(html)
    title = words(notebook.network("<i>", {"a": "<b>"}, [], "accuracy"))
    assert title == "<i>a<b>"


def test_a_training_is_described_as_it_proceeds(settings: Config, folder: Path) -> None:
    training, texts = Training(3, "accuracy"), list[str]()
    training.add(Notice("look out <b>"))
    for event in unstaged(train(settings, folder, preflight=False)):
        training.add(event)
        texts.append(training.page().text)
    training.step = None
    page = training.page()

    assert texts[0] == "preparing"
    assert texts[1].startswith("epoch 1 of 3")
    assert any(re.match(r"epoch 3 of 3, \d:\d\d left; validation accuracy", text) for text in texts)
    assert repr(page).startswith("3 epochs in 0.")
    assert len(list(parsed(page.html).iter("svg"))) == 2
    assert "warning: look out <b>" in words(page.html)
    assert "data: 300 images of 6x6, 3 classes" in words(page.html)


class Handle:
    """In place of a display of a notebook: what it has shown."""

    def __init__(self) -> None:
        self.pages: list[Page] = []

    def update(self, page: Page) -> None:
        self.pages.append(page)


@pytest.fixture
def handle(monkeypatch: pytest.MonkeyPatch) -> Handle:
    found = Handle()

    def display(page: Page, *, display_id: bool) -> Handle:
        assert display_id
        found.update(page)
        return found

    monkeypatch.setattr(IPython.display, "display", display)
    return found


def test_a_display_grows_with_the_training(
    settings: Config, folder: Path, handle: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notebook, "EVERY", 0.0)

    notebook.watch(train(settings, folder, preflight=False), epochs=3, metric="accuracy")

    texts = [repr(page) for page in handle.pages]
    assert texts[0] == "preparing"
    assert [any(text.startswith(f"epoch {i} of 3") for text in texts) for i in (1, 2, 3)] == [
        True
    ] * 3
    assert texts[-1].startswith("3 epochs in ")
    assert "<svg" in handle.pages[-1].html


def test_a_display_is_updated_rarely(settings: Config, folder: Path, handle: Handle) -> None:
    begin = time.perf_counter()
    notebook.watch(train(settings, folder, preflight=False), epochs=3, metric="accuracy")

    assert len(handle.pages) <= 2 + (time.perf_counter() - begin) / notebook.EVERY


def test_a_training_that_fails_leaves_what_was_done(
    settings: Config, folder: Path, handle: Handle
) -> None:
    def failing() -> Iterator[Event]:
        for event in train(settings, folder, preflight=False):
            yield event
            if isinstance(event, Epoch):
                raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        notebook.watch(failing(), epochs=3, metric="accuracy")

    assert repr(handle.pages[-1]).startswith("1 epoch in ")


def test_a_test_is_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    shell: Any = type("Shell", (), {"kernel": None})()

    assert not notebook.is_open()
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    assert notebook.is_open()
