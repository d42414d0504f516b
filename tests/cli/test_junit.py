"""The option --junit: the verdict of a command, as the tests that continuous integration shows."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from mlpcli.checks import mutants, selftest
from mlpcli.checks.mutants import MUTANTS
from mlpcli.nn import mlp
from tests.cli.outcome import call, facts, refusal

SMALL = ("--set", "network.hidden=[16,8]", "--set", "data.name=synth")


def outcomes(path: str = "checks.xml") -> dict[str, str]:
    """The kind of result of each test of a report, by its class and name."""
    (suite,) = ElementTree.parse(path).getroot()
    return {
        f"{test.get('classname')}, {test.get('name')}": test[0].tag if len(test) else "passed"
        for test in suite
    }


def messages(path: str = "checks.xml") -> list[str | None]:
    """What the failed tests of a report say."""
    return [each.get("message") for each in ElementTree.parse(path).iter("failure")]


def test_eval_reports_on_each_threshold(run: str, spoiled: str) -> None:
    limits = ("--fail-under", "0.1", "--fail-under", "macro_f1=1", "--fail-under", "1")

    status, out, err = call("eval", run, "--data", spoiled, *limits, "--junit", "checks.xml")

    low_f1, low_accuracy = map(str, messages())
    assert outcomes() == {
        "run, accuracy at least 0.1": "passed",
        "run, macro F1 at least 1.0": "failure",
        "run, accuracy at least 1.0": "failure",
    }
    assert low_f1.startswith("macro F1 must be at least 1.0, got 0.9")
    assert (status, err) == (1, f"error: run: {low_f1}; {low_accuracy}\n")
    assert out.startswith(f"run (last weights) on the test split of {spoiled}")


def test_a_report_needs_a_threshold(run: str) -> None:
    told = refusal("eval", run, "--junit", "checks.xml")

    assert told == "--junit: needs --fail-under, whose thresholds it reports"
    assert not Path("checks.xml").exists()


def test_what_could_not_be_tried_is_an_error_in_the_report(place: Path) -> None:
    told = refusal("eval", "nope", "--fail-under", "0.9", "--junit", "checks.xml")

    (error,) = ElementTree.parse("checks.xml").iter("error")
    assert error.get("message") == told


@pytest.mark.parametrize(
    "command",
    [
        "gradcheck",
        "grade my.py",
        "workbook --verify",
        "eval run --fail-under 0",
        "data check synth",
    ],
)
def test_no_report_replaces_a_foreign_file(command: str, place: Path) -> None:
    Path("thesis.docx").write_text("years of work")

    told = refusal(*command.split(), "--junit", "thesis.docx")

    assert told == "thesis.docx: exists, and this command has not written it; choose another name"
    assert Path("thesis.docx").read_text() == "years of work"


def test_gradcheck_reports_on_each_array_at_each_point(place: Path) -> None:
    found = facts(call("gradcheck", *SMALL, "--junit", "checks.xml", "--json"))

    tests = outcomes()
    points = [point["point"] for point in found["points"]]
    assert set(tests.values()) == {"passed"}
    for point in points:
        for gradient in ("derivation", "engine"):
            for array in ("W1", "b1", "W2", "b2", "W3", "b3", "complex step"):
                assert f"{point}, {gradient}: {array}" in tests
        assert f"{point}, forward passes" in tests
    assert len(tests) == len(points) * (3 * 9 + 1)


@pytest.mark.slow
def test_a_wrong_array_is_a_failed_test_with_its_diagnosis(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant = next(m for m in MUTANTS if m.kind == "missing-mask")
    monkeypatch.setattr(mlp, "backward", mutants.mutate(mutant))

    status, out, _ = call("gradcheck", *SMALL, "--junit", "checks.xml")

    failed = {name for name, kind in outcomes().items() if kind == "failure"}
    details = next(ElementTree.parse("checks.xml").iter("failure")).text or ""
    assert status == 1
    assert "initial parameters, derivation: W1" in failed
    assert "initial parameters, derivation: W3" not in failed
    assert not any("engine" in name for name in failed)
    assert details.startswith("grad_z2: the derivative of h2")
    assert all(f"wrong in the derivation: {line}" in out for line in details.splitlines())


@pytest.mark.slow
def test_the_other_modes_of_gradcheck_have_reports_too(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selftest, "MUTANTS", MUTANTS[:2], raising=False)
    assert call("gradcheck", "--sweep", "--junit", "sweep.xml").status == 0
    found = facts(call("gradcheck", "--self-test", "--junit", "self.xml", "--json"))

    assert outcomes("sweep.xml")["slopes, central, float64"] == "passed"
    names = [f"mutants, {trial['fault']}" for trial in found["trials"]]
    assert outcomes("self.xml") == dict.fromkeys(
        [*names, "correct networks, false alarms"], "passed"
    )


def test_grade_reports_on_each_step(place: Path) -> None:
    Path("my.py").write_text(
        "def grad_z3(h3, y): return (h3 - y) / len(y)\ndef grad_b3(grad_z3): return 0 * grad_z3[0]"
    )

    status, _, _ = call("grade", "my.py", "--junit", "checks.xml")

    assert status == 1
    assert outcomes() == {
        "my.py, grad_z3": "passed",
        "my.py, grad_b3": "failure",
        "my.py, grad_W3": "skipped",
        "my.py, backward": "skipped",
    }
    assert str(messages()[0]).startswith("grad_b3")


def test_workbook_reports_on_each_statement(place: Path) -> None:
    found = facts(call("workbook", "--verify", "--json", "--junit", "checks.xml"))

    names = [f"{s['section']}, {s['number']}: {s['statement']}" for s in found["statements"]]
    assert outcomes() == dict.fromkeys(names, "passed")


def test_data_check_reports_on_each_kind_of_finding(place: Path, dots: str) -> None:
    arrays = dict(np.load(dots))
    arrays["x_test"][:9] = arrays["x_train"][:9]
    np.savez("leak.npz", allow_pickle=False, **arrays)

    assert call("data", "check", "leak.npz", "--junit", "checks.xml").status == 1

    assert messages() == ["test: 9 of its 90 images are also in train"]
    assert outcomes()["leak.npz, leaked"] == "failure"
    assert outcomes()["leak.npz, blank"] == "passed"
    assert len(outcomes()) == 6
