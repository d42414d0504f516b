from pathlib import Path
from xml.etree import ElementTree

import pytest

from mlpcli.errors import DataError, OutputError
from mlpcli.show.junit import Case, report

CASES = [
    Case("initial parameters", "W1"),
    Case("initial parameters", "b1", failure="error 0.1", details="sums over rows"),
    Case("functions", "grad_b3", skipped="not defined"),
]


def suite(path: Path) -> ElementTree.Element:
    """The one test suite of a report."""
    root = ElementTree.parse(path).getroot()
    assert root.tag == "testsuites"
    (only,) = root
    return only


def test_a_report_has_a_test_for_each_case(tmp_path: Path) -> None:
    path = tmp_path / "checks.xml"
    with report(path, "gradcheck") as cases:
        cases += CASES

    written = suite(path)
    counts = {key: written.get(key) for key in ("tests", "failures", "errors", "skipped")}
    assert written.get("name") == "mlp gradcheck"
    assert counts == {"tests": "3", "failures": "1", "errors": "0", "skipped": "1"}
    assert 0 <= float(written.get("time", "nan")) < 60
    assert [(test.get("classname"), test.get("name")) for test in written] == [
        (case.group, case.name) for case in CASES
    ]
    assert [len(test) for test in written] == [0, 1, 1]
    assert (written[1][0].tag, written[1][0].get("message")) == ("failure", "error 0.1")
    assert written[1][0].text == "sums over rows"
    assert (written[2][0].tag, written[2][0].get("message")) == ("skipped", "not defined")


def test_names_with_any_character_are_valid_xml(tmp_path: Path) -> None:
    path = tmp_path / "checks.xml"
    odd = "".join(map(chr, (*range(0x20), 0x7F, 0xD800, 0xFFFE, 0xFFFF))) + "<&>\"']]>é0"
    with report(path, "data check") as cases:
        cases.append(Case(odd, odd, failure=odd, details=odd))

    (test,) = suite(path)
    name = test.get("name", "")
    assert name.startswith("\\u0000\\u0001")
    assert name.endswith("<&>\"']]>é0")
    assert "\n" not in name + test.get("classname", "") + test[0].get("message", "")
    assert "\\ufffe\\uffff" in (test[0].text or "")


def test_an_error_replaces_the_report_of_an_earlier_run(tmp_path: Path) -> None:
    path = tmp_path / "checks.xml"
    with report(path, "eval") as cases:
        cases.append(Case("runs/first", "accuracy"))
    with pytest.raises(DataError), report(path, "eval"):
        raise DataError("photos: no such file or folder")

    (test,) = suite(path)
    assert (test[0].tag, test[0].get("message")) == ("error", "photos: no such file or folder")


@pytest.mark.parametrize("content", ["my thesis", '<testsuites name="pytest tests">'])
def test_a_foreign_file_is_never_replaced(tmp_path: Path, content: str) -> None:
    path = tmp_path / "thesis.docx"
    path.write_text(content)
    refusal = pytest.raises(OutputError, match=r"has not written it; choose another name$")
    with refusal, report(path, "eval"):
        raise AssertionError("nothing may be done before the file is claimed")

    assert path.read_text() == content


def test_without_a_file_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with report(None, "eval") as cases:
        cases += CASES

    assert list(tmp_path.iterdir()) == []
