import ast
import json
import time
from pathlib import Path

import pytest

from mlpcli.nn import mlp
from tests.checks.grading import implementations
from tests.checks.grading.submissions import CHEATS, LAYERED, PLACES, RIGHT, WHOLE, WRONG, but
from tests.cli.outcome import Outcome, call, facts, refusal


def judge(source: str, *options: str) -> Outcome:
    Path("mywork.py").write_text(source, encoding="utf-8")
    return call("grade", "mywork.py", *options)


@pytest.mark.slow
@pytest.mark.parametrize("name", RIGHT)
def test_a_right_submission_passes_on_the_workbooks_network(name: str) -> None:
    source, conventions = RIGHT[name]

    found = facts(judge(source, "--json"))

    assert (found["schema"], found["ok"]) == (1, True)
    assert found["right"] == found["total"] == len(found["steps"])
    told = json.dumps(found)
    assert all(convention in told for convention in conventions)


@pytest.mark.slow
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_submission_fails_and_is_diagnosed(name: str) -> None:
    source, wrong, total = WRONG[name]

    status, out, err = judge(source, "--json")

    found = json.loads(out)
    assert status == 1
    assert err.endswith(f"error: mywork.py: {total - len(wrong)} of {total} steps right\n")
    assert {s["step"]: s["kind"] for s in found["steps"] if not s["ok"]} == wrong
    assert (found["ok"], found["right"], found["total"]) == (False, total - len(wrong), total)


@pytest.mark.slow
def test_each_step_of_the_json_has_the_keys_that_graders_read() -> None:
    found = json.loads(judge(WRONG["no mask"][0], "--json").out)

    assert [step["step"] for step in found["steps"]] == PLACES
    step = found["steps"][3]
    assert set(step) == {"step", "ok", "conventions", "place", "kind", "text"}
    assert (step["place"], step["kind"]) == ("grad_z2", "missing-mask")
    assert step["text"] == "grad_z2: the derivative of h2 with respect to z2 is missing"


def test_the_text_tells_the_steps_what_was_recognized_and_the_score() -> None:
    status, out, _ = judge(but(LAYERED, ".sum(axis=0)", ".mean(axis=0)"))

    assert status == 1
    assert out.splitlines() == [
        "mywork.py: checked on 1024-512-256-10 with 4 images and with one, float64",
        "",
        "right  grad_z3",
        "right  grad_W3",
        "wrong  grad_b3 is 4 times too small: divided by the batch size twice",
        "       accepts a batch in rows (n, k)",
        "       1/n in grad_z3",
        '       right for one image as a row (1, k); if that is meant, write FORM = "row"',
        "       sum over the images in grad_W3",
        "",
        "not defined: backward",
        "",
        "2 of 3 steps right",
    ]


def test_the_template_is_a_submission_that_is_not_done_yet() -> None:
    template = call("grade", "--template").out

    status, out, _ = judge(template)

    names = [f.name for f in ast.parse(template).body if isinstance(f, ast.FunctionDef)]
    assert names == ["grad_z3", "grad_W3", "grad_b3", "backward"]
    assert status == 1
    assert out.count("not done yet") == 4
    assert out.endswith("0 of 12 steps right\n")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("", "defines none of grad_z3, grad_W3, grad_b3, backward, update; see `--template`"),
        ("def gradz3(h3, y): ...", "rename 'gradz3' to 'grad_z3'?"),
        ("x = 1\ndef f(:\n", "mywork.py:2: invalid syntax"),
        ("x = 1\n  y = 2\n", "mywork.py:2: unexpected indent"),
        ("import numpy\nimport no_such_module\n", "mywork.py:2: ModuleNotFoundError: No module"),
        ("x = 1 / 0", "mywork.py:1: ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit()", "mywork.py:2: ends the program"),
        ("import subprocess\nsubprocess.run(['sleep', '60'])", "mywork.py:2: PermissionError: a"),
        ("import mlpcli", "mywork.py:1: ModuleNotFoundError: No module named 'mlpcli'"),
        ("import scipy", "mywork.py:1: ModuleNotFoundError: No module named 'scipy'"),
        ("import os\nos._exit(0)", "mywork.py: ended its process with status 0 while it was read"),
        ("import os\nos.abort()", "mywork.py: ended by signal SIGABRT while it was read"),
        ("input()", "mywork.py:1: EOFError"),
        ("x = bytearray(1 << 32)", "mywork.py:1: needs more memory than the 2 GiB"),
        ("raise BaseException('so')", "mywork.py:1: BaseException: so"),
        ("class E(Exception):\n  __str__ = None\nraise E", "mywork.py:3: submission.E"),
        (
            LAYERED.replace("return h2.T", "import os; os._exit(3); h2.T"),
            "mywork.py: ended its process with status 3 in grad_W3",
        ),
    ],
)
def test_a_file_that_cannot_be_judged_is_one_clear_line(source: str, told: str) -> None:
    Path("mywork.py").write_text(source, encoding="utf-8")

    line = refusal("grade", "mywork.py")

    assert line.startswith("mywork.py")
    assert told in line


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("while True: pass", "mywork.py:1: still running after 1 s, while it was read"),
        (
            "def grad_z3(h3, y):\n    n = 0\n    while True:\n        n += 1\n",
            "still running after 1 s, in grad_z3; see --timeout",
        ),
        (
            "import time\nwhile 1:\n  try: time.sleep(9)\n  except BaseException: pass\n",
            "mywork.py: did not end within 1 s, while it was read",
        ),
    ],
)
def test_an_endless_loop_ends_at_the_time_limit(source: str, told: str) -> None:
    started = time.monotonic()

    status, out, err = judge(source, "--timeout", "1")

    assert (status, out) == (2, "")
    assert told in err
    assert time.monotonic() - started < 30


@pytest.mark.slow
def test_a_later_form_that_never_ends_does_not_undo_what_is_known() -> None:
    source = LAYERED.replace("return (h3", "\n    while h3.ndim == 1: pass\n    return (h3")

    assert facts(judge(source, "--json", "--timeout", "2"))["ok"]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("h2.T", "h2.nope", "mywork.py:6: AttributeError: 'numpy.ndarray' object has no attribute"),
        ("h2.T", "exit()", "mywork.py:6: ends the program, with sys.exit or the like"),
        ("h2.T", "bytearray(1 << 32)", "mywork.py:6: needs more memory than the 2 GiB"),
        ("(h2, grad_z3)", "(a)", "mywork.py:5: TypeError: grad_W3() takes 1 positional argument"),
        ("@ grad_z3", "@ grad_z3 * 'a'", "mywork.py:6:"),
        ("return h2.T @ grad_z3", "return grad_W3(h2, grad_z3)", "mywork.py:6: RecursionError"),
    ],
)
def test_an_exception_in_a_function_is_a_wrong_step_with_its_line(
    old: str, new: str, line: str
) -> None:
    status, out, err = judge(but(LAYERED, old, new))

    assert status == 1
    assert f"wrong  grad_W3: {line}" in out
    assert out.endswith("2 of 3 steps right\n")
    assert "Traceback" not in out + err


def test_what_the_file_prints_goes_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    outcome = judge('print("hello from here")\n' + LAYERED, "--json")

    assert facts(outcome)["ok"]
    out, err = capfd.readouterr()
    assert out == ""
    assert "hello from here" in err


def test_the_file_can_import_what_lies_beside_it() -> None:
    Path("helpers.py").write_text("def outer(a, b): return a.T @ b\n")
    source = but(LAYERED, "h2.T @ grad_z3", "outer(h2, grad_z3)")

    assert facts(judge("from helpers import outer\n" + source, "--json"))["ok"]


def test_a_syntax_error_in_a_file_beside_it_names_both() -> None:
    Path("helpers.py").write_text("x = 1\ndef f(:\n")
    Path("mywork.py").write_text("x = 1\nimport helpers\n" + LAYERED)

    assert refusal("grade", "mywork.py") == "mywork.py:2: helpers.py, line 2: invalid syntax"


def test_a_network_that_the_file_states_is_the_one_judged() -> None:
    source = implementations.RIGHT["two layers, sigmoid"]

    out = judge(source).out
    assert "mywork.py: checked on 196-30-10 with" in out
    assert out.endswith("6 of 6 steps right\n")
    assert facts(judge(source, "--seed", "7", "--json"))["missing"] == [
        "grad_z2",
        "grad_W2",
        "grad_b2",
    ]


def test_a_triple_loop_is_judged_within_the_time_limit() -> None:
    source = """
def grad_W3(h2, grad_z3):
    n, k, m = len(h2), h2.shape[1], grad_z3.shape[1]
    return [[sum(h2[r][i] * grad_z3[r][j] for r in range(n)) for j in range(m)] for i in range(k)]
"""

    assert facts(judge(source, "--json"))["ok"]


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["none.py"], "none.py: no such file"),
        (["."], ".: not a file"),
        (["w.ipynb"], "w.ipynb: is a notebook"),
        ([], "FILE.py: name a file to grade, or give --template to start one"),
        (["w.py", "--template"], "--template: prints a file to start from; leave out FILE.py"),
    ],
)
def test_what_is_no_submission_is_named(args: list[str], told: str) -> None:
    Path("w.ipynb").write_text("{}")

    assert refusal("grade", *args).startswith(told)


def test_a_temporary_folder_that_cannot_be_made_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("w.py").write_text(LAYERED)
    monkeypatch.setattr("tempfile.tempdir", "none")

    assert refusal("grade", "w.py").startswith("w.py: cannot be run in a temporary folder: No such")


@pytest.mark.slow
def test_the_old_options_of_gradcheck_still_grade_and_name_the_new_command() -> None:
    judge(WHOLE)
    for old, new in (("--backward mywork.py", "mywork.py"), ("--template", "--template")):
        status, out, err = call("gradcheck", *old.split())

        option = old.split()[0]
        assert (status, out) == (0, call("grade", new).out)
        assert err.startswith(f"note: mlp gradcheck {option} is now mlp grade ")
        assert err.count("\n") == 1
        assert option not in call("gradcheck", "--help").out


@pytest.mark.slow
@pytest.mark.parametrize(
    "trick",
    [
        "open(SOURCE)",
        "io.FileIO(pathlib.Path(SOURCE))",
        "os.open('mlp.py', os.O_RDONLY, dir_fd=os.open(os.path.dirname(SOURCE), os.O_RDONLY))",
        "os.link(SOURCE, 'copy.py')",
        "os.symlink(SOURCE, 'copy.py')",
        "os.fork()",
    ],
)
def test_a_file_cannot_reach_the_program_that_grades_it(trick: str) -> None:
    head = f"import io, os, pathlib\nSOURCE = {mlp.__file__!r}\n{trick}\n"

    status, out, err = judge(head + WHOLE)

    assert (status, out) == (2, "")
    assert "PermissionError: a graded file may not open mlpcli" in err


RECORDER = but(
    WHOLE,
    "    return grads[::-1]",
    """
    import os
    arrays = [array for pair in grads[::-1] for array in pair]
    calls.append(1)
    np.savez(os.path.join(os.path.dirname(__file__), f"{len(calls)}.npz"), *arrays)
    return arrays
calls = []""",
)


@pytest.mark.slow
@pytest.mark.parametrize("name", CHEATS)
def test_a_cheat_fails_with_a_seed(name: str) -> None:
    judge(RECORDER)

    status, out, err = judge(CHEATS[name], "--seed", "8", "--json")

    if name == "mlpcli's own":
        assert (status, out) == (2, "")
        assert "PermissionError: a graded file may not open mlpcli" in err
    else:
        assert status == 1
        assert json.loads(out)["right"] == {"swapped names": 3, "divided by 4": 8}.get(name, 0)


@pytest.mark.parametrize("name", ["stored answers", "four images alone", "divided by 4"])
def test_these_cheats_need_a_seed(name: str) -> None:
    judge(RECORDER)

    assert judge(CHEATS[name]).status == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", RIGHT)
def test_a_right_submission_passes_with_any_seed(name: str) -> None:
    for seed in ("0", "1", "123456789123456789"):
        assert judge(RIGHT[name][0], "--seed", seed, "--strict").status == 0


def test_a_seed_draws_images_and_widths_that_the_file_cannot_know() -> None:
    heads = {judge(WHOLE, "--seed", seed).out.splitlines()[0] for seed in "0123"}

    assert len(heads) == 4
    assert not any("-512-" in head or "-256-" in head or " 4 images" in head for head in heads)


def test_strict_refuses_what_is_no_gradient() -> None:
    source = but(WHOLE, "return grads[::-1]", "return grads[::-1], h[0]")

    assert judge(source).status == 0
    status, out, _ = judge(source, "--strict")
    assert status == 1
    assert "wrong  backward returns 7 arrays, 1 of them no gradient; return the gradients" in out


def test_nothing_is_left_beside_the_file() -> None:
    judge(WHOLE)

    assert [path.name for path in Path().iterdir() if path.name != "cache"] == ["mywork.py"]


def test_the_help_says_that_the_code_is_run() -> None:
    assert "runs the code" in " ".join(call("grade", "--help").out.split())
