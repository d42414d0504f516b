"""A file of answers: the template, its judgement, points, and what CI and courses read."""

import json
import re
import shlex
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from mlpcli.checks.questions.question import QUESTIONS, WORKBOOKS
from mlpcli.config import yaml_source
from tests.cli.outcome import call, facts, kinds, output, refusal

FIRST = WORKBOOKS[0].questions
OWN = {question.id: question.written or question.answer for question in FIRST}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(answers: dict[str, str], name: str = "answers.yaml") -> str:
    Path(name).write_text(yaml_source.dump(answers), encoding="utf-8")
    return name


def judge(*options: str, **answers: str) -> dict[str, str]:
    """The status of each answer in a file with these answers alone."""
    file = write({key.replace("_", "."): text for key, text in answers.items()})
    status, out, _ = call("workbook", "--answers", file, "--json", *options)
    assert status == 1  # most answers are blank
    return {each["id"]: each["status"] for each in json.loads(out)["answers"]}


def test_a_template_has_every_question_and_a_blank_for_each() -> None:
    text = output(call("workbook", "--template"))

    assert list(yaml_source.parse(text, "").values) == [question.id for question in QUESTIONS]
    assert set(yaml_source.parse(text, "").values.values()) == {""}
    assert max(map(len, text.splitlines())) <= 100
    for question in QUESTIONS:
        words = re.sub(r"[#\s`]+", "", question.prompt)
        assert words in re.sub(r"[#\s]+", "", text)


@pytest.mark.parametrize(
    "options", [[], ["--section", "01"], ["--section", "Backprop to W3"], ["--question", "2.21"]]
)
def test_a_template_shows_the_command_that_judges_just_its_questions(options: list[str]) -> None:
    text = output(call("workbook", *options, "--template"))
    Path("a.yaml").write_text(text, encoding="utf-8")
    command = re.search(r"(?m)^#     mlp (.*)$", text)
    assert command

    _, out, _ = call(*shlex.split(command[1].replace("FILE", "a.yaml")), "--json")

    asked = [answer["id"] for answer in json.loads(out)["answers"]]
    assert asked == list(yaml_source.parse(text, "").values)


def test_an_unfilled_template_is_blank_and_not_ok() -> None:
    Path("a.yaml").write_text(output(call("workbook", "--template")), encoding="utf-8")

    status, out, err = call("workbook", "--answers", "a.yaml")

    assert status == 1
    assert out.count("BLANK") == len(QUESTIONS)
    assert err.startswith("error: a.yaml: 0 of")


def test_the_workbooks_own_answers_are_all_right() -> None:
    file = write(OWN | {"W3.6": "how active h2_i is, and how strongly z3_j moves the loss"})

    found = facts(call("workbook", "--section", "01", "--answers", file, "--json"))

    assert kinds(found) == {
        "int": {"schema", "right", "judged"},
        "bool": {"ok"},
        "float": {"points", "max_points"},
        "str": {"file"},
        "list": {"answers"},
    }
    assert (found["ok"], found["right"], found["judged"]) == (True, 43, 43)
    statuses = {each["id"]: each["status"] for each in found["answers"]}
    expected = {q.id: "right" if q.judged else "written" for q in FIRST}
    assert statuses == expected
    assert set(found["answers"][0]) == {
        *("id", "workbook", "section", "number", "kind", "answer", "status", "reason"),
        *("points", "max_points"),
    }


def test_each_status_is_told() -> None:
    found = judge(
        W3_13="(h3 - y) outer h2", z3_12="h3 - y", z3_9="h3_(", W3_6="two forces", W3_10="  "
    )

    assert found["W3.13"] == "wrong"
    assert found["z3.12"] == "right"
    assert found["z3.9"] == "unreadable"
    assert found["W3.6"] == "written"
    assert found["W3.10"] == found["b3.5"] == "blank"


def test_numbers_lists_and_other_case_are_read_as_answers() -> None:
    Path("a.yaml").write_text("z3.5a: 0\nz3.5b: -1.0\nW3.1: [256, 10]\nZ3.1A: (10,)\nB3.3:\n")

    out = json.loads(call("workbook", "--answers", "a.yaml", "--json").out)
    found = {each["id"]: each["status"] for each in out["answers"]}

    assert [found[name] for name in ("z3.5a", "z3.5b", "W3.1", "z3.1a")] == ["right"] * 4
    assert found["b3.3"] == "blank"


def test_a_wrong_answer_is_shown_with_its_reason() -> None:
    file = write({"W3.13": "(h3 - y) outer h2"})

    _, out, err = call("workbook", "--question", "W3.13", "--answers", file)

    assert out == (
        "Backprop to W3\n"
        "  W3.13        WRONG\n"
        "    (h3 - y) outer h2\n"
        "    transposed: the shape is (10, 256), but that of W3 is (256, 10)\n\n"
        "0 of 1 judged answer right, 1 wrong\n"
    )
    assert err == "error: answers.yaml: 0 of 1 judged answer right, 1 wrong\n"


def test_markdown_has_a_row_for_each_answer() -> None:
    Path("a.yaml").write_text("W3.13: (h3 - y) outer h2\nW3.9: (h3 - y)_j\n", "utf-8")

    out = call("workbook", "--section", "W3", "--answers", "a.yaml", "--markdown").out.splitlines()

    reason = "wrong: transposed: the shape is (10, 256), but that of W3 is (256, 10)"
    assert rf"| W3.13 | (h3 - y) outer h2 | {reason} |" in out
    assert r"| W3.9 | (h3 - y)\_j | right |" in out
    assert "| W3.1 |  | blank |" in out


def test_points_come_from_the_rubric_alone() -> None:
    file = write({"W3.13": "h2 outer (h3 - y)", "z3.12": "h3", "b3.5": "h3 - y"})
    Path("points.yaml").write_text("W3.13: 5\nz3.12: 2.5\n", encoding="utf-8")
    words = ("workbook", "--answers", file, "--rubric", "points.yaml")

    status, out, _ = call(*words, "--json")

    found = json.loads(out)
    assert status == 1
    assert (found["points"], found["max_points"]) == (5, 7.5)
    assert call(*words).err.endswith("5 of 7.5 points\n")


def test_gradescope_gets_a_test_for_each_question_with_points() -> None:
    file = write({"W3.13": "h2 outer (h3 - y)", "z3.12": "h3"})
    Path("points.yaml").write_text("W3.13: 5\nz3.12: 2.5\n", encoding="utf-8")

    call("workbook", "--answers", file, "--rubric", "points.yaml", "--gradescope", "results.json")

    assert json.loads(Path("results.json").read_text(encoding="utf-8"))["tests"] == [
        {
            "name": "z3.12",
            "score": 0,
            "max_score": 2.5,
            "output": "wrong: the entry of the correct class is not right yet",
            "status": "failed",
        },
        {"name": "W3.13", "score": 5, "max_score": 5, "output": "right", "status": "passed"},
    ]


def test_junit_has_a_case_for_each_question() -> None:
    file = write({"W3.13": "h2 outer (h3 - y)", "W3.6": "two forces", "W3.10": "h2_i"})

    call("workbook", "--section", "W3", "--answers", file, "--junit", "checks.xml")

    found = ET.parse("checks.xml").getroot()  # our own file
    cases = {case.attrib["name"].partition(":")[0]: case for case in found.iter("testcase")}
    assert list(cases) == [q.id for q in QUESTIONS if q.code == "W3"]
    assert len(cases["W3.13"]) == 0
    assert cases["W3.6"][0].tag == "skipped"
    assert cases["W3.10"][0].attrib["message"] == "wrong: a factor is missing: (h3 - y)_j"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("W3.31: x", "a.yaml:1:1: no such question 'W3.31'; did you mean 'W3.1'?"),
        ("z3.12: {a: b}", "a.yaml:1:1: z3.12 must be text, got {'a': 'b'}"),
        ("z3.12: yes: no", "a.yaml:1:11: not valid YAML: mapping values are not allowed here"),
        ("- h3 - y", "a.yaml:1:1: expected settings as `key: value`"),
    ],
)
def test_a_file_that_is_no_file_of_answers_is_refused(text: str, told: str) -> None:
    Path("a.yaml").write_text(text, encoding="utf-8")

    assert refusal("workbook", "--answers", "a.yaml") == told


def test_a_rubric_for_a_question_in_words_is_refused() -> None:
    Path("points.yaml").write_text("W3.6: 2\n", encoding="utf-8")
    file = write({})

    told = refusal("workbook", "--answers", file, "--rubric", "points.yaml")

    assert told.startswith("points.yaml:1:1: unknown question 'W3.6'")


def test_options_that_do_not_go_together_are_refused() -> None:
    assert (
        refusal("workbook", "--gradescope", "r.json") == "--gradescope: works only with --answers"
    )
    assert (
        refusal("workbook", "--junit", "r.xml") == "--junit: works only with --verify or --answers"
    )
    assert refusal("workbook", "--template", "--list").startswith(
        "--template: cannot be combined with"
    )
    assert "cannot be read" in refusal("workbook", "--answers", "missing.yaml")
