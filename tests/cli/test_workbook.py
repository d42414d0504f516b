"""The workbook at a terminal: questions, hints, judgements, and progress that survives."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlpcli.checks.questions.question import QUESTIONS, WORKBOOKS, Workbook
from mlpcli.terminal import HIDDEN
from tests.cli.outcome import call, facts, kinds, output, refusal

FIRST = WORKBOOKS[0].questions
MLP = (sys.executable, "-m", "mlpcli")


def session(*lines: str, options: tuple[str, ...] = ()) -> str:
    """What the program prints when these lines are piped in."""
    text = "".join(f"{line}\n" for line in lines)
    return output(call("workbook", *options, stdin=text.encode()))


def said(text: str) -> list[str]:
    """The first line of what the program says to each line that was typed."""
    return [part.partition("\n")[2].partition("\n")[0] for part in text.split("\n> ")[1:]]


def status(name: str) -> str | None:
    found = facts(call("workbook", "--question", name, "--list", "--json"))
    value: str | None = found["questions"][0]["status"]
    return value


def one_line(text: str) -> str:
    """An answer of several lines, as it can be pasted into a terminal."""
    return " ".join(text.split())


@pytest.mark.parametrize("workbook", WORKBOOKS, ids=lambda workbook: str(workbook.number))
def test_every_question_is_right_with_the_workbooks_own_answer(workbook: Workbook) -> None:
    lines = []
    for question in workbook.questions:
        lines.append(one_line(question.written or question.answer))
        lines += [] if question.judged else ["yes"]

    text = session(*lines, options=("--section", str(workbook.number)))

    answers, judged = said(text), sum(question.judged for question in workbook.questions)
    assert answers.count("Right.") == judged
    assert not [line for line in answers if line.startswith(("Wrong", "Not understood"))]
    n = len(workbook.questions)
    told = f"{n} of {n} questions done: {judged} right, {n - judged} matched by your own judgment."
    assert told in " ".join(text.split())


def test_every_question_is_right_with_the_workbooks_lines_pasted_as_they_are() -> None:
    lines = []
    for question in FIRST:
        written = (question.written or question.answer).strip()
        displayed = "\n" in written and "\\" in written
        lines += ["\\\\[", *written.split("\n"), "\\\\]"] if displayed else written.split("\n")
        lines += [] if question.judged else ["yes"]

    text = session(*lines, options=("--section", "01"))

    assert "60 of 60 questions done: 43 right, 17 matched by your own judgment." in text
    assert "Not understood" not in text
    assert text.count("Wrong") == 1  # the first line of W3 8, which has two


def test_a_wrong_answer_gets_its_reason_and_another_try() -> None:
    text = session("(h3 - y) outer h2", "h2 outer (h3 - y)", options=("--question", "W3.13"))

    wrong, right = said(text)
    assert wrong.startswith("Wrong: transposed: the shape is (10, 256)")
    assert right == "Right."
    assert status("W3.13") == "right"


def test_hints_come_in_three_steps_and_the_answer_on_demand() -> None:
    lines = ("hint", "hint", "hint", "hint", "answer")

    first, second, third, none, answer = said(session(*lines, options=("--question", "z3.12")))

    hints = [first[:12], second[:12], third[:12]]
    assert hints == ["Hint 1 of 3:", "Hint 2 of 3:", "Hint 3 of 3:"]
    assert none.startswith("There are no more hints")
    assert answer == "Answer: h3 - y"
    assert status("z3.12") == "shown"


def test_what_cannot_be_read_is_no_wrong_answer() -> None:
    told = said(session("h3 - (y", options=("--question", "z3.12")))[0]

    assert told == ("Not understood: a bracket is not closed. help shows how to write formulas.")
    assert status("z3.12") is None


def test_an_answer_in_words_is_judged_by_its_writer_alone() -> None:
    text = session("no idea", "perhaps", "no", options=("--question", "W3.6"))

    model, again, noted = said(text)
    assert model.startswith("Model answer: How strongly unit i of layer 2 is active, h2_i")
    assert again.startswith("Type yes if")
    assert noted.startswith("Noted")
    assert status("W3.6") == "differed"


def test_a_session_goes_on_where_the_last_one_ended() -> None:
    session("1/x", "skip", options=("--section", "calculus"))

    text = session(options=("--section", "calculus"))

    assert "  Calculus  1 of 10" in text
    assert "calculus.2  Calculus, question 2 (1 of 9)" in text


def test_restart_forgets_a_section_and_nothing_else() -> None:
    session("1/x", options=("--question", "calculus.1"))
    session("(10,)", options=("--question", "z3.1a"))

    session(options=("--section", "z3", "--restart"))

    assert status("z3.1a") is None
    assert status("calculus.1") == "right"


def test_quit_and_the_end_of_the_input_end_a_session_well() -> None:
    for lines in (("1/x", "quit", "e^x"), ("1/x",)):
        text = session(*lines, options=("--section", "calculus", "--restart"))

        assert "1 of 10 questions done: 1 right." in text
        assert text.endswith("state/workbook.json\n")


@pytest.mark.skipif(os.name == "nt", reason="sends a signal")
def test_ctrl_c_keeps_the_progress(tmp_path: Path) -> None:
    env = os.environ | {"MLPCLI_STATE": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [*MLP, "workbook"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
    )
    assert process.stdin
    process.stdin.write(b"1/x\n")
    process.stdin.flush()
    end = time.monotonic() + 60
    while not (tmp_path / "workbook.json").exists() and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert err.decode() == f"interrupted: progress is kept in {tmp_path / 'workbook.json'}\n"
    kept = json.loads((tmp_path / "workbook.json").read_text(encoding="utf-8"))
    assert kept["questions"]["calculus.1"]["status"] == "right"


def test_the_list_has_every_question_with_its_status() -> None:
    session("1/x", "x", options=("--section", "calculus"))

    lines = output(call("workbook", "--list")).splitlines()

    assert "  calculus.1    right" in lines
    assert "  calculus.2    not right yet" in lines
    assert "  concept.0     in words" in lines
    assert lines[-1] == f"1 of {len(QUESTIONS)} questions done"


def test_the_list_as_json_is_as_the_contract_has_it() -> None:
    session("hint", "1/x", options=("--question", "calculus.1"))

    found = facts(call("workbook", "--list", "--json"))

    assert kinds(found) == {"int": {"schema", "done"}, "list": {"questions"}}
    first = found["questions"][0]
    assert (first["id"], first["workbook"], first["kind"]) == ("calculus.1", 1, "formula")
    assert (first["status"], first["answer"]) == ("right", "1/x")
    assert (first["tries"], first["hints"]) == (1, 1)
    assert set(first) == {
        *("id", "workbook", "section", "number", "kind", "prompt"),
        *("status", "answer", "tries", "hints"),
    }


def test_a_misspelled_name_gets_the_nearest() -> None:
    assert refusal("workbook", "--question", "W3.31") == (
        "no such question 'W3.31'; did you mean 'W3.1'?"
    )
    assert refusal("workbook", "--section", "calculs") == (
        "--section: no such section 'calculs'; did you mean 'calculus'?"
    )
    assert refusal("workbook", "--json").startswith("--json: works only with")
    assert refusal("workbook", "--verify", "--list").startswith(
        "--verify: cannot be combined with --list"
    )


def test_verify_checks_the_statements_behind_one_question_or_section() -> None:
    one = facts(call("workbook", "--verify", "--question", "2.21", "--json"))
    section = facts(call("workbook", "--verify", "--section", "calculus", "--json"))

    assert [s["id"] for s in one["statements"]] == ["2.21a", "2.21b"]
    assert {s["section"] for s in section["statements"]} == {"Calculus"}
    assert len(section["statements"]) == 10


@pytest.mark.parametrize(
    ("name", "first"),
    [("z3", "z3.1a"), ("backprop to w3", "W3"), ("02", "2.1"), ("relu", "2.9a"), ("CALC", "calc")],
)
def test_a_section_is_chosen_by_code_number_or_a_part_of_its_title(name: str, first: str) -> None:
    found = facts(call("workbook", "--list", "--json", "--section", name))["questions"]

    assert found[0]["id"].startswith(first)


def test_a_foreign_file_of_progress_is_not_overwritten(tmp_path: Path) -> None:
    place = tmp_path / "state"
    place.mkdir()
    (place / "workbook.json").write_text("[]", encoding="utf-8")

    told = refusal("workbook")

    assert "workbook.json: not a progress file of `mlp workbook`; delete it" in told
    assert (place / "workbook.json").read_text(encoding="utf-8") == "[]"


def test_a_place_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MLPCLI_STATE", str(tmp_path / "file"))

    code, _, err = call("workbook", stdin=b"1/x\n")

    assert code == 2
    assert err.startswith(f"error: {tmp_path / 'file' / 'workbook.json'}: cannot write")


def test_any_bytes_can_be_typed() -> None:
    lines = b"\xff\xfe\n\x1b[31mx\n\x00\n" + "ℵ∮ﬁ\n".encode() + b"9" * 10_000 + b"\n"

    code, out, err = call("workbook", "--section", "calculus", stdin=lines)

    assert (code, err) == (0, "")
    assert not HIDDEN.search(out)
    assert said(out)[:4] == [line for line in said(out)[:4] if line.startswith("Not understood")]


def test_an_old_answer_stays_when_another_session_writes(tmp_path: Path) -> None:
    for name, answer in (("calculus.1", "1/x"), ("calculus.2", "e^x"), ("z3.12", "h3 - y")):
        session(answer, options=("--question", name))

    kept = json.loads((tmp_path / "state" / "workbook.json").read_text(encoding="utf-8"))

    assert set(kept["questions"]) == {"calculus.1", "calculus.2", "z3.12"}
