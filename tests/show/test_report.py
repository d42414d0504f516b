import itertools
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from mlpcli.api.report import MAX_RUNS, Analysis, claim
from mlpcli.config.schema import Metric
from mlpcli.show import plots, report, svg
from mlpcli.show.format import METRICS, fixed, percent
from mlpcli.terminal import HIDDEN
from tests.show.conftest import CLASSES, HOSTILE

pytestmark = pytest.mark.slow

VOID = {"meta", "link", "img", "br"}
ADDRESSES = {"src", "href", "srcset", "action", "data", "poster", "xlink:href"}


class Reader(HTMLParser):
    """A page taken apart; `wrong` says where its elements do not close as they opened."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()
        self.wrong += self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            self.wrong.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, *tags: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.elements if tag in tags]


@pytest.fixture(scope="session", params=["one run", "two runs"])
def text(request: pytest.FixtureRequest, analyses: list[Analysis]) -> str:
    return report.page(analyses[:1] if request.param == "one run" else analyses)


@pytest.fixture(scope="session")
def page(text: str) -> Reader:
    return Reader(text)


def test_every_element_closes_as_it_opened(page: Reader) -> None:
    assert page.wrong == []


def test_nothing_is_loaded_from_elsewhere(page: Reader, text: str) -> None:
    found = [value for _, a in page.elements for name, value in a.items() if name in ADDRESSES]

    assert [value for value in found if not value.startswith(("#", "data:"))] == []
    assert "@import" not in text
    assert set(re.findall(r"url\((.)", text)) <= {"#"}
    assert "://" not in text
    assert page.all("script", "iframe", "object", "embed", "base", "form") == []


def test_no_element_acts(page: Reader) -> None:
    names = {name for _, attributes in page.elements for name in attributes}

    assert [name for name in names if name.startswith("on")] == []
    policy = [a["content"] for a in page.all("meta") if a.get("http-equiv")]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


def test_names_are_text_and_nothing_more(page: Reader, text: str) -> None:
    joined = "".join(page.text)

    for name in CLASSES:
        assert report.visible(name) in joined
    for name in HOSTILE[:3]:
        assert name not in text
    assert HIDDEN.search(text) is None


def test_every_figure_and_image_has_an_alternative(page: Reader) -> None:
    images = [a.get("alt", "") for a in page.all("img")]
    plots = [a.get("aria-label", "") for a in page.all("svg") if a.get("role") == "img"]
    others = [a for a in page.all("svg") if a.get("role") != "img"]

    assert all(images)
    assert all(plots)
    assert len(plots) >= 6
    assert all(a.get("aria-hidden") == "true" for a in others)


def test_headings_go_down_one_step_at_a_time(page: Reader) -> None:
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))


def test_table_headers_say_what_they_head(page: Reader) -> None:
    assert page.all("th")
    assert all(re.fullmatch("(col|row)(group)?", a.get("scope", "")) for a in page.all("th"))


def test_identifiers_are_unique_and_links_lead_to_them(page: Reader) -> None:
    ids = [a["id"] for _, a in page.elements if "id" in a]
    links = [a["href"][1:] for a in page.all("a", "use")]

    assert len(set(ids)) == len(ids)
    assert set(links) <= set(ids)
    assert page.all("html")[0]["lang"] == "en"


def test_a_page_is_small(text: str) -> None:
    assert len(text.encode()) < 500_000


def test_there_are_as_many_colours_and_markers_as_runs_may_be() -> None:
    assert svg.SERIES == len(plots.MARKERS) == len(plots.SYMBOLS) == MAX_RUNS


def test_the_same_runs_give_the_same_page(analyses: list[Analysis]) -> None:
    assert report.page(analyses) == report.page(analyses)


def test_norms_of_an_older_run_are_said_to_be_missing(analyses: list[Analysis]) -> None:
    missing = {"weight_norms": None, "gradient_norms": None}
    older = [m.model_copy(update=missing) for m in analyses[0].metrics]

    page = report.page([analyses[0]._replace(metrics=older)])

    assert "Not recorded" in page
    assert "Not recorded" not in report.page(analyses[:1])


def test_a_run_that_goes_on_is_told_as_such(analyses: list[Analysis]) -> None:
    record = analyses[0].record.replace(status="interrupted")

    page = report.page([analyses[0]._replace(record=record)])

    assert "This run has not finished: it is interrupted after 4 of 4 epochs" in page


def test_a_headline_has_its_label_and_six_tiles(analyses: list[Analysis]) -> None:
    page = report.page(analyses[:1])

    accuracy = percent(analyses[0].evaluation.accuracy)
    headline = f'<p class="label">test accuracy</p>\n<p class="number">{accuracy}</p>'
    assert page.index(headline) < page.index('<dl class="tiles">')
    assert page.count("<dt>") == 6


def test_warnings_stand_between_the_headline_and_the_tiles(analyses: list[Analysis]) -> None:
    record = analyses[0].record.replace(warnings=("the first & only",))

    page = report.page([analyses[0]._replace(record=record)])

    places = [page.index(part) for part in ('class="number"', "the first &amp; only", "<dt>")]
    assert places == sorted(places)


def test_of_several_runs_the_comparison_comes_first_and_marks_the_best(
    analyses: list[Analysis],
) -> None:
    page = report.page(analyses)

    scores = [a.evaluation.scores for a in analyses]
    best = percent(max(s.accuracy for s in scores)), fixed(min(s.loss for s in scores))
    marked = re.findall('<mark>([^<]+)<span class="unseen">, best</span></mark>', page)
    assert re.findall('<section id="(.*?)"', page)[:2] == ["comparison", "training"]
    assert [*best] == marked[:2]


def test_the_best_run_leads_the_table(analyses: list[Analysis]) -> None:
    orders = [
        re.findall('row"><span class="mark series-(.)', report.page(each))
        for each in (analyses, analyses[::-1])
    ]

    ranked = sorted((0, 1), key=lambda i: -analyses[i].evaluation.accuracy)
    assert orders[0][:2] == [str(i) for i in ranked]
    assert orders[1][:2] == [str(1 - i) for i in ranked]


def test_runs_of_one_name_are_told_apart_as_one_types_them(
    analyses: list[Analysis], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pair = []
    for analysis, name in zip(analyses, ("five", "wide"), strict=True):
        run = Path("runs", name, "seed-0")
        run.mkdir(parents=True)
        (run / "config.yaml").touch()
        pair.append(analysis._replace(evaluation=analysis.evaluation._replace(run=str(run))))

    assert "<title>five/seed-0, wide/seed-0 " in report.page(pair)


def test_settings_that_differ_are_written_as_in_a_config(analyses: list[Analysis]) -> None:
    first = analyses[0]
    network = first.config.network.replace(batch_norm=True)
    pair = [first, first._replace(config=first.config.replace(network=network))]

    row = "<code>network.batch_norm</code></th><td>false</td><td>true</td>"
    assert row in report.page(pair)


def test_runs_on_different_images_have_no_best(analyses: list[Analysis]) -> None:
    other = analyses[1].evaluation._replace(images=({}, b""))

    page = report.page([analyses[0], analyses[1]._replace(evaluation=other)])

    assert "evaluated on different images" in page
    assert "<mark>" not in page


def test_of_three_runs_the_p_values_are_corrected(analyses: list[Analysis]) -> None:
    third = analyses[1]._replace(evaluation=analyses[1].evaluation._replace(run="third"))

    page = report.page([*analyses, third])

    assert "corrected for 3 pairs of runs (Holm)" in page
    assert "Holm" not in report.page(analyses)


@pytest.mark.parametrize("metric", get_args(Metric))
def test_other_metrics_show_where_one_decides(analyses: list[Analysis], metric: Metric) -> None:
    a = analyses[0]
    train = a.metadata.config.train.replace(metric=metric)
    changed = a.metadata.config.replace(train=train)
    metadata = a.metadata.model_copy(update={"config": changed})

    pages = [report.page([a._replace(metadata=metadata), *more]) for more in ([], [analyses[1]])]

    for page in pages:
        assert ("balanced accuracy" in page) == ("macro F1" in page) == (metric != "accuracy")
    assert f"the best by validation {METRICS[metric]}" in pages[0]
    assert 'id="macro-f1' in pages[0] or metric != "macro_f1"


def test_the_training_loss_is_explained_by_what_it_includes(analyses: list[Analysis]) -> None:
    a = analyses[0]
    train = a.config.train.replace(label_smoothing=0.1)
    network = a.config.network.replace(dropout=0.2)
    config = a.config.replace(train=train, network=network)

    assert "still change, and includes label smoothing and dropout; the" in report.page(
        [a._replace(config=config)]
    )
    assert "still change; the validation loss" in report.page([a])


def test_the_command_is_one_text_without_line_breaks(page: Reader) -> None:
    commands = [a for a in page.all("pre") if a.get("class") == "commands"]
    text = "".join(page.text)

    assert len(commands) in (1, 2)
    assert re.search(r"^mlp train --set .* --threads \d+ --name a$", text, re.MULTILINE)


def test_a_long_history_is_thinned_to_its_ends(analyses: list[Analysis]) -> None:
    last = analyses[0].metrics[-1]
    long = [last.model_copy(update={"epoch": i}) for i in range(1, 5001)]

    page = report.page([analyses[0]._replace(metrics=long)])

    assert "200 of 5,000 epochs" in page
    assert '<th scope="row" class="n">5000</th>' in page
    assert len(page.encode()) < 500_000


def test_many_classes_make_an_image_of_the_matrix(analyses: list[Analysis]) -> None:
    found = analyses[0].evaluation
    confusion = np.eye(62, dtype=int) * 9 + np.eye(62, k=1, dtype=int)
    scores = found.scores._replace(confusion=confusion)
    classes = tuple(map(str, range(62)))

    evaluation = found._replace(scores=scores, classes=classes)
    page = Reader(report.page([analyses[0]._replace(evaluation=evaluation)]))

    assert [a["width"] for a in page.all("img") if "matrix" in a["class"]] == ["62"]


def test_a_report_replaces_an_earlier_one(tmp_path: Path, analyses: list[Analysis]) -> None:
    path = tmp_path / "report.html"

    report.write(path, analyses[:1])
    claim(path, [], overwrite=False)
    written = report.write(path, analyses)

    assert path.stat().st_size == written.bytes
    assert path.read_text(encoding="utf-8") == report.page(analyses)
