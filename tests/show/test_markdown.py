"""Markdown of results, as a parser of GitHub's dialect reads it."""

from itertools import pairwise

from markdown_it import MarkdownIt

from mlpcli.show.format import Block
from mlpcli.show.junit import Case
from mlpcli.show.markdown import check_blocks, markdown

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
ODD = "a|b `c` *d* _e_ <b>f</b> [g](h) #i ~~j~~ &amp; \\ 1$ $2 ![k](l)"


def elements(text: str) -> list[tuple[str, str]]:
    """Headings, items and cells in their order, as kind and text; nothing else may be there."""
    found = []
    tokens = PARSER.parse(text)
    for before, token in pairwise(tokens):
        if token.type == "inline":
            children = token.children or []
            assert {child.type for child in children} <= {"text", "text_special"}, text
            found.append((before.tag, "".join(child.content for child in children)))
    return found


def test_the_first_line_is_a_heading_and_the_others_a_list() -> None:
    found = elements(markdown(["runs/a on mnist", "accuracy: 98%", "", "loss: 0.1\n  nats"]))

    assert found == [("h3", "runs/a on mnist"), ("p", "accuracy: 98%"), ("p", "loss: 0.1 nats")]


def test_a_table_has_its_numbers_on_the_right() -> None:
    text = markdown(["head", [["run", "loss", "data"], ["1", "0.5", "a"], ["2", "-", "0 to 1"]]])

    assert "| :--- | ---: | :--- |" in text
    assert elements(text)[1:4] == [("th", "run"), ("th", "loss"), ("th", "data")]
    assert elements(text)[4:] == [("td", c) for c in ("1", "0.5", "a", "2", "-", "0 to 1")]


def test_names_are_never_markup() -> None:
    blocks: list[Block] = [
        ODD,
        ODD,
        [[ODD, "x"], ["a\nb", ODD]],
        "1. one",
        "- two",
        "+ three",
        "2024) four",
    ]

    assert elements(markdown(blocks)) == [
        ("h3", ODD),
        ("p", ODD),
        *(("th", ODD), ("th", "x"), ("td", "a\\u000ab"), ("td", ODD)),
        *(("p", text) for text in ("1. one", "- two", "+ three", "2024) four")),
    ]


def test_checks_are_a_table_of_verdicts_with_what_is_known_of_failures() -> None:
    cases = [
        Case("start", "W1"),
        Case("end", "W1", failure="error 0.1", details="the 1/n is missing\nin W1"),
        Case("end", "b1", skipped="not defined", details="the 1/n is missing"),
    ]

    assert [text for _, text in elements(markdown(check_blocks("gradient", "FAIL", cases)))] == [
        *("gradient", "FAIL", "the 1/n is missing", "in W1", "checked", "check", "verdict"),
        *("start", "W1", "passed", "end", "W1", "failed: error 0.1"),
        *("end", "b1", "skipped: not defined"),
    ]


def test_checks_of_one_thing_do_not_repeat_its_name() -> None:
    found = check_blocks("my.py", "1 of 1", [Case("my.py", "grad_z3", details="not told")])

    assert found == ["my.py", "1 of 1", [["check", "verdict"], ["grad_z3", "passed"]]]


def test_a_table_without_rows_is_a_table() -> None:
    assert elements(markdown(["runs", [["run", "loss"]]])) == [
        ("h3", "runs"),
        ("th", "run"),
        ("th", "loss"),
    ]
