import ast
import json
import time
from pathlib import Path

import pytest

from mlpcli.checks.grading.answers import FORMS
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


@pytest.mark.slow
@pytest.mark.parametrize("name", implementations.RIGHT)
def test_an_implementation_passes_in_its_own_process(name: str) -> None:
    assert judge(implementations.RIGHT[name]).status == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", implementations.WRONG)
def test_a_wrong_implementation_fails_in_its_own_process(name: str) -> None:
    source, kind, told = implementations.WRONG[name]

    status, out, _ = judge(source, "--json")

    steps = [step for step in json.loads(out)["steps"] if not step["ok"]]
    assert status == 1
    assert kind in [step["kind"] for step in steps]
    assert any(told in step["text"] for step in steps)


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
        "not defined and not counted: backward",
        "",
        "2 of 3 steps right",
    ]


@pytest.mark.parametrize(
    ("style", "names", "total"),
    [
        ("functions", ["grad_z3", "grad_W3", "grad_b3", "backward"], 12),
        ("dict", ["backward"], 9),
        ("class", ["backward", "update"], 18),
    ],
)
def test_a_template_is_a_submission_that_is_not_done_yet(
    style: str, names: list[str], total: int
) -> None:
    template = call("grade", "--template", "--style", style).out

    status, out, _ = judge(template)

    assert [f.name for f in ast.parse(template).body if isinstance(f, ast.FunctionDef)] == names
    assert status == 1
    assert out.count("not done yet") == len(names)
    assert out.endswith(f"0 of {total} steps right\n")


TODO = "    raise NotImplementedError\n"
ANSWERS = {  # what is written in place of each `raise`
    "functions": [
        "return (h3 - y) / len(y)",
        "return h2.T @ grad_z3",
        "return grad_z3.sum(axis=0)",
        """d3 = (h[3] - y) / len(y)
    d2 = d3 @ params[2][0].T * (h[2] > 0)
    d1 = d2 @ params[1][0].T * (h[1] > 0)
    return [(a.T @ d, d.sum(axis=0)) for a, d in zip(h, (d1, d2, d3))]""",
    ],
    "dict": [
        """d3 = (h3 - y) / len(y)
    d2 = d3 @ W3.T * (h2 > 0)
    d1 = d2 @ W2.T * (h1 > 0)"""
    ],
    "class": [
        """self.h = [x]
        for W, b in self.params[:-1]:
            self.h.append(np.maximum(self.h[-1] @ W + b, 0))
        W, b = self.params[-1]
        e = np.exp(self.h[-1] @ W + b)
        self.h.append(e / e.sum(axis=1, keepdims=True))
        return self.h[-1]""",
        """d, self.grads = (self.h[3] - y) / len(y), []
        for i in (2, 1, 0):
            self.grads.insert(0, (self.h[i].T @ d, d.sum(axis=0)))
            d = d @ self.params[i][0].T * (self.h[i] > 0)""",
    ],
}
GAPS = {f"dW{i}": f"h{i - 1}.T @ d{i}" for i in (1, 2, 3)}
GAPS |= {f"db{i}": f"d{i}.sum(axis=0)" for i in (1, 2, 3)}


@pytest.mark.parametrize("style", ANSWERS)
def test_a_template_that_is_filled_in_is_right(style: str) -> None:
    source = call("grade", "--template", "--style", style).out
    for answer in ANSWERS[style]:
        source = but(source, TODO, f"    {answer}\n")
    if style == "dict":
        for name, answer in GAPS.items():
            source = but(source, f'["{name}"] = ...', f'["{name}"] = {answer}')

    status, out, _ = judge(source, "--seed", "3", "--strict")

    assert "NotImplementedError" not in source
    assert (status, "wrong" in out) == (0, False)


@pytest.fixture
def rubric() -> str:
    Path("points.yaml").write_text(
        "grad_z3: 2\ngrad_W3: 1.5  # the outer product\nbackward.grad_W1: 4\n"
    )
    return "points.yaml"


def test_a_rubric_gives_points_to_steps(rubric: str) -> None:
    outcome = judge(but(LAYERED, "h2.T @", "2 * h2.T @"), "--rubric", rubric)
    found = json.loads(judge(LAYERED, "--rubric", rubric, "--json").out)

    assert outcome.status == 1
    assert outcome.out.endswith("2 of 3 steps right, 2 of 7.5 points\n")
    assert (found["ok"], found["points"], found["max_points"]) == (False, 3.5, 7.5)


def test_gradescope_gets_a_test_for_each_step_with_points(rubric: str) -> None:
    wrong = but(LAYERED, "h2.T @", "2 * h2.T @")
    judge(wrong, "--rubric", rubric, "--gradescope", "results.json")

    tests = json.loads(Path("results.json").read_text())["tests"]
    assert [(t["name"], t["score"], t["max_score"], t["status"]) for t in tests] == [
        ("grad_z3", 2, 2, "passed"),
        ("grad_W3", 0, 1.5, "failed"),
        ("backward.grad_W1", 0, 4, "failed"),
    ]
    assert tests[1]["output"].startswith("wrong  grad_W3 is 2 times too large")
    assert tests[2]["output"] == "backward.grad_W1 is not defined"
    assert judge(LAYERED, "--gradescope", "results.json").status == 0  # its own file is replaced
    tests = json.loads(Path("results.json").read_text())["tests"]
    assert [(t["score"], t["max_score"]) for t in tests] == [(1, 1)] * 3


def test_gradescope_gets_the_reason_where_nothing_can_be_judged() -> None:
    assert judge("def f(:\n", "--gradescope", "results.json").status == 2

    results = json.loads(Path("results.json").read_text())
    assert results["score"] == 0
    assert results["output"] == "mywork.py:1: invalid syntax"


def test_gradescope_never_replaces_another_file() -> None:
    Path("results.json").write_text('{"mine": 1}')
    Path("mywork.py").write_text(LAYERED)

    line = refusal("grade", "mywork.py", "--gradescope", "results.json")
    assert line.startswith("results.json: exists, and this command has not written it")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("grad_Z3: 2", "points.yaml:1:1: unknown step 'grad_Z3'; did you mean 'grad_z3'?"),
        (
            "grad_z3: 1\ngrad_b3: two",
            "points.yaml:2:1: grad_b3 must be a number of points in [0, 10",
        ),
        ("grad_z3: -1", "got -1"),
        ("grad_z3: true", "got True"),
        ("grad_z3: .nan", "got nan"),
        ("1: 1", "points.yaml:1:1: expected a name"),
        ("", "points.yaml: gives no points; write lines such as `backward.grad_W1: 2`"),
        ("- 1", "points.yaml:1:1: expected settings as `key: value`"),
        ("a: [", "points.yaml:1:5: not valid YAML"),
        ("x" * 70_000, "points.yaml: cannot be read: has more than 65,536 bytes"),
    ],
)
def test_a_wrong_rubric_is_one_line_and_nothing_is_run(text: str, told: str) -> None:
    Path("points.yaml").write_text(text)
    Path("mywork.py").write_text("open('run', 'w')\n" + LAYERED)

    line = refusal("grade", "mywork.py", "--rubric", "points.yaml")

    assert told in line
    assert not Path("run").exists()


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
    assert "mywork.py: checked on 196-30-10, sigmoid, with" in out
    assert out.endswith("6 of 6 steps right\n")
    found = facts(judge('FORM = "rows"\n' + source, "--seed", "7", "--json"))
    assert found["missing"] == ["grad_z2", "grad_W2", "grad_b2"]
    assert (found["sizes"], found["activation"]) == ([196, 30, 10], "sigmoid")
    assert found["form"] == "rows"


@pytest.mark.parametrize("form", FORMS)
def test_every_form_can_be_stated(form: str) -> None:
    axis, n = {"rows": (0, "len(y)"), "columns": (1, "y.shape[1]")}.get(form, (0, "1"))
    outer = {"rows": "h2.T @ g", "row": "h2.T @ g", "vector": "np.outer(h2, g)"}
    total = f"g.sum(axis={axis})" if n != "1" else "g"
    source = f"""import numpy as np
FORM = "{form}"
def grad_z3(h3, y): return (h3 - y) / {n}
def grad_W3(h2, grad_z3): g = grad_z3; return {outer.get(form, "g @ h2.T")}
def grad_b3(grad_z3): g = grad_z3; return {total}
"""

    assert facts(judge(source, "--json"))["right"] == 3


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
        (["w.py", "--style", "dict"], "--style: works only with --template"),
        (["w.py", "--rubric", "none.yaml"], "none.yaml: cannot be read: No such file"),
        (["w.py", "--template"], "--template: cannot be combined with FILE.py"),
        (["--template", "--seed", "0"], "--template: cannot be combined with --seed"),
        (["--template", "--json"], "--template: cannot be combined with --json"),
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
